"""The front ends of speech: what `features.kind` names."""

from typing import Protocol

import numpy as np

from translate.config import FeatureConfig, StftConfig, WorldConfig
from translate.speech.analysis.stft import Stft
from translate.speech.analysis.waveform import Waveform
from translate.speech.analysis.world import World


class FrontEnd(Protocol):
    """What extraction asks of a front end."""

    sample_rate: int                                                # Hz, of the waves that it takes
    dimensions: int                                                 # Q, of a frame

    def analyse_frames(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(frames (T, Q), F0 (T,) in Hz, 0 where unvoiced, or None where there is none) of a wave (N,)."""


def make_front_end(config: FeatureConfig) -> World | Stft | Waveform:
    """The front end of a section `features`; raises `UserError` where its numbers contradict one another."""
    if isinstance(config, WorldConfig):
        return World(config)
    if isinstance(config, StftConfig):
        return Stft(config)
    return Waveform(config)
