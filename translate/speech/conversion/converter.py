"""The interface that all converters of speech have, and the steps from a wave to its conversion.

    SpeechConverter           wave in, wave out
      FeatureConverter        one trained model: analysis, network on normalised frames, synthesis (features.py)
        VoiceConverter        mel-cepstra of WORLD (voice.py)
        SpectrumConverter     log magnitudes of the STFT (spectrum.py)
        WaveformConverter     samples (waveform.py)
      Chain                   several of them in a row (chain.py)
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from translate.config.options import read_options
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.speech.analysis.limiter import Limiter, limit_peaks
from translate.speech.analysis.stft import StftFeatures
from translate.speech.analysis.wave import SHORTEST, SILENCE, mix_down, resample
from translate.speech.analysis.world import World, WorldFeatures
from translate.speech.conversion.pieces import NOTHING, Reach, convert_pieces
from translate.speech.conversion.steps import Conversion, Step, convert_group, group_steps
from translate.speech.options import SpeechConversion

if TYPE_CHECKING:
    pass

Wave = TypeVar("Wave", np.ndarray, Tensor)

Features = WorldFeatures | StftFeatures


class Order(NamedTuple):
    """The checked arguments of a conversion, made by `SpeechConverter.order`."""

    source: str
    target: str
    options: SpeechConversion


class SpeechConverter(ABC):
    """Converter of speech from one domain to another; made by `translate.load`, or from several by `Chain`.

    Attributes:
        sample_rate: rate of the converted wave in Hz.
        between: supported domains and directions.
        takes_difference: whether differential synthesis is possible.
        takes_semitones: whether there is an F0 to shift.
        takes_seed: whether the model draws noise, so that another seed gives another sample.
        takes_energy: whether the power of frames can be chosen, which takes a vocoder.
        takes_variance: whether the variance of mel-cepstra can be scaled.
        no_stream: reason why it cannot stream; empty if it can.
    """

    sample_rate: int
    between: Directions
    takes_difference: bool = False
    takes_semitones: bool = False
    takes_seed: bool = False
    takes_energy: bool = False
    takes_variance: bool = False
    no_stream: str = ""

    @property
    def world(self) -> World | None:
        """The vocoder that makes the converted wave; None for models without one."""
        return None

    @property
    def domains(self) -> list[str]:
        """The domains that `convert` accepts."""
        return self.between.domains

    @property
    def directions(self) -> list[tuple[str, str]]:
        """All pairs (source, target) that `convert` accepts."""
        return self.between.pairs

    def name_domains(self, source: str | None, target: str | None) -> tuple[str, str]:
        """Check the names, and complete them where only one direction is possible; see `Directions.name`."""
        return self.between.name(source, target)

    def find_reach(self, source: str, target: str) -> Reach:
        """Return what a converted frame depends on; `NOTHING` where norms depend on all that is converted at once."""
        return NOTHING

    @abstractmethod
    def plan(self, source: str, target: str) -> list[Step]:
        """Return the steps of this conversion in order."""

    def convert(
        self, wave: Wave, sample_rate: int, source: str | None = None, target: str | None = None, **options: Any
    ) -> tuple[Wave, int]:
        """Convert speech of the domain `source` to the domain `target`. Several threads may call this at once.

        Args:
            wave: (N,) or (N, channels), float in [-1, 1] or integer PCM, any length from 0.1 s; an array, or a tensor
                on any device.
            sample_rate: Hz, 8000 to 48000; the wave is resampled to the model's rate.
            source, target: domains, see `name_domains`.
            options: see `SpeechConversion`.

        Returns:
            (N',) wave in [-1, 1] and its rate, which is the model's: a float64 array, or for a tensor a float32 tensor
            on its device. Peaks above 1 are limited, see `translate.speech.analysis.limiter`.

        Raises:
            UserError: an unknown domain, an option that the model does not have or that is out of range, or a wave that
                is silent, not finite or too short.
        """
        order = self.order(source, target, **options)
        parts = self.convert_blocks([mix_down(to_samples(wave))], sample_rate, order)
        return like(wave, np.concatenate(list(parts))), self.sample_rate

    def convert_any(
        self, given: Any, sample_rate: int | None, source: str | None, target: str | None, **options: Any
    ) -> Any:
        """Convert a wave; implements `translate.convert`."""
        if isinstance(given, Features):
            raise UserError("features: a chain converts waves; convert features by one of its models after the other")
        if sample_rate is None:
            raise UserError("sample_rate: a wave needs its rate in Hz")
        return self.convert(given, sample_rate, source, target, **options)

    def order(self, source: str | None = None, target: str | None = None, **options: Any) -> Order:
        """Check the arguments of a conversion once, for any number of waves.

        Raises:
            UserError: as `name_domains` and `check_options`.
        """
        return Order(*self.name_domains(source, target), self.check_options(**options))

    def convert_blocks(
        self,
        blocks: Iterable[np.ndarray],
        sample_rate: int,
        order: Order,
        name: str | os.PathLike[str] = "the wave",
        seconds: dict[str, float] | None = None,
    ) -> Iterator[np.ndarray]:
        """Convert a wave given in consecutive blocks (n,), in memory that does not grow with its length.

        A wave of up to 20 s is converted as a whole, a longer one in pieces, see `translate.speech.conversion.pieces`.
        A silent piece stays silent. The few peaks above 1 are limited over the joints of the pieces.

        Args:
            blocks: consecutive blocks of the wave.
            sample_rate: rate of the blocks in Hz.
            order: result of `order`.
            name: start of error messages.
            seconds: dictionary to which the time of each stage is added.

        Yields:
            Consecutive parts of the converted wave, float64, at `self.sample_rate`.
        """
        spent = {} if seconds is None else seconds

        def function(piece: np.ndarray) -> np.ndarray:
            long = len(piece) > SHORTEST * sample_rate              # shorter pieces raise an error in `convert_whole`
            if long and np.isfinite(piece).all() and np.abs(piece).max() < SILENCE:
                return np.zeros(round(len(piece) * self.sample_rate / sample_rate))
            result = self._convert_whole(piece, sample_rate, order, name)
            for stage, value in result.seconds.items():
                spent[stage] = spent.get(stage, 0.0) + value
            return result.wave

        silent, limiter = True, Limiter(self.sample_rate)
        reach = self.find_reach(order.source, order.target)
        for part in convert_pieces(blocks, sample_rate, self.sample_rate, function, reach):
            silent = silent and not part.any()
            yield limiter.push(part)
        yield limiter.flush()
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
        """Convert an array as `convert` does; return also the features before and after and the time of each stage.

        The array is converted as a whole. `name` starts error messages.
        """
        return self.convert_whole(wave, sample_rate, self.order(source, target, **options), name)

    def convert_whole(
        self, wave: np.ndarray, sample_rate: int, order: Order, name: str | os.PathLike[str] = "the wave"
    ) -> Conversion:
        """Convert like `convert_in_detail`, with arguments already checked by `order`."""
        result = self._convert_whole(wave, sample_rate, order, name)
        return replace(result, wave=limit_peaks(result.wave, result.sample_rate))

    def _convert_whole(
        self, wave: np.ndarray, sample_rate: int, order: Order, name: str | os.PathLike[str]
    ) -> Conversion:
        """Convert with peaks of any size, for what comes next: the next model of a chain, or the limiter."""
        first, *later = group_steps(self.plan(order.source, order.target))
        result = convert_group(first, mix_down(wave), sample_rate, order.options, str(name))
        for group in later:  # `amount` and `difference` apply to the first group only
            plain = SpeechConversion(seed=order.options.seed, energy=order.options.energy)
            following = convert_group(group, result.wave, result.sample_rate, plain, f"{name}, converted")
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

    def check_options(self, **options: Any) -> SpeechConversion:
        """Validate the options of `convert`; raise `UserError` for one that is out of range or not supported here."""
        chosen = read_options(SpeechConversion, options)
        if chosen.semitones and not self.takes_semitones:
            raise UserError("semitones: only a model on mel-cepstra has an F0 to shift; leave it out")
        if chosen.difference and chosen.semitones:
            raise UserError("semitones: differential synthesis keeps the source's F0; leave one of the two out")
        if chosen.difference and not self.takes_difference:
            raise UserError("difference: only a model on mel-cepstra can filter the source's wave; leave it out")
        if chosen.seed is not None and not self.takes_seed:
            raise UserError("seed: this model draws no noise; leave it out")
        if chosen.energy != "source" and not self.takes_energy:
            raise UserError("energy: only a model on mel-cepstra has a choice; leave it out")
        if chosen.variance and not self.takes_variance:
            raise UserError("variance: only a model on mel-cepstra has one to scale; leave it out")
        return chosen


def to_samples(wave: np.ndarray | Tensor) -> np.ndarray:
    """Return a wave of any accepted type as an array."""
    return wave.detach().cpu().numpy() if isinstance(wave, Tensor) else np.asarray(wave)


def like(given: Wave, wave: np.ndarray) -> Wave:
    """Return `wave` in the type of `given`: an array, or a float32 tensor on its device."""
    return torch.from_numpy(wave).to(given.device, torch.float32) if isinstance(given, Tensor) else wave
