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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from translate.errors import UserError
from translate.features.wave import SHORTEST, SILENCE, check_wave, mix_down, resample
from translate.features.world import World
from translate.inference.pieces import convert_pieces

if TYPE_CHECKING:
    from translate.inference.system import FeatureConverter

Wave = TypeVar("Wave", np.ndarray, Tensor)

MOST_SEMITONES = 24


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
        takes_semitones: whether there is an F0 to shift.
        takes_seed: whether the system draws noise, so that another seed gives another sample.
    """

    sample_rate: int
    takes_difference: bool = False
    takes_semitones: bool = False
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
        wave: Wave,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        seed: int | None = None,
        *,
        amount: float = 1.0,
        semitones: float = 0.0,
    ) -> tuple[Wave, int]:
        """Convert speech of the domain `source` to the domain `target`. Several threads may call it at once.

        Args:
            wave: (N,) or (N, channels), float in [-1, 1] or integer PCM, any length from 0.1 s; an array, or a tensor
                on any device.
            sample_rate: Hz, 8000 to 48000; resampled to the model's.
            source, target: domains, see `name_domains`.
            difference: filter the source's wave by the ratio of the envelopes instead of using the vocoder; keeps
                F0 and the source's naturalness, for pairs of the same gender (Kobayashi et al. 2014). Of systems on
                mel-cepstra only.
            seed: of the noise of systems that draw some; None: always the same.
            amount: of the conversion, 0 (none: analysis and synthesis) to 1; between them features are mixed, F0 on a
                logarithmic scale. Of a chain: of its first converter.
            semitones: by which the converted F0 is shifted, -24 to 24; of systems with a vocoder only.

        Returns:
            (N',) wave and its rate, the model's: a float64 array; where a tensor was given float32, on its device.

        Raises:
            UserError: an unknown domain, an option that the system does not have or out of its range, or a wave that is
                silent, not finite or too short.
        """
        blocks, options = [mix_down(to_array(wave))], {"seed": seed, "amount": amount, "semitones": semitones}
        parts = self.convert_blocks(blocks, sample_rate, source, target, difference, **options)  # type: ignore[arg-type]
        return like(wave, np.concatenate(list(parts))), self.sample_rate

    def convert_blocks(
        self,
        blocks: Iterable[np.ndarray],
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        name: str | os.PathLike[str] = "the wave",
        seed: int | None = None,
        amount: float = 1.0,
        semitones: float = 0.0,
        seconds: dict[str, float] | None = None,
    ) -> Iterator[np.ndarray]:
        """As `convert`, of a wave that comes in consecutive blocks (n,), in memory that does not grow with its length.

        Up to half a minute is converted as a whole, more in pieces, see `translate.inference.pieces`; a piece that is
        silent stays so. To `seconds` the time of each stage is added.

        Yields:
            Consecutive parts of the converted wave, float64, at `self.sample_rate`.
        """
        source, target = self.name_domains(source, target)
        silent, spent = True, {} if seconds is None else seconds

        def function(piece: np.ndarray) -> np.ndarray:
            nonlocal silent
            if len(piece) > SHORTEST * sample_rate and np.isfinite(piece).all() and np.abs(piece).max() < SILENCE:
                return np.zeros(round(len(piece) * self.sample_rate / sample_rate))
            result = self.convert_in_detail(
                piece, sample_rate, source, target, difference, name, seed, amount=amount, semitones=semitones
            )
            silent = False
            for stage, value in result.seconds.items():
                spent[stage] = spent.get(stage, 0.0) + value
            return result.wave

        self.check_options(difference, seed, amount, semitones)
        yield from convert_pieces(blocks, sample_rate, self.sample_rate, function)
        if silent:
            raise UserError(f"{name}: silent, no sample above {SILENCE}; leave the file out")

    def convert_in_detail(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        name: str | os.PathLike[str] = "the wave",
        seed: int | None = None,
        amount: float = 1.0,
        semitones: float = 0.0,
    ) -> Conversion:
        """As `convert` of an array, with features before and after and the time of each stage.

        `name` opens error messages.
        """
        self.check_options(difference, seed, amount, semitones)
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
            for place, (converter, a, b) in enumerate(group):
                chosen = seed if converter.takes_seed else None
                converted = converter.convert_features(converted, a, b, chosen, difference)
                if number == place == 0:
                    converted = converter.mix(features, converted, amount) if amount < 1 else converted
                    converted = converter.shift(converted, semitones) if semitones else converted
            times.append(time.perf_counter())
            if number == 0:
                original, original_rate, before = wave, rate, features
            wave = first.filter_wave(wave, features, converted) if difference else first.synthesise(converted)
            times.append(time.perf_counter())
            for stage, (begin, end) in zip(seconds, pairwise(times), strict=True):
                seconds[stage] += end - begin
            difference, label = False, f"{name}, converted"         # its own analyses have nothing to keep
        return Conversion(wave, rate, resample(original, original_rate, rate), before, converted, seconds)

    def check_options(
        self, difference: bool = False, seed: int | None = None, amount: float = 1.0, semitones: float = 0.0
    ) -> None:
        """Raise `UserError` for an option that this converter does not have, or that is out of its range."""
        if not 0 <= amount <= 1:
            raise UserError(f"amount: {amount:g}; expected a number from 0 (no conversion) to 1")
        if not abs(semitones) <= MOST_SEMITONES:
            raise UserError(f"semitones: {semitones:g}; expected a number from -{MOST_SEMITONES} to {MOST_SEMITONES}")
        if semitones and not self.takes_semitones:
            raise UserError("semitones: only a model on mel-cepstra has an F0 to shift; leave it out")
        if difference and semitones:
            raise UserError("semitones: differential synthesis keeps the source's F0; leave one of the two out")
        if difference and not self.takes_difference:
            raise UserError("difference: only a model on mel-cepstra can filter the source's wave; leave it out")
        if seed is not None and not self.takes_seed:
            raise UserError("seed: this model draws no noise; leave it out")


def to_array(wave: np.ndarray | Tensor) -> np.ndarray:
    """A wave of any kind as an array."""
    return wave.detach().cpu().numpy() if isinstance(wave, Tensor) else np.asarray(wave)


def like(given: Wave, wave: np.ndarray) -> Wave:
    """`wave` as the kind of `given`: an array, or a float32 tensor on its device."""
    return torch.from_numpy(wave).to(given.device, torch.float32) if isinstance(given, Tensor) else wave


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
