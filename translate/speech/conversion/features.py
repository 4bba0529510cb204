"""Converter of one trained model: analysis, the network on normalised frames, synthesis."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from translate.corpus.directions import Directions
from translate.games.base import Translator
from translate.layers.steady_norm import SteadyNorm, gather, measure_context, steady
from translate.models.base import SpeechModel
from translate.speech.analysis.energy import find_active
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.chunks import translate_chunks
from translate.speech.conversion.converter import Features as AnalysedFeatures
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.norms import Norms, find_norms, has_norms, store
from translate.speech.conversion.pieces import NOTHING, Reach
from translate.speech.conversion.steps import Step, convert_features

Features = TypeVar("Features")

STRIDE = 4                                                          # frames; the strides of networks divide it


class FeatureConverter(SpeechConverter, Generic[Features]):
    """A trained model of speech, ready to convert.

    Args:
        translator: game with trained weights.
        config: configuration of the run.
        statistics: statistics by domain.
        device: device of the networks.
        norms: statistics of the instance norms over the training material; without them a norm takes those of the
            speech in what is converted at once.
    """

    precision = "float32"                                           # precision of the networks, or "bfloat16"

    # Frames (for waves: samples) passed to a network at once: `chunk` where a norm depends on all of them, with a
    # cross-fade of neighbouring chunks over `overlap`; `bounded_chunk` where its receptive field is bounded.
    chunk = 6_000
    overlap = 400
    bounded_chunk = 6_000

    def __init__(
        self,
        translator: Translator,
        config: SpeechModel,
        statistics: Mapping[str, Statistics],
        device: torch.device,
        norms: Norms | None = None,
    ):
        self.norms: Norms = norms or {}
        self._stored: dict[tuple[str, str], Translator] = {}        # games with stored norms by direction,
        self._contexts: dict[tuple[str, str], int | None] = {}      # and the one-sided receptive fields of these
        self.translator = translator.to(device).eval()
        self.config, self.statistics, self.device = config, dict(statistics), device
        self.between = Directions.of(config)
        self.front_end: Any = make_front_end(config.features)
        self.sample_rate: int = self.front_end.sample_rate
        # Whether norms without stored statistics leave out pauses; an exported graph does not.
        self.gathers = has_norms(translator)
        self.takes_seed = "seed" in inspect.signature(translator.translate).parameters

    @abstractmethod
    def analyse(self, wave: np.ndarray) -> Features:
        """Analyse (N,) samples at the model's rate."""

    @abstractmethod
    def convert_features(
        self, features: Features, source: str, target: str, seed: int | None = None, difference: bool = False
    ) -> Features:
        """Convert features from `source` to `target`; with `difference` the excitation stays as it is."""

    @abstractmethod
    def mix(self, before: Features, after: Features, amount: float) -> Features:
        """Interpolate between the source's features (`amount` 0) and their conversion (1)."""

    def shift(self, features: Features, semitones: float) -> Features:
        """Shift the F0 of features. Only for converters with `takes_semitones`."""
        raise NotImplementedError

    def keep_level(self, before: Features, after: Features) -> Features:
        """Give every frame of `after` the power that it has in `before`; features without a vocoder stay."""
        return after

    def scale_variance(self, before: Features, after: Features, target: str, amount: float) -> Features:
        """Scale the variance of `after`, the conversion of `before`, to the target's. Only with `takes_variance`."""
        raise NotImplementedError

    @abstractmethod
    def synthesise(self, features: Features) -> np.ndarray:
        """Make the wave (N,) of features."""

    def filter_wave(self, wave: np.ndarray, before: Features, after: Features) -> np.ndarray:
        """Filter `wave` by the change of its features: differential synthesis. Only with `takes_difference`."""
        raise NotImplementedError

    @property
    @abstractmethod
    def frame_rate(self) -> float:
        """Frames per second."""

    @abstractmethod
    def measure_power(self, frames: np.ndarray) -> np.ndarray:
        """Measure the power (T,) of frames (T, Q) in any unit."""

    def find_speech(self, frames: np.ndarray, f0: np.ndarray | None = None) -> np.ndarray:
        """Find the frames (T, Q) that are speech, or near it, by their power and F0 (T,): (T,) bool."""
        return find_active(self.measure_power(frames), self.frame_rate, f0)

    def convert_frames(
        self, frames: np.ndarray, source: str, target: str, seed: int | None = None, f0: np.ndarray | None = None
    ) -> np.ndarray:
        """Convert the frames (T, Q) that the network takes, not normalised, any T from 1, from `source` to `target`.

        Memory on the device is bounded: longer input is processed in chunks, see `translate_chunks`. F0 (T,) helps to
        find the speech where the norms need it.
        """
        condition = {} if seed is None else {"seed": seed}
        normalised = self.statistics[source].normalise(frames)
        x = torch.from_numpy(np.ascontiguousarray(normalised.T, dtype=np.float32))[None]  # (1, Q, T)
        game, context = self.find_game(source, target)
        # Norms without stored statistics gather them from the speech alone, which is told in another row of the input.
        norms: Mapping[str, SteadyNorm] = {}
        if context is None and self.gathers:
            game, norms = steady(game)
        speech = torch.from_numpy(self.find_speech(frames, f0)) if norms else torch.ones(len(frames))
        told = torch.cat([x, speech.float()[None, None]], dim=1)

        def function(part: Tensor) -> Tensor:
            part, counted = part[:, :-1], part[0, -1]
            for norm in norms.values():
                norm.forget()
            gather(norms.values(), counted if counted.any() else torch.ones_like(counted))
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                return game.translate(part.to(self.device), source, target, **condition).float().cpu()

        chunk = self.chunk if context is None else self.bounded_chunk
        with torch.inference_mode():
            y = translate_chunks(function, told, chunk, self.overlap, context)
        return self.statistics[target].denormalise(y[0].T.double().numpy())

    def find_game(self, source: str, target: str) -> tuple[Translator, int | None]:
        """Return the game for a direction, with the stored statistics of its norms if it has any.

        The number is the one-sided receptive field in frames, None where it is unbounded.
        """
        direction, norms = (source, target), find_norms(self.norms, source, target)
        if not norms:
            return self.translator, find_context(self.translator)
        if direction not in self._contexts:
            game = self._stored[direction] = store(self.translator, norms)

            def probe(x: Tensor) -> Tensor:
                return game.translate(x.to(self.device), source, target).float().cpu()

            try:
                self._contexts[direction] = max(measure_context(probe, self.front_end.dimensions, STRIDE))
            except ValueError:                                      # something else looks at the whole
                self._contexts[direction] = None
        return self._stored[direction], self._contexts[direction]

    def find_reach(self, source: str, target: str) -> Reach:
        context = self.find_game(source, target)[1] if self.norms else None
        rate = Fraction(self.frame_rate).limit_denominator(10**6)
        return Reach(context / float(rate), STRIDE / rate) if context else NOTHING

    def convert_any(
        self, given: Any, sample_rate: int | None, source: str | None, target: str | None, **options: Any
    ) -> Any:
        """Convert a wave, or features from `translate.analyse`; implements `translate.convert`."""
        if not isinstance(given, AnalysedFeatures):
            return super().convert_any(given, sample_rate, source, target, **options)
        order = self.order(source, target, **options)
        return convert_features(self.plan(order.source, order.target), given, order.options)

    def plan(self, source: str, target: str) -> list[Step]:
        return [Step(self, source, target)]


def find_context(translator: Translator) -> int | None:
    """Return the one-sided receptive field if all generator networks have one (`context`), else None."""
    networks = translator.networks("generator").values()
    contexts: list[Any] = [getattr(network, "context", None) for network in networks]
    return None if not contexts or None in contexts else max(contexts)
