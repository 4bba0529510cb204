"""The front ends of speech: the table of `features.kind` and what depends on it."""

import importlib
from typing import Any, NamedTuple, Protocol

import numpy as np

from translate.config import FeatureConfig, StftConfig, WaveConfig, WorldConfig
from translate.speech.analysis.stft import Stft
from translate.speech.analysis.waveform import Waveform
from translate.speech.analysis.world import World


class FrontEnd(Protocol):
    """The interface that feature extraction needs of a front end."""

    sample_rate: int                                                # rate of its input waves in Hz
    dimensions: int                                                 # Q, values per frame

    def analyse_frames(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Analyse a wave (N,): frames (T, Q), and F0 (T,) in Hz, 0 where unvoiced, or None without F0."""


class Kind(NamedTuple):
    """A row of the table.

    Attributes:
        section: class of the section `features`.
        front_end: class that analyses waves with these settings.
        converter: import path of the class that converts such features; a path because this module must not import it.
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
    """Make the front end for a section `features`; raise `UserError` where its settings contradict one another."""
    return KINDS[config.kind].front_end(config)


def find_converter(config: FeatureConfig) -> Any:
    """Return the converter class for a section `features`."""
    module, _, name = KINDS[config.kind].converter.rpartition(".")
    return getattr(importlib.import_module(module), name)
