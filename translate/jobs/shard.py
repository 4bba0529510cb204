"""Making shards of features, which training streams."""

from pathlib import Path

from translate.errors import UserError
from translate.speech.corpus.features import FeatureStore
from translate.speech.shards.writing import write_shards


def shard_corpus(given: Path, out: Path, megabytes: float) -> None:
    """Write the features of a dump as shards; raise `UserError` where `given` is no dump."""
    if given.is_file():
        raise UserError(f"{given}: expected the folder that `translate extract` wrote; pictures train from a manifest")
    write_shards(FeatureStore(given), out, megabytes)
