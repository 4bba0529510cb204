"""Variance scaling: the simplest remedy against muffled speech (Silén et al. 2012).

A converter that was trained by a distance predicts means, and its mel-cepstra move too little. Here every coefficient
but c0 is spread around its mean over the utterance until it varies as in natural utterances.
"""

import numpy as np

MOST = 3.0                                                          # largest factor: a single sound does not vary


def scale_variance(
    mcep: np.ndarray, deviation: np.ndarray, amount: float = 1.0, span: slice | np.ndarray = slice(None)
) -> np.ndarray:
    """Scale the variance within an utterance.

    Args:
        mcep: (T, Q) mel-cepstra, c0 in front, which stays.
        deviation: (Q,) standard deviation within natural utterances.
        amount: 0 leaves the utterance as it is, 1 gives it the natural deviation, between them linearly.
        span: frames, or their mask (T,), from which mean and deviation of the utterance are taken.

    Returns:
        (T, Q); no deviation changes by more than a factor of 3.
    """
    own = mcep[span].std(axis=0)
    ratio = np.divide(deviation, own, out=np.ones_like(own, dtype=float), where=own > 0)
    more = amount * (np.clip(ratio, 1 / MOST, MOST) - 1)
    more[0] = 0
    return (mcep + (mcep - mcep[span].mean(axis=0)) * more).astype(mcep.dtype)


def within_deviation(utterances: list[np.ndarray]) -> np.ndarray:
    """Return (Q,), the square root of the variance within utterances (T, Q), which is averaged over them."""
    return np.sqrt(np.mean([mcep.var(axis=0) for mcep in utterances], axis=0))
