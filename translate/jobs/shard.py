"""From features or pictures to shards, and from shards to what trains."""

from pathlib import Path

from translate.corpus.manifest import read_manifest
from translate.images.corpus.shards import write_picture_shards
from translate.speech.corpus.features import FeatureStore
from translate.speech.shards.writing import write_shards


def shard_corpus(given: Path, out: Path, megabytes: float) -> None:
    """Write the features of a dump, or the pictures of a manifest, as shards."""
    if given.is_file():
        write_picture_shards(read_manifest(given), out, megabytes)
    else:
        write_shards(FeatureStore(given), out, megabytes)




