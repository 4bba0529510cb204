"""Baselines as waves: the source through the vocoder, and mean-variance conversion, by a run's own analysis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from translate.checkpoints.store import find_checkpoint, find_run_config
from translate.config import StftConfig, WorldConfig
from translate.corpus.directions import Direction
from translate.models.base import SpeechModel
from translate.speech.analysis.f0 import convert_f0
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.conversion.open import read_statistics


@dataclass(frozen=True)
class Baselines:
    """What nothing learned makes of a source.

    Attributes:
        front_end: analysis and synthesis.
        statistics: statistics of the training data, by domain.
    """

    front_end: Any
    statistics: Mapping[str, Statistics]

    def converts(self, directions: Sequence[Direction]) -> bool:
        """Say whether mean-variance conversion is possible in all these directions."""
        domains = {domain for direction in directions for domain in direction}
        return isinstance(self.front_end, World) and domains <= self.statistics.keys()

    def resynthesise(self, path: Path) -> tuple[np.ndarray, int]:
        """Return a recording after analysis and synthesis alone: samples (N,) and their rate."""
        wave, rate = read_wave(path, self.front_end.sample_rate)
        return self.front_end.synthesise(self.front_end.analyse(wave)), rate

    def convert(self, path: Path, source: str, target: str) -> tuple[np.ndarray, int]:
        """Return a recording with the target's mean and variance of every mel-cepstral coefficient and of log F0."""
        wave, rate = read_wave(path, self.front_end.sample_rate)
        before, after = self.statistics[source], self.statistics[target]
        features, config = self.front_end.analyse(wave), self.front_end.config
        mcep = after.denormalise(before.normalise(features.mcep))
        f0 = convert_f0(features.f0, before, after, config.f0_floor, config.f0_ceil)
        return self.front_end.synthesise(replace(features, mcep=mcep, f0=f0)), rate


def open_baselines(runs: Sequence[Path]) -> Baselines | None:
    """Take the analysis of the first run on mel-cepstra, else of the first on spectra; None where there is neither."""
    for kind in (WorldConfig, StftConfig):
        for run in runs:
            config = find_run_config(run)
            if isinstance(config, SpeechModel) and isinstance(config.features, kind):
                statistics = read_statistics(find_checkpoint(run), config)
                return Baselines(make_front_end(config.features), statistics)
    return None
