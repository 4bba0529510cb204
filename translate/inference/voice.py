"""Conversion of voices: analysis, the network on normalised mel-cepstra, F0, synthesis."""

import logging
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from translate.config import SystemConfig
from translate.errors import UserError
from translate.features.f0 import convert_f0
from translate.features.statistics import Statistics
from translate.features.wave import check_wave, mix_down, resample
from translate.features.world import World, WorldFeatures, synthesise_difference
from translate.translators.base import Translator

CHUNK = 6_000                                                       # frames (30 s) that the network sees at once
SHORTEST = 8                                                        # frames that a network sees at least
OVERLAP = 400                                                       # frames in which neighbouring chunks fade

log = logging.getLogger("translate")


@dataclass
class Conversion:
    """A converted wave with what it was made from.

    Attributes:
        wave: (N,) float64.
        sample_rate: Hz, of `wave` and `original`.
        original: (N,) the source's wave as analysed: mono, resampled.
        source, converted: features before and after; differential synthesis keeps the source's F0.
        seconds: processing time by stage: analysis, network, synthesis.
    """

    wave: np.ndarray
    sample_rate: int
    original: np.ndarray
    source: WorldFeatures
    converted: WorldFeatures
    seconds: dict[str, float]

    @property
    def audio_seconds(self) -> float:
        return len(self.wave) / self.sample_rate


class VoiceConverter:
    """A trained speech system, ready to convert; made by `translate.load`.

    Args:
        translator: with trained weights.
        config: of the run.
        statistics: by domain.
        device: of the networks.
    """

    def __init__(
        self,
        translator: Translator,
        config: SystemConfig,
        statistics: Mapping[str, Statistics],
        device: torch.device,
    ):
        self.translator = translator.to(device).eval()
        self.config, self.statistics, self.device = config, dict(statistics), device
        self.world = World(config.features)  # type: ignore[attr-defined]
        self.sample_rate: int = self.world.config.sample_rate

    @property
    def domains(self) -> list[str]:
        """The names that `convert` knows."""
        return list(self.config.data.domains)

    def convert(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
    ) -> tuple[np.ndarray, int]:
        """Convert speech of the domain `source` to the domain `target`.

        Args:
            wave: (N,) or (N, channels), float in [-1, 1] or integer PCM, any length from 0.1 s.
            sample_rate: Hz, 8000 to 48000; resampled to the model's.
            source, target: domains; either may be left out when the model has two.
            difference: filter the source's wave by the ratio of the envelopes instead of using the vocoder; keeps
                F0 and the source's naturalness, for pairs of the same gender (Kobayashi et al. 2014).

        Returns:
            (N',) float64 wave and its rate, the model's.

        Raises:
            UserError: an unknown domain, or a wave that is silent, not finite or too short.
        """
        result = self.convert_in_detail(wave, sample_rate, source, target, difference)
        return result.wave, result.sample_rate

    def convert_in_detail(
        self,
        wave: np.ndarray,
        sample_rate: int,
        source: str | None = None,
        target: str | None = None,
        difference: bool = False,
        name: str | os.PathLike[str] = "the wave",
    ) -> Conversion:
        """As `convert`, with features before and after and the time of each stage; `name` opens error messages."""
        source, target = self.name_domains(source, target)
        wave = resample(mix_down(wave), sample_rate, self.sample_rate)
        check_wave(wave, self.sample_rate, name)
        started = time.perf_counter()
        features = self.world.analyse(wave)
        analysed = time.perf_counter()
        f0 = features.f0
        if not difference:                                          # which leaves the excitation alone
            f0 = convert_f0(f0, self.statistics[source], self.statistics[target])
        converted = WorldFeatures(
            f0=f0,
            mcep=self.convert_mcep(features.mcep, source, target),
            aperiodicity=features.aperiodicity,
            samples=features.samples,
        )
        translated = time.perf_counter()
        if difference:
            output = synthesise_difference(wave, features.mcep, converted.mcep, self.world)
        else:
            output = self.world.synthesise(converted)
        seconds = {
            "analysis": analysed - started,
            "network": translated - analysed,
            "synthesis": time.perf_counter() - translated,
        }
        return Conversion(output, self.sample_rate, wave, features, converted, seconds)

    def convert_mcep(self, mcep: np.ndarray, source: str, target: str) -> np.ndarray:
        """Mel-cepstra (T, Q) of the domain `source` to those of `target`, both as analysed; any T from 1."""
        normalised = self.statistics[source].normalise(mcep)
        x = torch.from_numpy(np.ascontiguousarray(normalised.T, dtype=np.float32))[None].to(self.device)
        with torch.inference_mode():
            y = translate_chunks(self.translator, x, source, target)
        return self.statistics[target].denormalise(y[0].T.double().cpu().numpy())

    def name_domains(self, source: str | None, target: str | None) -> tuple[str, str]:
        """Check the names; of two domains one may be left out; without both the direction is a guess."""
        for name in (source, target):
            if name is not None and name not in self.domains:
                raise UserError(f"unknown domain `{name}`; this model knows {', '.join(self.domains)}")
        if len(self.domains) == 2 and (source or target):
            first, second = self.domains
            if target is None:
                target = first if source == second else second
            source = source or (first if target == second else second)
        if source is None or target is None:
            needed = "the target domain" if len(self.domains) == 2 else "the source and the target domain"
            raise UserError(f"name {needed}; this model knows {', '.join(self.domains)}")
        if source == target:
            raise UserError(f"source and target are both `{source}`; this model knows {', '.join(self.domains)}")
        return source, target


def translate_chunks(translator: Translator, x: Tensor, source: str, target: str) -> Tensor:
    """Translate (B, C, T) of any length in bounded memory.

    Up to 30 s the network sees all at once. Longer input is cut into chunks of the same length (norms over time
    depend on it), at most 30 s, which overlap by 2 s and fade into each other with weights that sum to one. Less
    than the few frames that norms need is continued by its last frame.
    """
    length = x.shape[-1]
    if length < SHORTEST:
        longer = functional.pad(x, (0, SHORTEST - length), mode="replicate")
        return translator.translate(longer, source, target)[..., :length]
    if length <= CHUNK:
        return translator.translate(x, source, target)
    chunks = math.ceil((length - OVERLAP) / (CHUNK - OVERLAP))
    size = math.ceil((length + (chunks - 1) * OVERLAP) / chunks)
    rise = (torch.arange(1, size + 1, device=x.device) / (OVERLAP + 1)).clamp(max=1)
    level = torch.ones_like(rise)
    total, weights = torch.zeros_like(x), torch.zeros(length, device=x.device)
    for chunk in range(chunks):
        start = round(chunk * (length - size) / (chunks - 1))
        part = slice(start, start + size)
        fade = (rise if chunk > 0 else level) * (rise.flip(0) if chunk < chunks - 1 else level)
        total[..., part] += fade * translator.translate(x[..., part], source, target)
        weights[part] += fade
    return total / weights
