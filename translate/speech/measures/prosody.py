"""Measures of pitch and loudness, on frames that are aligned or on one recording alone."""

import numpy as np

from translate.speech.measures.mcd import Analysis

CENTS = 1200 / np.log(2)                                            # per unit of the natural logarithm


def f0_errors(f0: np.ndarray, reference: np.ndarray) -> tuple[float | None, float]:
    """Compute the errors of F0 between aligned frames (see `align`).

    Args:
        f0: (P,), reference: (P,) Hz, 0 where unvoiced.

    Returns:
        cents: root mean square over the frames voiced in both; None without such frames.
        voicing: fraction of frames voiced in only one of the two, 0 to 1.
    """
    voiced = (f0 > 0) & (reference > 0)
    voicing = float(((f0 > 0) != (reference > 0)).mean())
    if not voiced.any():
        return None, voicing
    cents = CENTS * np.log(f0[voiced] / reference[voiced])
    return float(np.sqrt((cents**2).mean())), voicing


def f0_correlation(f0: np.ndarray, reference: np.ndarray) -> float | None:
    """Correlate log F0 of aligned frames (P,) in Hz over those voiced in both; None where one of them is constant."""
    voiced = (f0 > 0) & (reference > 0)
    return correlate(np.log(f0[voiced]), np.log(reference[voiced]))


def f0_range(f0: np.ndarray) -> float | None:
    """Return the standard deviation of log F0 (T,) in cents over voiced frames; None below two of them."""
    voiced = f0[f0 > 0]
    return float(CENTS * np.log(voiced).std()) if len(voiced) > 1 else None


def energy_errors(level: np.ndarray, reference: np.ndarray) -> tuple[float | None, float | None]:
    """Compare the levels of aligned frames of speech (P,) in dB.

    Returns:
        rmse: dB, root mean square of the difference, the mean difference taken out: how loud a recording is as a whole
            says nothing about what is spoken. None without frames.
        correlation: -1 to 1; None where one of them is constant.
    """
    if not len(level):
        return None, None
    return float((level - reference).std()), correlate(level, reference)


def level_jitter(analysis: Analysis) -> float | None:
    """Return the mean absolute change of level per 5 ms between voiced frames in dB; None without two in a row."""
    voiced = analysis.f0 > 0
    changes = np.abs(np.diff(analysis.level))[voiced[1:] & voiced[:-1]]
    return float(changes.mean()) if len(changes) else None


def crest(analysis: Analysis) -> float:
    """Return the peak of the wave over the level of its speech (root mean square) in dB."""
    speech = analysis.level[analysis.speech]
    return float(analysis.peak - 10 * np.log10((10 ** (speech / 10)).mean()))


def correlate(a: np.ndarray, b: np.ndarray) -> float | None:
    """Return Pearson's correlation of (P,) and (P,); None where it is not defined."""
    if len(a) < 2 or not a.std() or not b.std():
        return None
    return float(np.corrcoef(a, b)[0, 1])
