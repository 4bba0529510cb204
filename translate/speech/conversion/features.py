"""One trained model of speech as a converter: analysis, the network on normalised frames, synthesis."""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from translate.corpus.directions import Directions
from translate.games.base import Translator
from translate.models.base import Model
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
        translator: with trained weights.
        config: of the run.
        statistics: by domain.
        device: of the networks.
    """

    precision = "float32"                                           # of the networks; or bfloat16

    # Frames (of waves: samples) that a network sees at once: where a norm sees all of them, and neighbouring chunks
    # fade into each other over `overlap`; and where its receptive field is bounded.
    chunk = 6_000
    overlap = 400
    bounded_chunk = 6_000

    def __init__(
        self,
        translator: Translator,
        config: Model,
        statistics: Mapping[str, Statistics],
        device: torch.device,
    ):
        self.translator = translator.to(device).eval()
        self.config, self.statistics, self.device = config, dict(statistics), device
        self.between = Directions.of(config)
        self.front_end: Any = make_front_end(config.features)  # type: ignore[attr-defined]
        self.sample_rate: int = self.front_end.sample_rate
        self.takes_seed = "seed" in inspect.signature(translator.translate).parameters

    @abstractmethod
    def analyse(self, wave: np.ndarray) -> Features:
        """Features of (N,) samples at the model's rate."""

    @abstractmethod
    def convert_features(
        self, features: Features, source: str, target: str, seed: int | None = None, difference: bool = False
    ) -> Features:
        """Features of `source` to those of `target`; with `difference` the excitation stays."""

    @abstractmethod
    def mix(self, before: Features, after: Features, amount: float) -> Features:
        """Features between those of the source (`amount` 0) and their conversion (1)."""

    def shift(self, features: Features, semitones: float) -> Features:
        """Features with a higher or lower F0. For those that say `takes_semitones`."""
        raise NotImplementedError

    @abstractmethod
    def synthesise(self, features: Features) -> np.ndarray:
        """The wave (N,) of features."""

    def filter_wave(self, wave: np.ndarray, before: Features, after: Features) -> np.ndarray:
        """Differential synthesis: `wave` filtered as its features changed. For those that say `takes_difference`."""
        raise NotImplementedError

    def convert_frames(self, frames: np.ndarray, source: str, target: str, seed: int | None = None) -> np.ndarray:
        """What the network sees of features, frames (T, Q) as analysed, any T from 1, from `source` to `target`.

        Memory on the device is bounded: longer input goes through in chunks, see `translate_chunks`.
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
        """Convert what `translate.convert` takes: a wave, or features as `translate.analyse` gives them."""
        if not isinstance(given, AnalysedFeatures):
            return super().convert_any(given, sample_rate, source, target, **options)
        order = self.order(source, target, **options)
        return convert_features(self.plan(order.source, order.target), given, order.options)

    def plan(self, source: str, target: str) -> list[Step]:
        return [Step(self, source, target)]


def find_context(translator: Translator) -> int | None:
    """One-sided receptive field of the generator's networks, where all of them tell it (`context`); else None."""
    networks = translator.networks("generator").values()
    contexts: list[Any] = [getattr(network, "context", None) for network in networks]
    return None if not contexts or None in contexts else max(contexts)
