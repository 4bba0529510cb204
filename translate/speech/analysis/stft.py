"""The short-time Fourier transform: log magnitudes to be translated, phases kept beside them."""

from dataclasses import dataclass

import numpy as np

from translate.config import StftConfig
from translate.errors import UserError

FLOOR = 1e-5                                                        # smallest magnitude
ROUNDS = 64                                                         # of Griffin-Lim


@dataclass
class StftFeatures:
    """One analysed wave."""

    log_magnitude: np.ndarray                                       # (T, F) natural logarithm, at least log FLOOR
    phase: np.ndarray                                               # (T, F) radians
    samples: int                                                    # length of the wave


class Stft:
    """Analysis and synthesis with one configuration: Hann window of `fft_size` samples, centred frames.

    With the phase of the input the wave comes back exactly, but for magnitudes below the floor.

    Raises:
        UserError: the hop is no whole number of samples, or too long for the window.
    """

    def __init__(self, config: StftConfig):
        hop = config.sample_rate * config.hop_ms / 1000
        if abs(hop - round(hop)) > 1e-6 or not 1 <= hop <= config.fft_size / 2:
            raise UserError(
                f"features.hop_ms is {config.hop_ms:g}: {hop:g} samples at {config.sample_rate} Hz; expected a whole "
                f"number up to half of features.fft_size ({config.fft_size // 2})"
            )
        self.config, self.hop = config, round(hop)
        self.sample_rate, self.dimensions = config.sample_rate, config.fft_size // 2 + 1

    def analyse(self, wave: np.ndarray) -> StftFeatures:
        """Features of (N,) samples at the configured rate, T = N // hop + 1 frames."""
        import librosa

        size, hop = self.config.fft_size, self.hop
        wave = np.ascontiguousarray(wave, dtype=np.float64)
        spectrum = librosa.stft(wave, n_fft=size, hop_length=hop, pad_mode="constant").T  # (T, F)
        return StftFeatures(np.log(np.maximum(np.abs(spectrum), FLOOR)), np.angle(spectrum), len(wave))

    def analyse_frames(self, wave: np.ndarray) -> tuple[np.ndarray, None]:
        """(log magnitudes (T, F), None): there is no F0 here."""
        return self.analyse(wave).log_magnitude, None

    def synthesise(self, features: StftFeatures) -> np.ndarray:
        """The wave (features.samples,), with the phase of `features`, or Griffin-Lim's started from it."""
        import librosa

        magnitude = np.exp(features.log_magnitude).T                # (F, T)
        spectrum = magnitude * np.exp(1j * features.phase.T)
        if self.config.phase == "griffin_lim":
            # Griffin and Lim 1984: the phase of what the magnitudes' inverse is analysed as, again and again
            for _ in range(ROUNDS):
                wave = librosa.istft(spectrum, hop_length=self.hop, length=features.samples)
                spectrum = magnitude * np.exp(1j * self.analyse(wave).phase.T)
        return librosa.istft(spectrum, hop_length=self.hop, length=features.samples)
