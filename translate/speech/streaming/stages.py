"""The pipelines of a stream from samples to converted samples: one for mel-cepstra and one for waves."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from translate.speech.analysis.energy import match_level
from translate.speech.analysis.world import WorldFeatures
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.streaming.frames import FrameStream
from translate.speech.streaming.world import StreamingAnalysis, StreamingSynthesis

ARRAYS = "f0", "mcep", "aperiodicity"


class VoicePipeline:
    """Analysis, network and synthesis, each with the input that it has not used yet.

    Args:
        model: converter whose analysis and statistics are used.
        source, target: domains.
        network: conversion of the frames.
        chunk: number of frames analysed at once.
        keeps_level: whether frames keep the power that they have in the source.

    Attributes:
        lookahead: most samples by which the converted wave lags behind the input.
    """

    def __init__(
        self, model: VoiceConverter, source: str, target: str, network: FrameStream, chunk: int, keeps_level: bool
    ):
        self.model, self.network, self.keeps_level = model, network, keeps_level
        own = model.config.data.normalise == "own"                  # otherwise both domains have the same voice
        self._domains = (source, target) if own else None
        self._analysis = StreamingAnalysis(model.world, chunk)
        self._synthesis = StreamingSynthesis(model.world)
        self._waiting: WorldFeatures | None = None                  # analysed frames that are not converted yet
        self._samples = 0
        waits = math.ceil((chunk + network.lookahead) * model.world.hop)
        self.lookahead = waits + self._analysis.lookahead + self._synthesis.lookahead + 1

    def push(self, wave: np.ndarray, last: bool) -> Iterator[np.ndarray]:
        """Take samples (n,) and yield those (m,) that each chunk completes; with `last` also the rest."""
        self._samples += len(wave)
        for features in self._analysis.push(wave):
            yield self._convert(features)
        if last:
            for features in self._analysis.flush():
                yield self._convert(features)
            rest = self._convert(None)
            yield np.concatenate([rest, self._synthesis.flush(self._samples)])

    def _convert(self, features: WorldFeatures | None) -> np.ndarray:
        """Convert frames, or None at the end; return the samples that are complete with them."""
        if features is None:
            mcep = self.network.flush()
        else:
            mcep = self.network.push(features.mcep, features.f0)
            self._waiting = features if self._waiting is None else _join(self._waiting, features)
        if self._waiting is None or not len(mcep):
            return np.zeros(0)
        now = _cut(self._waiting, slice(len(mcep)))
        self._waiting = _cut(self._waiting, slice(len(mcep), None))
        f0 = now.f0
        if self._domains and f0.any():
            f0 = self.model.convert_f0(f0, *self._domains)
        if self.keeps_level:
            mcep = match_level(self.model.world, mcep, f0, now.mcep, now.f0)
        return self._synthesis.push(replace(now, f0=f0, mcep=mcep))


class WavePipeline:
    """The network alone, chunk by chunk; attributes are those of `VoicePipeline`."""

    def __init__(self, network: FrameStream, chunk: int):
        self.network, self.chunk = network, chunk
        self.lookahead = chunk + network.lookahead
        self._wave = np.zeros(0)

    def push(self, wave: np.ndarray, last: bool) -> Iterator[np.ndarray]:
        self._wave = np.concatenate([self._wave, wave])
        while len(self._wave) >= self.chunk:
            now, self._wave = self._wave[: self.chunk], self._wave[self.chunk :]
            yield self.network.push(now[:, None])[:, 0]
        if last:
            rest = self.network.push(self._wave[:, None])
            yield np.concatenate([rest, self.network.flush()])[:, 0]


def _join(a: WorldFeatures, b: WorldFeatures) -> WorldFeatures:
    f0, mcep, aperiodicity = (np.concatenate([getattr(a, name), getattr(b, name)]) for name in ARRAYS)
    return WorldFeatures(f0, mcep, aperiodicity, a.samples + b.samples)


def _cut(features: WorldFeatures, part: slice) -> WorldFeatures:
    f0, mcep, aperiodicity = (getattr(features, name)[part] for name in ARRAYS)
    return WorldFeatures(f0, mcep, aperiodicity, features.samples)
