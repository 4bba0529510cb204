"""From features or pictures to shards, and from shards to what trains."""

from collections.abc import Mapping
from pathlib import Path

from translate.config import SystemConfig
from translate.data.manifest import read_manifest
from translate.data.picture_shards import write_picture_shards
from translate.data.shard_writing import write_shards
from translate.data.shards import ShardedUtterances, ShardStore, make_disjoint_shards
from translate.data.speech import FeatureStore, Utterances
from translate.errors import UserError


def shard_corpus(given: Path, out: Path, megabytes: float) -> None:
    """Write the features of a dump, or the pictures of a manifest, as shards."""
    if given.is_file():
        write_picture_shards(read_manifest(given), out, megabytes)
    else:
        write_shards(FeatureStore(given), out, megabytes)


def select_shards(config: SystemConfig, shards: Mapping[str, ShardedUtterances]) -> dict[str, ShardedUtterances]:
    """What trains of every domain: all, or of two unpaired domains no sentence in common.

    Raises:
        UserError: the system learns from pairs; or a domain has nothing left.
    """
    if config.data.batches == "paired":
        raise UserError(
            f"{config.model} learns from parallel recordings, and shards have no pairs; give --features the folder "
            "that `translate extract` wrote"
        )
    if config.data.batches == "labelled" or not config.data.non_parallel:
        return dict(shards)
    source, target = config.data.pair()
    kept = make_disjoint_shards(shards[source], shards[target])
    return dict(zip((source, target), kept, strict=True))


def preview(store: ShardStore, used: Mapping[str, ShardedUtterances]) -> dict[str, Utterances]:
    """Some utterances that train, in memory, for what looks at the run."""
    shown = {}
    for domain, shards in used.items():
        first = store.open("train", domain)
        kept = shards.keeps(first.pairs)
        shown[domain] = first.select([id for id, is_kept in zip(first.ids, kept, strict=True) if is_kept])
    return shown
