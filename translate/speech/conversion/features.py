"""Converter of one trained model: analysis, the network on normalised frames, synthesis."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from translate.corpus.directions import Directions
from translate.games.base import Translator
from translate.models.base import SpeechModel
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.statistics import Statistics
from translate.speech.conversion.chunks import translate_chunks
from translate.speech.conversion.converter import Features as AnalysedFeatures
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.steps import Step, convert_features

Features = TypeVar("Features")


class FeatureConverter(SpeechConverter, Generic[Features]):
    """A trained model of speech, ready to convert.

    Args:
        translator: game with trained weights.
        config: configuration of the run.
        statistics: statistics by domain.
        device: device of the networks.
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
    ):
        self.translator = translator.to(device).eval()
        self.config, self.statistics, self.device = config, dict(statistics), device
        self.between = Directions.of(config)
        self.front_end: Any = make_front_end(config.features)
        self.sample_rate: int = self.front_end.sample_rate
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

    def convert_frames(self, frames: np.ndarray, source: str, target: str, seed: int | None = None) -> np.ndarray:
        """Convert the frames (T, Q) that the network takes, not normalised, any T from 1, from `source` to `target`.

        Memory on the device is bounded: longer input is processed in chunks, see `translate_chunks`.
        """
        condition = {} if seed is None else {"seed": seed}
        normalised = self.statistics[source].normalise(frames)
        x = torch.from_numpy(np.ascontiguousarray(normalised.T, dtype=np.float32))[None]  # (1, Q, T)

        def function(part: Tensor) -> Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                return self.translator.translate(part.to(self.device), source, target, **condition).float().cpu()

        context = find_context(self.translator)
        chunk = self.chunk if context is None else self.bounded_chunk
        with torch.inference_mode():
            y = translate_chunks(function, x, chunk, self.overlap, context)
        return self.statistics[target].denormalise(y[0].T.double().numpy())

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
