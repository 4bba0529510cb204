"""The short-time Fourier transform: log magnitudes for the networks, phases kept beside them."""

from dataclasses import dataclass

import numpy as np

from translate.config import StftConfig
from translate.errors import UserError

FLOOR = 1e-5                                                        # smallest magnitude
ROUNDS = 64                                                         # iterations of Griffin-Lim


@dataclass
class StftFeatures:
    """The analysis of one wave."""

    log_magnitude: np.ndarray                                       # (T, F) natural logarithm, at least log FLOOR
    phase: np.ndarray                                               # (T, F) radians
    samples: int                                                    # length of the wave


class Stft:
    """Analysis and synthesis with one configuration: Hann window of `fft_size` samples, centred frames.

    With the phase of the input, synthesis restores the wave exactly, except for magnitudes below the floor.

    Raises:
        UserError: the hop is not a whole number of samples, or too long for the window.
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
        """Analyse (N,) samples at the configured rate into T = N // hop + 1 frames."""
        import librosa

        size, hop = self.config.fft_size, self.hop
        wave = np.ascontiguousarray(wave, dtype=np.float64)
        spectrum = librosa.stft(wave, n_fft=size, hop_length=hop, pad_mode="constant").T  # (T, F)
        return StftFeatures(np.log(np.maximum(np.abs(spectrum), FLOOR)), np.angle(spectrum), len(wave))

    def analyse_frames(self, wave: np.ndarray) -> tuple[np.ndarray, None]:
        """Return (log magnitudes (T, F), None): there is no F0."""
        return self.analyse(wave).log_magnitude, None

    def synthesise(self, features: StftFeatures) -> np.ndarray:
        """Make the wave (features.samples,) with the phase of `features`, or with Griffin-Lim started from it."""
        import librosa

        magnitude = np.exp(features.log_magnitude).T                # (F, T)
        spectrum = magnitude * np.exp(1j * features.phase.T)
        if self.config.phase == "griffin_lim":
            # Griffin-Lim (Griffin and Lim 1984): invert, re-analyse, keep the phase; repeat.
            for _ in range(ROUNDS):
                wave = librosa.istft(spectrum, hop_length=self.hop, length=features.samples)
                spectrum = magnitude * np.exp(1j * self.analyse(wave).phase.T)
        return librosa.istft(spectrum, hop_length=self.hop, length=features.samples)
