"""Blind tests: which sounds are compared in which trial, and the key that says what they were."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from translate.errors import UserError
from translate.speech.options import ListeningPage

REFERENCE = ""                                                      # in the place of a system: the target's reference


@dataclass(frozen=True)
class Sound:
    """A file of a blind page.

    Attributes:
        name: random, tells nothing.
        sentence: number in the list of sentences.
        system: title, or `REFERENCE`.
    """

    name: str
    sentence: int
    system: str


@dataclass
class BlindTest:
    """A blind test.

    Attributes:
        trials: what the page is told: id, kind, names of sounds.
        key: what the page is not told, by id.
        sounds: the files to write.
    """

    trials: list[dict[str, str]] = field(default_factory=list)
    key: dict[str, dict[str, str]] = field(default_factory=dict)
    sounds: list[Sound] = field(default_factory=list)

    @property
    def page(self) -> str:
        """A name that pages of other sounds or another key do not have."""
        return hashlib.sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()[:12]


class Names:
    """Random names, none twice."""

    def __init__(self, rng: np.random.Generator):
        self.rng, self.given = rng, set[str]()

    def draw(self) -> str:
        """Return a new one."""
        name = self.rng.bytes(6).hex()
        if name in self.given:
            return self.draw()
        self.given.add(name)
        return name


def list_comparisons(models: Sequence[str], baseline: str | None, natural: str | None) -> list[tuple[str, str]]:
    """Pair systems for ABX: every two models, and every model with the trivial converter and with the target."""
    others = [other for other in (baseline, natural) if other is not None]
    return [*combinations(models, 2), *((model, other) for model in models for other in others)]


def plan_test(
    comparisons: Sequence[tuple[str, str]],
    systems: Sequence[str],
    references: bool,
    sentences: Sequence[str],
    options: ListeningPage,
) -> BlindTest:
    """Draw the trials of a blind page.

    Every comparison has the same number of ABX trials, every system is rated on the same sentences, and A and B are X
    equally often. Each trial has files of its own, so that no name comes twice.

    Args:
        comparisons: pairs of systems for ABX.
        systems: those that are rated.
        references: whether there are recordings of the target for the similarity.
        sentences: titles, for the key.
        options: options of the page; `tests`, `trials` and `seed` are read here.

    Raises:
        UserError: nothing to compare, or fewer trials than pairs or systems.
    """
    rng = np.random.default_rng(options.seed)
    names, test = Names(rng), BlindTest()
    if options.tests != "mos":
        if not comparisons:
            raise UserError("ABX compares two systems, and there is one; give another run, --eval, or tests=mos")
        count = _share(options.trials, len(comparisons), len(sentences), "pair of systems")
        _plan_abx(test, comparisons, sentences, count, names, rng)
    if options.tests != "abx":
        count = _share(options.trials, len(systems), len(sentences), "system")
        _plan_mos(test, systems, references, sentences, count, names, rng)
    test.trials.sort(key=lambda trial: trial["id"])
    test.sounds.sort(key=lambda sound: (sound.sentence, sound.name))
    return test


def _share(trials: int, parts: int, sentences: int, noun: str) -> int:
    if trials < parts:
        raise UserError(f"trials={trials}: expected at least {parts}, one for each {noun}")
    return min(trials // parts, sentences)


def _plan_abx(
    test: BlindTest,
    comparisons: Sequence[tuple[str, str]],
    sentences: Sequence[str],
    count: int,
    names: Names,
    rng: np.random.Generator,
) -> None:
    order = rng.permutation(len(sentences))
    total = count * len(comparisons)
    swapped, second = _toss(total, rng), _toss(total, rng)
    for number in range(total):
        sentence = int(order[number % len(order)])
        a, b = comparisons[number // count]
        if next(swapped):
            a, b = b, a
        x = "B" if next(second) else "A"
        trial = {"id": names.draw(), "test": "abx"}
        for role, system in (("a", a), ("b", b), ("x", b if x == "B" else a)):
            trial[role] = _add(test, names, sentence, system)
        test.trials.append(trial)
        test.key[trial["id"]] = {"test": "abx", "sentence": sentences[sentence], "a": a, "b": b, "x": x}


def _plan_mos(
    test: BlindTest,
    systems: Sequence[str],
    references: bool,
    sentences: Sequence[str],
    count: int,
    names: Names,
    rng: np.random.Generator,
) -> None:
    for sentence in map(int, rng.permutation(len(sentences))[:count]):
        for system in systems:
            trial = {"id": names.draw(), "test": "mos", "sound": _add(test, names, sentence, system)}
            if references:
                trial["reference"] = _add(test, names, sentence, REFERENCE)
            test.trials.append(trial)
            test.key[trial["id"]] = {"test": "mos", "sentence": sentences[sentence], "system": system}


def _add(test: BlindTest, names: Names, sentence: int, system: str) -> str:
    test.sounds.append(Sound(names.draw(), sentence, system))
    return test.sounds[-1].name


def _toss(count: int, rng: np.random.Generator) -> Iterator[bool]:
    """Yield `count` sides of a coin in random order, as many of one as of the other."""
    return iter((rng.permutation(count) % 2).astype(bool).tolist())


def make_key(test: BlindTest, systems: Sequence[str]) -> Mapping[str, Any]:
    """Return what key.json holds; the systems in the order of tables."""
    return {"page": test.page, "systems": list(systems), "trials": test.key}
