"""Baselines as waves by a run's own analysis: the source through the vocoder, mean-variance, the linear map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from translate.checkpoints.store import find_checkpoint, find_run_config
from translate.config import StftConfig, WorldConfig
from translate.corpus.directions import Direction
from translate.models.base import SpeechModel
from translate.speech.analysis.energy import match_level
from translate.speech.analysis.f0 import convert_f0
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.linear_map import fit_linear_map
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

    def maps_linearly(self, directions: Sequence[Direction]) -> bool:
        """Say whether the linear map is possible in all these directions: it needs covariances."""
        domains = {domain for direction in directions for domain in direction}
        return self.converts(directions) and all(self.statistics[name].covariance is not None for name in domains)

    def convert(self, path: Path, source: str, target: str, linear: bool = False) -> tuple[np.ndarray, int]:
        """Convert a recording by the statistics of two domains; the power of every frame stays.

        Args:
            path: recording.
            source, target: domains.
            linear: whether mel-cepstra are converted by the linear map, in place of their mean and variance. Log F0 is
                converted by mean and variance in both.

        Returns:
            The wave (N,) and its rate.
        """
        wave, rate = read_wave(path, self.front_end.sample_rate)
        before, after = self.statistics[source], self.statistics[target]
        features, config = self.front_end.analyse(wave), self.front_end.config
        map_mcep = fit_linear_map(before, after, config) if linear else lambda x: after.denormalise(before.normalise(x))
        f0, mcep = convert_f0(features.f0, before, after, config.f0_floor, config.f0_ceil), map_mcep(features.mcep)
        mcep = match_level(self.front_end, mcep, f0, features.mcep, features.f0)
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
