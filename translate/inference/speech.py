"""What all converters of speech have in common: the surface, and the road from a wave to its conversion.

    SpeechConverter           wave in, wave out
      FeatureConverter        one trained system: analysis, network on normalised frames, synthesis (system.py)
        VoiceConverter        mel-cepstra of WORLD (voice.py)
        SpectrumConverter     log magnitudes of the STFT (spectrum.py)
        WaveformConverter     samples (waveform.py)
      Chain                   several of them in a row (chain.py)
"""

import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from translate.errors import UserError
from translate.features.wave import check_wave, mix_down, resample
from translate.features.world import World

if TYPE_CHECKING:
    from translate.inference.system import FeatureConverter


@dataclass
class Conversion:
    """A converted wave with what it was made from.

    Attributes:
        wave: (N,) float64.
        sample_rate: Hz, of `wave` and `original`.
        original: (N,) the source's wave as analysed: mono, resampled.
        source, converted: features before and after, of the kind of the system (`WorldFeatures`, `StftFeatures`, or
            the samples); of a chain those of its first analysis and those before its last synthesis. Differential
            synthesis keeps the source's F0.
        seconds: processing time by stage: analysis, network, synthesis.
    """

    wave: np.ndarray
    sample_rate: int
    original: np.ndarray
    source: Any
    converted: Any
    seconds: dict[str, float]

    @property
    def audio_seconds(self) -> float:
        return len(self.wave) / self.sample_rate


class Step(NamedTuple):
    """One system's part of a conversion."""

    converter: "FeatureConverter[Any]"
    source: str
    target: str


class SpeechConverter(ABC):
    """Speech of one domain to speech of another; made by `translate.load` or, of several, by `Chain`.

    Attributes:
        sample_rate: Hz, of the converted wave.
        takes_difference: whether differential synthesis is possible.
        takes_seed: whether the system draws noise, so that another seed gives another sample.
    """

    sample_rate: int
    takes_difference: bool = False
    takes_seed: bool = False

    @property
    def world(self) -> World | None:
        """The vocoder that makes the converted wave; None for systems without."""
        return None

    @property
    @abstractmethod
    def domains(self) -> list[str]:
        """The names that `convert` knows."""

    @property
    @abstractmethod
    def directions(self) -> list[tuple[str, str]]:
        """All that `convert` can do: (source, target)."""

    @abstractmethod
    def name_domains(self, source: str | None, target: str | None) -> tuple[str, str]:
        """Check the names and complete them where one direction is left.

        Systems that learned from pairs have one direction: both names may be left out. Those between two domains have
        two: one must be named. With many domains both must be.

        Raises:
            UserError: an unknown name, a direction that the system does not have, or no choice where one is needed.
        """

    @abstractmethod
    def plan(self, source: str, target: str) -> list[Step]:
        """The steps of this conversion, first to last."""

    def convert(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        seed: int | None = None,
    ) -> tuple[np.ndarray, int]:
        """Convert speech of the domain `source` to the domain `target`.

        Args:
            wave: (N,) or (N, channels), float in [-1, 1] or integer PCM, any length from 0.1 s.
            sample_rate: Hz, 8000 to 48000; resampled to the model's.
            source, target: domains, see `name_domains`.
            difference: filter the source's wave by the ratio of the envelopes instead of using the vocoder; keeps
                F0 and the source's naturalness, for pairs of the same gender (Kobayashi et al. 2014). Of systems on
                mel-cepstra only.
            seed: of the noise of systems that draw some; None: always the same.

        Returns:
            (N',) float64 wave and its rate, the model's.

        Raises:
            UserError: an unknown domain, an option that the system does not have, or a wave that is silent, not
                finite or too short.
        """
        result = self.convert_in_detail(wave, sample_rate, source, target, difference, seed=seed)
        return result.wave, result.sample_rate

    def convert_in_detail(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        name: str | os.PathLike[str] = "the wave",
        seed: int | None = None,
    ) -> Conversion:
        """As `convert`, with features before and after and the time of each stage; `name` opens error messages."""
        self.check_options(difference, seed)
        groups = group_steps(self.plan(*self.name_domains(source, target)))
        wave, rate, label = mix_down(wave), sample_rate, str(name)
        seconds = dict.fromkeys(("analysis", "network", "synthesis"), 0.0)
        for number, group in enumerate(groups):
            first = group[0].converter
            wave, rate = resample(wave, rate, first.sample_rate), first.sample_rate
            check_wave(wave, rate, label)
            times = [time.perf_counter()]
            features = converted = first.analyse(wave)
            times.append(time.perf_counter())
            for converter, a, b in group:
                chosen = seed if converter.takes_seed else None
                converted = converter.convert_features(converted, a, b, chosen, difference)
            times.append(time.perf_counter())
            if number == 0:
                original, original_rate, before = wave, rate, features
            wave = first.filter_wave(wave, features, converted) if difference else first.synthesise(converted)
            times.append(time.perf_counter())
            for stage, (begin, end) in zip(seconds, pairwise(times), strict=True):
                seconds[stage] += end - begin
            difference, label = False, f"{name}, converted"         # its own analyses have nothing to keep
        return Conversion(wave, rate, resample(original, original_rate, rate), before, converted, seconds)

    def check_options(self, difference: bool, seed: int | None) -> None:
        """Raise `UserError` for an option that this converter does not have."""
        if difference and not self.takes_difference:
            raise UserError("difference: only a model on mel-cepstra can filter the source's wave; leave it out")
        if seed is not None and not self.takes_seed:
            raise UserError("seed: this model draws no noise; leave it out")


def group_steps(steps: list[Step]) -> list[list[Step]]:
    """Runs of steps with the same analysis: features pass from one to the next as they are."""
    groups = [steps[:1]]
    for before, step in pairwise(steps):
        a, b = before.converter, step.converter
        if type(a) is type(b) and a.front_end.config == b.front_end.config:
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups
