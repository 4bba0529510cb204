"""A few utterances of shards, in memory, for the run monitor."""

from collections.abc import Mapping

from translate.speech.corpus.features import Utterances
from translate.speech.shards.reading import ShardedUtterances, ShardStore


def preview(store: ShardStore, used: Mapping[str, ShardedUtterances]) -> dict[str, Utterances]:
    """Return a few training utterances of every domain for the run monitor."""
    shown = {}
    for domain, shards in used.items():
        first = store.open("train", domain)
        kept = shards.keeps(first.pairs)
        shown[domain] = first.select([id for id, is_kept in zip(first.ids, kept, strict=True) if is_kept])
    return shown
