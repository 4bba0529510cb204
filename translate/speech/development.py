"""The sentences by which training chooses its best step, and their references."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from translate.corpus.directions import Directions
from translate.models.base import SpeechModel
from translate.speech.corpus.features import FeatureStore, Utterances

log = logging.getLogger("translate")

MOST_SENTENCES = 16                                                 # over all directions, where none are asked for
MOST_OF_DIRECTION = 4                                               # likewise
MOST_NATURAL = 30                                                   # training recordings of a target, evenly spaced


@dataclass(frozen=True)
class Sentence:
    """A sentence to convert.

    Attributes:
        source, target: domains.
        row: row of the sentence in `Development.held_out[source]`.
        natural: row of the target's recording of it in `Development.references[target]`; None where there is none.
    """

    source: str
    target: str
    row: int
    natural: int | None


@dataclass
class Development:
    """Speech that a run does not train on.

    It is the "dev" split or, for a domain without one, the sentences that it left to the other (non-parallel training
    uses each sentence in one domain only). Where there are none either, it is speech that trains. A sentence of "dev"
    that trains in any domain, as with features of an older split, is left out.

    Attributes:
        held_out: speech to convert, by domain.
        references: speech to compare with, by domain.
        used: speech that trains, by domain.
        pairs: rows of the same sentence in `held_out` and `references`, by direction.
    """

    held_out: dict[str, Utterances] = field(default_factory=dict)
    references: dict[str, Utterances] = field(default_factory=dict)
    used: Mapping[str, Utterances] = field(default_factory=dict)
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)

    @classmethod
    def open(cls, config: SpeechModel, store: FeatureStore, used: Mapping[str, Utterances]) -> "Development":
        """Open the held-out speech of a run.

        Args:
            config, store: configuration and features of the run.
            used: training utterances by domain.
        """
        found = cls(used=used)
        for domain in config.data.domains:
            if domain in store.domains("dev") and (unseen := _leave_trained(store.open("dev", domain), used, domain)):
                found.held_out[domain] = found.references[domain] = unseen
            else:
                everything = store.open("train", domain)
                left = sorted(set(everything.ids) - set(used[domain].ids))
                found.held_out[domain] = everything.select(left) if left else used[domain]
                found.references[domain] = everything
        for a, b in Directions.of(config).pairs:
            found.pairs[a, b] = _match(found.held_out[a], found.references[b])
        return found

    @property
    def trained(self) -> list[str]:
        """Return the domains whose `held_out` is speech that trains."""
        return [domain for domain, utterances in self.held_out.items() if utterances is self.used[domain]]

    @property
    def parallel(self) -> bool:
        """Return whether every direction has a sentence that the target says, too."""
        return all(self.pairs.values())

    def choose(self, count: int | None) -> list[Sentence]:
        """Choose `count` sentences of each direction; None: 4, or fewer where that would be more than 16 in all.

        Parallel sentences come alone where every direction has some. Directions begin at different ones.
        """
        if count is None:
            count = max(1, min(MOST_OF_DIRECTION, MOST_SENTENCES // len(self.pairs)))
        chosen = []
        for number, ((source, target), pairs) in enumerate(self.pairs.items()):
            every: list[tuple[int, int | None]] = [(row, None) for row in range(len(self.held_out[source]))]
            rows = [*pairs] if self.parallel else every
            places = [(number * count + k) % len(rows) for k in range(min(count, len(rows)))]
            chosen += [Sentence(source, target, *rows[place]) for place in places]
        return chosen

    def find_natural(self, domain: str) -> list[int]:
        """Return rows of `used[domain]`, at most 30, evenly spaced."""
        count = len(self.used[domain])
        return [int(row) for row in np.linspace(0, count - 1, min(count, MOST_NATURAL)).round()]


def _leave_trained(dev: Utterances, used: Mapping[str, Utterances], domain: str) -> Utterances | None:
    """Return the utterances of which no domain trains on the recording or the sentence; None where none is left."""
    paths = {path for utterances in used.values() for path in utterances.paths}
    pairs = {pair for utterances in used.values() for pair in utterances.pairs if pair}
    rows = zip(dev.ids, dev.paths, dev.pairs, strict=True)
    unseen = [id for id, path, pair in rows if path not in paths and pair not in pairs]
    if len(unseen) < len(dev):
        log.warning(
            "%s: %d of %d sentences of `dev` train, too, and are left out; extract the features of today's manifests",
            domain, len(dev) - len(unseen), len(dev),
        )  # fmt: skip
    return dev.select(unseen) if unseen else None


def _match(a: Utterances, b: Utterances) -> list[tuple[int, int]]:
    """Find the rows of `a` and `b` with the same sentence."""
    rows = {pair: row for row, pair in enumerate(b.pairs) if pair}
    return [(row, rows[pair]) for row, pair in enumerate(a.pairs) if pair in rows]
