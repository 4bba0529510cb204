"""The front ends of speech: what `features.kind` names, and what depends on it."""

import importlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from translate.config import FeatureConfig, StftConfig, WaveConfig, WorldConfig
from translate.speech.analysis.stft import Stft
from translate.speech.analysis.waveform import Waveform
from translate.speech.analysis.world import World


class FrontEnd(Protocol):
    """What extraction asks of a front end."""

    sample_rate: int                                                # Hz, of the waves that it takes
    dimensions: int                                                 # Q, of a frame

    def analyse_frames(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(frames (T, Q), F0 (T,) in Hz, 0 where unvoiced, or None where there is none) of a wave (N,)."""


class Kind(NamedTuple):
    """A row of the table.

    Attributes:
        section: the settings `features`.
        front_end: analyses waves by them.
        converter: the class that converts such features, by its path: it stands above the analyses.
    """

    section: type[FeatureConfig]
    front_end: Any
    converter: str


KINDS = {
    "world": Kind(WorldConfig, World, "translate.speech.conversion.voice.VoiceConverter"),
    "stft": Kind(StftConfig, Stft, "translate.speech.conversion.spectrum.SpectrumConverter"),
    "wave": Kind(WaveConfig, Waveform, "translate.speech.conversion.waveform.WaveformConverter"),
}


def make_front_end(config: FeatureConfig) -> Any:
    """Make the front end of a section `features`; raise `UserError` where its numbers contradict one another."""
    return KINDS[config.kind].front_end(config)


def find_converter(config: FeatureConfig) -> Any:
    """Return the class of converters for a section `features`."""
    module, _, name = KINDS[config.kind].converter.rpartition(".")
    return getattr(importlib.import_module(module), name)
