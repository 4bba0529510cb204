"""A limiter of peaks, for formats that hold samples in [-1, 1] only.

Levels are kept: a wave is not scaled down because of its highest peak. Around a peak above the ceiling the gain falls,
stays until pulses of a voice have come again, and rises; all other samples pass through bit by bit.
"""

import numpy as np
from scipy.ndimage import convolve1d, maximum_filter1d

FALL = 0.005                                                        # seconds in which the gain falls before a peak
HOLD = 0.02  # seconds that it stays, longer than a period of any voice: else it would follow every pulse


class Limiter:
    """A limiter for waves that arrive in blocks; the result does not depend on how they are divided.

    Args:
        sample_rate: rate in Hz.
        ceiling: largest |sample| that passes.

    Attributes:
        lookahead: number of samples by which the output lags behind the input.
    """

    def __init__(self, sample_rate: int, ceiling: float = 1.0):
        self.ceiling = ceiling
        self._half = max(1, round(FALL * sample_rate / 2))          # half the length of the window
        self._hold = round(HOLD * sample_rate)
        self.lookahead = 2 * self._half
        window = np.hanning(2 * self._half + 3)[1:-1]
        self._window = window / window.sum()
        self._before = self._hold + self._half                      # older samples on which the next gain depends
        self._wave = np.zeros(self._before)                         # silence before the start

    def push(self, wave: np.ndarray) -> np.ndarray:
        """Take samples (n,), any n from 0, and return those that are ready (m,)."""
        self._wave = np.concatenate([self._wave, wave])
        ready = max(0, len(self._wave) - self._before - self.lookahead)
        limited = self._limit(ready)
        self._wave = self._wave[ready:]
        return limited

    def flush(self) -> np.ndarray:
        """Return the rest at the end of the wave."""
        return self.push(np.zeros(self.lookahead))

    def _limit(self, count: int) -> np.ndarray:
        """Return the first `count` samples after those before them."""
        own = self._wave[self._before : self._before + count]
        size = np.abs(self._wave)
        if not count or size.max() <= self.ceiling:
            return own.copy()
        excess = 1 - self.ceiling / np.maximum(size, self.ceiling)  # what the gain must lack at each sample
        # A weighted mean of maxima that all cover a sample never lacks less than the sample needs.
        reach = self._hold + self._half                             # reach of a maximum: `_hold` back and `_half` ahead
        held = maximum_filter1d(excess, reach + 1, origin=reach // 2 - self._half, mode="constant")
        lacking = convolve1d(held, self._window, mode="constant")
        gain = 1 - np.maximum(lacking, excess)[self._before : self._before + count]
        return np.clip(gain * own, -self.ceiling, self.ceiling)


def limit_peaks(wave: np.ndarray, sample_rate: int, ceiling: float = 1.0) -> np.ndarray:
    """Return (N,) samples with no |sample| above `ceiling`, see `Limiter`; a wave without such is returned as it is."""
    if np.abs(wave).max(initial=0.0) <= ceiling:
        return wave
    limiter = Limiter(sample_rate, ceiling)
    return np.concatenate([limiter.push(wave), limiter.flush()])
