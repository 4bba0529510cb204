"""Confidence intervals over sentences.

One sentence that is converted in several directions, or by several speakers, gives values that depend on each other:
from A to B and from B to A the unconverted distance is even the same number. Such values are averaged first and count
as one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import stdtrit


def confidence(values: Sequence[float]) -> float | None:
    """Return the half-width of the 95 % interval of the mean of independent values (Student's t); None below two."""
    if len(values) < 2:
        return None
    quantile = float(stdtrit(len(values) - 1, 0.975))
    return quantile * float(np.std(values, ddof=1)) / len(values) ** 0.5


def average_sentences(values: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Average values, given with their sentences, by sentence; unknown ones are left out."""
    known = defaultdict(list)
    for sentence, value in values:
        if value is not None:
            known[sentence].append(value)
    return {sentence: float(np.mean(of_sentence)) for sentence, of_sentence in known.items()}


def confidence_by_sentence(values: Iterable[tuple[str, float | None]]) -> float | None:
    """Return the half-width of the 95 % interval of the mean over sentences; None below two sentences."""
    return confidence(list(average_sentences(values).values()))
