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
from translate.speech.analysis.wave import SHORTEST, SILENCE, check_wave, mix_down, resample
from translate.speech.analysis.world import World
from translate.speech.conversion.pieces import convert_pieces

if TYPE_CHECKING:
    from translate.speech.conversion.features import FeatureConverter

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


@dataclass(frozen=True)
class Options:
    """What a conversion may be asked besides its direction.

    Attributes:
        difference: filter the source's wave by the ratio of the envelopes instead of using the vocoder; keeps F0 and
            the source's naturalness, for pairs of the same gender (Kobayashi et al. 2014). Of systems on mel-cepstra.
        seed: of the noise of systems that draw some; None: always the same.
        amount: of the conversion, 0 (none: analysis and synthesis) to 1; between them features are mixed, F0 on a
            logarithmic scale. Of a chain: of its first converter.
        semitones: by which the converted F0 is shifted, -24 to 24; of systems with a vocoder only.
    """

    difference: bool = False
    seed: int | None = None
    amount: float = 1.0
    semitones: float = 0.0


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
        self, wave: Wave, sample_rate: int, source: str | None = None, target: str | None = None, **options: Any
    ) -> tuple[Wave, int]:
        """Convert speech of the domain `source` to the domain `target`. Several threads may call it at once.

        Args:
            wave: (N,) or (N, channels), float in [-1, 1] or integer PCM, any length from 0.1 s; an array, or a tensor
                on any device.
            sample_rate: Hz, 8000 to 48000; resampled to the model's.
            source, target: domains, see `name_domains`.
            options: difference, seed, amount, semitones; see `Options`.

        Returns:
            (N',) wave and its rate, the model's: a float64 array; where a tensor was given float32, on its device.

        Raises:
            UserError: an unknown domain, an option that the system does not have or out of its range, or a wave that is
                silent, not finite or too short.
        """
        parts = self.convert_blocks([mix_down(to_array(wave))], sample_rate, source, target, **options)
        return like(wave, np.concatenate(list(parts))), self.sample_rate

    def convert_blocks(
        self,
        blocks: Iterable[np.ndarray],
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        *,
        name: str | os.PathLike[str] = "the wave",
        seconds: dict[str, float] | None = None,
        **options: Any,
    ) -> Iterator[np.ndarray]:
        """As `convert`, of a wave that comes in consecutive blocks (n,), in memory that does not grow with its length.

        A wave of up to 20 s is converted as a whole, a longer one in pieces, see `translate.speech.conversion.pieces`;
        a piece that is silent stays so. To `seconds` the time of each stage is added; `name` opens error messages.

        Yields:
            Consecutive parts of the converted wave, float64, at `self.sample_rate`.
        """
        source, target = self.name_domains(source, target)
        self.check_options(**options)
        spent = {} if seconds is None else seconds

        def function(piece: np.ndarray) -> np.ndarray:
            long = len(piece) > SHORTEST * sample_rate              # shorter ones are told of below
            if long and np.isfinite(piece).all() and np.abs(piece).max() < SILENCE:
                return np.zeros(round(len(piece) * self.sample_rate / sample_rate))
            result = self.convert_in_detail(piece, sample_rate, source, target, name=name, **options)
            for stage, value in result.seconds.items():
                spent[stage] = spent.get(stage, 0.0) + value
            return result.wave

        silent = True
        for part in convert_pieces(blocks, sample_rate, self.sample_rate, function):
            silent = silent and not part.any()
            yield part
        if silent:
            raise UserError(f"{name}: silent, no sample above {SILENCE}; leave the file out")

    def convert_in_detail(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        *,
        name: str | os.PathLike[str] = "the wave",
        **options: Any,
    ) -> Conversion:
        """As `convert` of an array, at once, with features before and after and the time of each stage.

        `name` opens error messages.
        """
        chosen = self.check_options(**options)
        first, *later = group_steps(self.plan(*self.name_domains(source, target)))
        result = _convert_group(first, mix_down(wave), sample_rate, chosen, str(name))
        for group in later:                                         # their own analyses have nothing to mix or keep
            plain = Options(seed=chosen.seed)
            following = _convert_group(group, result.wave, result.sample_rate, plain, f"{name}, converted")
            rate = following.sample_rate
            result = Conversion(
                wave=following.wave,
                sample_rate=rate,
                original=resample(result.original, result.sample_rate, rate),
                source=result.source,
                converted=following.converted,
                seconds={stage: spent + following.seconds[stage] for stage, spent in result.seconds.items()},
            )
        return result

    def check_options(self, **options: Any) -> Options:
        """The options of `convert`; `UserError` for one that this converter does not have, or that is out of range."""
        chosen = Options(**options)
        difference, amount, semitones = chosen.difference, chosen.amount, chosen.semitones
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
        if chosen.seed is not None and not self.takes_seed:
            raise UserError("seed: this model draws no noise; leave it out")
        return chosen


def _convert_group(group: list[Step], wave: np.ndarray, sample_rate: int, options: Options, name: str) -> Conversion:
    """Analysis, the steps of a group on the features, synthesis; what is asked besides concerns the first step."""
    head = group[0].converter
    wave, rate = resample(wave, sample_rate, head.sample_rate), head.sample_rate
    check_wave(wave, rate, name)
    times = [time.perf_counter()]
    features = converted = head.analyse(wave)
    times.append(time.perf_counter())
    for number, (converter, source, target) in enumerate(group):
        seed = options.seed if converter.takes_seed else None
        converted = converter.convert_features(converted, source, target, seed, options.difference)
        if number == 0 and options.amount < 1:
            converted = converter.mix(features, converted, options.amount)
        if number == 0 and options.semitones:
            converted = converter.shift(converted, options.semitones)
    times.append(time.perf_counter())
    filtered = options.difference
    result = head.filter_wave(wave, features, converted) if filtered else head.synthesise(converted)
    times.append(time.perf_counter())
    spent = [end - begin for begin, end in pairwise(times)]
    seconds = dict(zip(("analysis", "network", "synthesis"), spent, strict=True))
    return Conversion(result, rate, wave, features, converted, seconds)


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
