"""Conversion of STFT spectrograms: log magnitudes by the network, phase of the input or from Griffin-Lim."""

from dataclasses import replace

import numpy as np

from translate.speech.analysis.stft import StftFeatures
from translate.speech.conversion.features import FeatureConverter


class SpectrumConverter(FeatureConverter[StftFeatures]):
    """A trained model on log-magnitude spectrograms; made by `translate.load`."""

    no_stream = "a model on spectrograms cannot stream, its phases need the whole; convert recordings with it"
    chunk = 2_000  # frames, 10 s; small, as a frame has hundreds of bins
    overlap = 200
    bounded_chunk = 2_000

    def analyse(self, wave: np.ndarray) -> StftFeatures:
        return self.front_end.analyse(wave)

    @property
    def frame_rate(self) -> float:
        return self.sample_rate / self.front_end.hop

    def measure_power(self, frames: np.ndarray) -> np.ndarray:
        return np.exp(2 * frames).sum(axis=1)

    def convert_features(
        self, features: StftFeatures, source: str, target: str, seed: int | None = None, difference: bool = False
    ) -> StftFeatures:
        return StftFeatures(
            log_magnitude=self.convert_frames(features.log_magnitude, source, target, seed),
            phase=features.phase,
            samples=features.samples,
        )

    def mix(self, before: StftFeatures, after: StftFeatures, amount: float) -> StftFeatures:
        return replace(after, log_magnitude=(1 - amount) * before.log_magnitude + amount * after.log_magnitude)

    def synthesise(self, features: StftFeatures) -> np.ndarray:
        return self.front_end.synthesise(features)
