"""Conversion of waves without analysis: samples in, samples out."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from translate.speech.conversion.features import FeatureConverter

PERIOD = 0.02                                                       # seconds over which the power is averaged


class WaveformConverter(FeatureConverter[np.ndarray]):
    """A trained model on samples; made by `translate.load`.

    Long waves are processed in chunks: exactly if the networks' receptive field is bounded, otherwise with a
    cross-fade; see `translate.speech.conversion.chunks`.
    """

    chunk = 2**17                                                   # samples: 6 s at 22.05 kHz
    overlap = 2**13
    bounded_chunk = 2**15                                           # 50 % faster on CPUs: fits their caches

    def analyse(self, wave: np.ndarray) -> np.ndarray:
        return wave

    @property
    def frame_rate(self) -> float:
        return self.sample_rate

    def measure_power(self, frames: np.ndarray) -> np.ndarray:
        return uniform_filter1d(frames[:, 0] ** 2, round(PERIOD * self.sample_rate), mode="nearest")

    def convert_features(
        self, features: np.ndarray, source: str, target: str, seed: int | None = None, difference: bool = False
    ) -> np.ndarray:
        return self.convert_frames(features[:, None], source, target, seed)[:, 0]

    def mix(self, before: np.ndarray, after: np.ndarray, amount: float) -> np.ndarray:
        return (1 - amount) * before + amount * after

    def synthesise(self, features: np.ndarray) -> np.ndarray:
        return features
