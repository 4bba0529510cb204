"""One number out of what is measured while training, so that the best step can be chosen.

    score = (5 - naturalness) / 0.2 + (1 - similarity) / 0.05 + phone error / 0.1 + MCD / 1 dB + MSD / 0.5 dB

Lower is better, and 0 would be perfect. Every unit is a difference as systems typically have between each other, so
that all measures count alike; but distortion counts a third of that, since averages lower it without being heard. A
measure that a corpus does not allow is left out: scores compare within a run.
"""

from collections.abc import Mapping

BEST = {"naturalness": 5.0, "similarity": 1.0, "phone_error": 0.0, "mcd": 0.0, "modulation": 0.0}
UNITS = {"naturalness": 0.2, "similarity": 0.05, "phone_error": 0.1, "mcd": 1.0, "modulation": 0.5}


def join_score(measures: Mapping[str, float]) -> float:
    """Return how far measures are from the best that there is, in the sum of their units.

    Args:
        measures: any of naturalness (1 to 5), similarity (0 to 1), phone_error (0 or more), mcd (dB), modulation: the
            modulation spectrum distance MSD (dB).
    """
    return sum(abs(BEST[name] - value) / UNITS[name] for name, value in measures.items())
