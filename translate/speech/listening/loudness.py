"""Loudness of waves by ITU-R BS.1770-4, and one gain per wave that brings it to a given loudness."""

from typing import NamedTuple

import numpy as np
from scipy.signal import sosfilt

from translate.speech.analysis.limiter import limit_peaks
from translate.speech.analysis.wave import resample

RATE = 48000                                                        # Hz, for which the standard lists its filter
K_FILTER = np.array(                                                # (2, 6) second-order sections: a shelf of 4 dB for
    [                                                               # the head, and a high pass
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)
BLOCK = 0.4                                                         # seconds over which power is averaged
OVERLAP = 4                                                         # blocks begin every BLOCK / OVERLAP
ABSOLUTE_GATE = -70.0                                               # LKFS
RELATIVE_GATE = -10.0                                               # LU, to the mean of the blocks above the absolute
OFFSET = -0.691                                                     # dB: the K filter's gain at 997 Hz, taken back
CEILING = 10 ** (-1 / 20)                                           # largest |sample|, -1 dBFS


class Equalised(NamedTuple):
    """A wave at the loudness that was asked for.

    Attributes:
        wave: samples (N,), below the ceiling of -1 dBFS.
        gain: dB by which all of it was amplified.
        missing: LU to the loudness that was asked for; above 0 where much of it are peaks that were limited.
    """

    wave: np.ndarray
    gain: float
    missing: float


def measure_loudness(wave: np.ndarray, sample_rate: int) -> float:
    """Return the gated loudness of one channel (N,) in LKFS, minus infinity where no block passes the gates.

    A wave shorter than a block of 0.4 s counts as one block.
    """
    filtered = np.asarray(sosfilt(K_FILTER, resample(wave, sample_rate, RATE)))
    size = min(round(BLOCK * RATE), len(filtered))
    starts = np.arange(0, len(filtered) - size + 1, round(BLOCK * RATE / OVERLAP))
    total = np.concatenate([[0.0], np.cumsum(filtered**2)])
    power = np.maximum(total[starts + size] - total[starts], 0) / size
    power = power[power > _to_power(ABSOLUTE_GATE)]
    if not len(power):
        return float("-inf")
    power = power[power > power.mean() * 10 ** (RELATIVE_GATE / 10)]
    return OFFSET + 10 * float(np.log10(power.mean()))


def equalise(wave: np.ndarray, sample_rate: int, loudness: float) -> Equalised:
    """Bring (N,) samples that are not silent to `loudness` in LKFS by one gain; peaks beyond -1 dBFS are limited."""
    gain = loudness - measure_loudness(wave, sample_rate)
    limited = limit_peaks(wave * 10 ** (gain / 20), sample_rate, CEILING)
    return Equalised(limited, gain, loudness - measure_loudness(limited, sample_rate))


def _to_power(loudness: float) -> float:
    return 10 ** ((loudness - OFFSET) / 10)
