"""From shards to what trains."""

from collections.abc import Mapping

from translate.errors import UserError
from translate.models.base import Model
from translate.speech.corpus.features import Utterances
from translate.speech.shards.reading import ShardedUtterances, ShardStore, make_disjoint_shards


def select_shards(config: Model, shards: Mapping[str, ShardedUtterances]) -> dict[str, ShardedUtterances]:
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
