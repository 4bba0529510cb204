"""Tables of a listening test: how often X was recognised, and mean opinion scores with bootstrapped intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from translate.corpus.markdown import align_table
from translate.speech.listening.answers import SCALES, Judgement, Key, Rating, read_answers, read_key

RESAMPLES = 2000
SEED = 0                                                            # for resampling: same answers, same table


class Share(NamedTuple):
    """How often X was recognised.

    Attributes:
        right, answers: counts.
        low, high: exact binomial 95 % interval of the share (Clopper and Pearson 1934).
        p: p-value in the two-sided sign test against guessing.
    """

    right: int
    answers: int
    low: float
    high: float
    p: float


class Mean(NamedTuple):
    """A mean opinion score.

    Attributes:
        mean: mean rating.
        low, high: 95 % interval by the bootstrap over listeners and sentences.
    """

    mean: float
    low: float
    high: float


def analyse_answers(answers: Sequence[Path], key: Path) -> str:
    """Return the tables of a blind test, for the terminal; raise `UserError` as `read_key` and `read_answers`."""
    opened = read_key(key)
    judgements, ratings = read_answers(answers, opened)
    tables = [_tabulate_abx(judgements, opened)] if judgements else []
    tables += [_tabulate_mos(ratings, opened)] if ratings else []
    return "\n\n".join(tables)


def measure_share(right: int, answers: int) -> Share:
    """Return the share of right answers with its interval and test."""
    from scipy.stats import binomtest

    test = binomtest(right, answers, 0.5)
    interval = test.proportion_ci(0.95, "exact")
    return Share(right, answers, float(interval.low), float(interval.high), float(test.pvalue))


def measure_mean(ratings: Sequence[Rating]) -> Mean:
    """Return the mean of ratings; its interval from resamples of the listeners and, independently, of the sentences.

    A rating counts as often as its listener is drawn times as often as its sentence is. So both answer for the
    interval: with other listeners, and with other sentences, the mean would have been another one.
    """
    scores = np.array([rating.score for rating in ratings], dtype=float)
    rng = np.random.default_rng(SEED)
    groups = [
        np.unique(names, return_inverse=True)[1]
        for names in ([rating.listener for rating in ratings], [rating.sentence for rating in ratings])
    ]
    means = []
    for _ in range(RESAMPLES):
        weights = np.ones(len(ratings))
        for group in groups:
            size = group.max() + 1
            weights *= np.bincount(rng.integers(size, size=size), minlength=size)[group]
        if weights.any():                                           # where not all heard all, a resample may be empty
            means.append(np.average(scores, weights=weights))
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(float(scores.mean()), float(low), float(high))


def _tabulate_abx(judgements: Sequence[Judgement], key: Key) -> str:
    rows = [["systems", "answers", "listeners", "right", "share, %", "95 % interval", "sign test, p"]]
    pairs = sorted({one.pair for one in judgements}, key=lambda pair: [key.systems.index(name) for name in pair])
    for pair in pairs:
        here = [one for one in judgements if one.pair == pair]
        share = measure_share(sum(one.right for one in here), len(here))
        rows.append(
            [
                " / ".join(pair),
                str(share.answers),
                str(len({one.listener for one in here})),
                str(share.right),
                f"{100 * share.right / share.answers:.1f}",
                f"{100 * share.low:.1f} – {100 * share.high:.1f}",
                f"{share.p:.4f}" if share.p >= 0.0001 else "< 0.0001",
            ]
        )
    return "ABX: how often X was recognised (50 % is guessing)\n\n" + align_table(rows)


def _tabulate_mos(ratings: Sequence[Rating], key: Key) -> str:
    questions = [name for name in SCALES if any(rating.question == name for rating in ratings)]
    rows = [["system", "listeners", "sentences", *(cell for name in questions for cell in (name, "95 % interval"))]]
    for system in key.systems:
        here = [rating for rating in ratings if rating.system == system]
        if not here:
            continue
        cells = [len({rating.listener for rating in here}), len({rating.sentence for rating in here})]
        row = [system, *map(str, cells)]
        for name in questions:
            asked = [rating for rating in here if rating.question == name]
            mean = measure_mean(asked) if asked else None
            row += [f"{mean.mean:.2f}", f"{mean.low:.2f} – {mean.high:.2f}"] if mean else ["–", "–"]
        rows.append(row)
    return "MOS, 1 to 5 (intervals: bootstrap over listeners and sentences)\n\n" + align_table(rows)
