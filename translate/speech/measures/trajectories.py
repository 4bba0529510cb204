"""Movement of the mel-cepstra in a set of utterances: global variance and modulation spectrum.

Statistical conversion over-smooths: the variance within an utterance shrinks, most of all in the higher
coefficients, and so do the faster modulations. Both are measured per coefficient, without any alignment.
Mel-cepstra `(T, D + 1)` carry c0 in front, which is left out here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import get_window

SEGMENT, SEGMENT_HOP = 64, 32  # frames of a segment for the modulation spectrum, and their hop
POWER_FLOOR = 1e-12  # floor of a modulation spectrum (-120 dB) and of a variance
UPPER = 10                                                          # c11 to cD are the upper coefficients


@dataclass(frozen=True, eq=False)
class Trajectories:
    """The movement of c1..cD in a set of utterances.

    Attributes:
        variance: (D,) global variance: variance within an utterance, mean over utterances (Toda et al. 2007).
        modulation: (33, D) dB, log modulation spectrum, mean over utterances; modulation frequency first.
    """

    variance: np.ndarray
    modulation: np.ndarray

    @classmethod
    def measure(cls, mceps: Sequence[np.ndarray]) -> "Trajectories":
        """Measure mel-cepstra (T, D + 1), at least one."""
        variance = np.mean([mcep[:, 1:].var(axis=0) for mcep in mceps], axis=0)
        return cls(variance, np.mean([modulation_spectrum(mcep) for mcep in mceps], axis=0))

    @classmethod
    def join(cls, parts: Sequence["Trajectories"]) -> "Trajectories":
        """Join what was measured of equally many utterances: `measure` of all of them."""
        return cls(np.mean([one.variance for one in parts], axis=0), np.mean([one.modulation for one in parts], axis=0))

    @classmethod
    def average(cls, sets: Sequence["Trajectories"]) -> "Trajectories":
        """Average over sets: geometric mean of the variances, arithmetic mean of the dB."""
        logs = np.log([np.maximum(one.variance, POWER_FLOOR) for one in sets])
        return cls(np.exp(logs.mean(axis=0)), np.mean([one.modulation for one in sets], axis=0))

    def variance_ratios(self, natural: "Trajectories") -> np.ndarray:
        """Return (D,) global variance over the natural one: 1 is natural, below is muffled."""
        return np.maximum(self.variance, POWER_FLOOR) / np.maximum(natural.variance, POWER_FLOOR)

    def modulation_distances(
        self, natural: "Trajectories", band: Literal["all", "slow", "fast"] = "all"
    ) -> np.ndarray:
        """Return (D,) dB: RMS difference of the log modulation spectra over modulation frequencies.

        Slow ones are those up to 50 Hz, at a hop of 5 ms, fast ones those above, up to 100 Hz.
        """
        middle = SEGMENT // 4 + 1                                   # 50 Hz is the last of the slow ones
        part = {"all": slice(None), "slow": slice(middle), "fast": slice(middle, None)}[band]
        return np.sqrt(((self.modulation[part] - natural.modulation[part]) ** 2).mean(axis=0))


def modulation_spectrum(mcep: np.ndarray) -> np.ndarray:
    """Compute the log modulation spectrum of one utterance (T, D + 1): (33, D) dB for c1..cD, frequency first.

    Power spectra over time of 64-frame periodic Hann windows every 32 frames, in dB, averaged. Utterances
    shorter than 64 frames are padded by reflection.
    """
    trajectories = mcep[:, 1:]
    if len(trajectories) < SEGMENT:
        trajectories = np.pad(trajectories, ((0, SEGMENT - len(trajectories)), (0, 0)), mode="reflect")
    segments = np.lib.stride_tricks.sliding_window_view(trajectories, SEGMENT, axis=0)[::SEGMENT_HOP]
    power = np.abs(np.fft.rfft(segments * get_window("hann", SEGMENT))) ** 2  # (S, D, 33)
    return (10 * np.log10(np.maximum(power, POWER_FLOOR))).mean(axis=0).T


def average_ratio(ratios: np.ndarray) -> float:
    """Return the geometric mean of positive ratios."""
    return float(np.exp(np.log(ratios).mean()))


def average_distance(distances: np.ndarray) -> float:
    """Return the RMS; of `modulation_distances` it is the modulation spectrum distance (MSD) over all coefficients."""
    return float(np.sqrt((distances**2).mean()))
