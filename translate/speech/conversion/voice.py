"""Voice conversion: mel-cepstra by the network, F0 by statistics, aperiodicity unchanged."""

import logging
from dataclasses import replace

import numpy as np

from translate.speech.analysis.energy import match_level
from translate.speech.analysis.f0 import choose_range, convert_f0, tell_misfit
from translate.speech.analysis.levels import find_speech
from translate.speech.analysis.variance import scale_variance
from translate.speech.analysis.world import SMALLEST_POWER, World, WorldFeatures, synthesise_difference
from translate.speech.conversion.features import FeatureConverter

log = logging.getLogger("translate")


class VoiceConverter(FeatureConverter[WorldFeatures]):
    """A trained model on the mel-cepstra of WORLD; made by `translate.load`."""

    takes_difference = True
    takes_semitones = True
    takes_energy = True
    takes_variance = True

    @property
    def world(self) -> World:
        """The vocoder of the model's analysis."""
        return self.front_end

    def analyse(self, wave: np.ndarray) -> WorldFeatures:
        known = [found for name in self.domains if (found := self.statistics[name].voice_range)]
        return self.world.analyse(wave, choose_range(wave, self.sample_rate, self.world.config, known))

    @property
    def frame_rate(self) -> float:
        return 1000 / self.world.config.hop_ms

    def measure_power(self, frames: np.ndarray) -> np.ndarray:
        return self.world.measure_power(frames, np.zeros(len(frames)))

    def convert_features(
        self, features: WorldFeatures, source: str, target: str, seed: int | None = None, difference: bool = False
    ) -> WorldFeatures:
        f0 = features.f0
        # Differential synthesis keeps the excitation, and the two domains of a postfilter have the same voice.
        if not difference and self.config.data.normalise == "own":
            misfit = tell_misfit(f0, self.statistics[source], source)
            if misfit:
                log.warning("%s: another source (--from) may fit better", misfit)
            f0 = self.convert_f0(f0, source, target)
        return WorldFeatures(
            f0=f0,
            mcep=self.convert_frames(features.mcep, source, target, seed, features.f0),
            aperiodicity=features.aperiodicity,
            samples=features.samples,
        )

    def convert_f0(self, f0: np.ndarray, source: str, target: str) -> np.ndarray:
        """Convert F0 (T,) by the statistics of the two domains, within the F0 range of the model's analysis."""
        config = self.world.config
        return convert_f0(f0, self.statistics[source], self.statistics[target], config.f0_floor, config.f0_ceil)

    def mix(self, before: WorldFeatures, after: WorldFeatures, amount: float) -> WorldFeatures:
        f0, voiced = np.zeros_like(after.f0), (before.f0 > 0) & (after.f0 > 0)
        f0[voiced] = before.f0[voiced] ** (1 - amount) * after.f0[voiced] ** amount  # on a logarithmic scale
        return replace(after, f0=f0, mcep=(1 - amount) * before.mcep + amount * after.mcep)

    def keep_level(self, before: WorldFeatures, after: WorldFeatures) -> WorldFeatures:
        return replace(after, mcep=match_level(self.world, after.mcep, after.f0, before.mcep, before.f0))

    def scale_variance(
        self, before: WorldFeatures, after: WorldFeatures, target: str, amount: float
    ) -> WorldFeatures:
        """Scale the variance over the frames of speech to the target's, within a factor of 3 of the deviation."""
        power = np.maximum(self.world.measure_power(before.mcep, before.f0), SMALLEST_POWER)
        speech = find_speech(10 * np.log10(power))
        return replace(after, mcep=scale_variance(after.mcep, self.statistics[target].deviation, amount, speech))

    def shift(self, features: WorldFeatures, semitones: float) -> WorldFeatures:
        return replace(features, f0=features.f0 * 2 ** (semitones / 12))

    def synthesise(self, features: WorldFeatures) -> np.ndarray:
        return self.world.synthesise(features)

    def filter_wave(self, wave: np.ndarray, before: WorldFeatures, after: WorldFeatures) -> np.ndarray:
        return synthesise_difference(wave, before.mcep, after.mcep, self.world)
