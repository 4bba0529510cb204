"""Conversion of speech while it is being spoken: samples in, converted samples out, with a bounded delay."""

import math
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np
import soxr

from translate.errors import UserError
from translate.speech.analysis.limiter import Limiter
from translate.speech.analysis.wave import check_wave, mix_down, resample
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.streaming.frames import STEP, FrameStream
from translate.speech.streaming.stages import VoicePipeline, WavePipeline

CHUNK = 200.0                                                       # ms
REMEMBERED = 10_000                                                 # number of chunks whose times are kept
PROBE = 500                                                         # pieces per second, see `_measure_delay`


@dataclass(frozen=True)
class StreamReport:
    """Latency and speed of a stream.

    Attributes:
        seconds: duration of the speech so far.
        algorithmic_ms: delay on an infinitely fast machine, `Stream.latency_ms`.
        compute_ms, slow_compute_ms: median and 95th percentile of the computing time of a chunk.
        real_time_factor: seconds of computation per second of speech; above 1 a stream falls behind.
    """

    seconds: float
    algorithmic_ms: float
    compute_ms: float
    slow_compute_ms: float
    real_time_factor: float

    def __str__(self) -> str:
        total = self.algorithmic_ms + self.slow_compute_ms
        return (
            f"{self.seconds:.1f} s of speech, latency {total:.0f} ms ({self.algorithmic_ms:.0f} ms algorithmic, "
            f"computing a chunk {self.compute_ms:.0f} ms, 95 % within {self.slow_compute_ms:.0f} ms), "
            f"RTF {self.real_time_factor:.3f}"
        )


class Stream:
    """A conversion in progress; made by `stream`. Use one per thread; several may use the same model.

    The result does not depend on how the samples are divided.

    Args:
        pipeline: pipeline that converts.
        sample_rate: rate of the converted samples in Hz.
        input_rate: rate of the input samples in Hz.

    Attributes:
        latency_ms: length of further input after which a sample's conversion has come out.
    """

    def __init__(self, pipeline: VoicePipeline | WavePipeline, sample_rate: int, input_rate: int):
        self.sample_rate, self.input_rate = sample_rate, input_rate
        self._pipeline, self._resampler = pipeline, _make_resampler(input_rate, sample_rate)
        self._limiter = Limiter(sample_rate)
        delay = self._limiter.lookahead
        if self._resampler is not None:
            delay += _measure_delay(input_rate, sample_rate)
        self.latency_ms: float = 1000 * (pipeline.lookahead + delay) / sample_rate
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self._busy, self._received, self._over = 0.0, 0, False

    def push(self, wave: np.ndarray) -> np.ndarray:
        """Take the next samples and return those that are ready.

        Args:
            wave: (n,) or (n, channels), floats in [-1, 1] or integer PCM, any n from 0.

        Returns:
            (m,) float64 in [-1, 1]: peaks above 1 are limited.

        Raises:
            UserError: samples that are not finite, or a stream that was flushed.
        """
        wave = mix_down(wave)
        if self._over:
            raise UserError("this stream was flushed; make another for the next speech")
        if not np.isfinite(wave).all():
            raise UserError("the stream: NaN or infinite samples")
        self._received += len(wave)
        return self._run(wave, last=False)

    def flush(self) -> np.ndarray:
        """Return the rest at the end of the input; the output is then as long as the input (at the model's rate)."""
        if self._over:
            return np.zeros(0)
        self._over = True
        return self._run(np.zeros(0), last=True)

    def report(self) -> StreamReport:
        """Return latency and speed so far."""
        median, slow = 1000 * np.quantile(list(self._times) or [0.0], (0.5, 0.95))
        seconds = self._received / self.input_rate
        return StreamReport(seconds, self.latency_ms, median, slow, self._busy / seconds if seconds else 0.0)

    def _run(self, wave: np.ndarray, last: bool) -> np.ndarray:
        started = time.perf_counter()
        if self._resampler is not None:
            wave = self._resampler.resample_chunk(wave, last=last)
        ready, before = [], time.perf_counter()
        for piece in self._pipeline.push(wave, last):
            now = time.perf_counter()
            self._times.append(now - before)
            ready.append(self._limiter.push(piece))
            before = now
        if last:
            ready.append(self._limiter.flush())
        self._busy += time.perf_counter() - started
        return np.concatenate(ready) if ready else np.zeros(0)


def stream(
    model: SpeechConverter,
    target: str | None = None,
    source: str | None = None,
    *,
    reference: np.ndarray | None = None,
    sample_rate: int | None = None,
    chunk_ms: float = CHUNK,
    lookahead_ms: float | None = None,
    seed: int | None = None,
    energy: Literal["source", "converted"] = "source",
) -> Stream:
    """Start to convert speech while it is being spoken.

    Most networks have norms over the whole utterance. Here these take their statistics from `reference`; without it
    they accumulate them during the stream, so that the first second or two sound different.

    Args:
        model: one trained model, on mel-cepstra or on samples.
        target, source: domains, see `SpeechConverter.name_domains`.
        reference: (N,) or (N, channels), some seconds of the source speaker at `sample_rate`.
        sample_rate: rate of the input samples in Hz; None: the model's.
        chunk_ms: duration converted at once, rounded up to whole steps of the network (4 frames). Shorter chunks mean
            less delay and more computation.
        lookahead_ms: duration of future input that the network gets, rounded likewise. None: its whole receptive field,
            which gives the same result as converting the whole; less is faster and approximate, as at the end of an
            utterance.
        seed: seed of the noise, for models that draw some.
        energy: power of the frames, see `SpeechConversion`.

    Raises:
        UserError: a model on images or spectrograms or a chain, which cannot stream; an unknown domain; durations out
            of range; a reference that is silent or too short.
    """
    if model.no_stream:
        raise UserError(f"stream: {model.no_stream}")
    assert isinstance(model, VoiceConverter | WaveformConverter)
    source, target, options = model.order(source, target, seed=seed, energy=energy)
    if not 0 < chunk_ms <= 60_000:
        raise UserError(f"chunk_ms: {chunk_ms:g}; expected more than 0, at most 60000")
    if lookahead_ms is not None and not lookahead_ms >= 0:
        raise UserError(f"lookahead_ms: {lookahead_ms:g}; expected 0 or more")
    rate, input_rate = model.sample_rate, sample_rate or model.sample_rate
    frames = None
    if reference is not None:
        known = resample(mix_down(reference), input_rate, rate)
        check_wave(known, rate, "the reference")
        frames = model.world.analyse_frames(known)[0] if isinstance(model, VoiceConverter) else known[:, None]
    frame_ms = model.world.config.hop_ms if isinstance(model, VoiceConverter) else 1000 / rate
    ahead = None if lookahead_ms is None else math.ceil(lookahead_ms / frame_ms)
    network = FrameStream(model, source, target, ahead, frames, seed)
    chunk = math.ceil(chunk_ms / frame_ms / STEP) * STEP
    if isinstance(model, VoiceConverter):
        keeps_level = options.energy == "source"
        return Stream(VoicePipeline(model, source, target, network, chunk, keeps_level), rate, input_rate)
    return Stream(WavePipeline(network, chunk), rate, input_rate)


def _make_resampler(source_rate: int, target_rate: int) -> soxr.ResampleStream | None:
    if source_rate == target_rate:
        return None
    return soxr.ResampleStream(source_rate, target_rate, 1, dtype="float64", quality="HQ")  # VHQ waits longer


def _measure_delay(source_rate: int, target_rate: int) -> int:
    """Measure the largest lag of a resampler in samples at the target rate, by feeding silence in small pieces."""
    resampler, piece = _make_resampler(source_rate, target_rate), source_rate // PROBE
    assert resampler is not None
    given, delay, ratio = 0, 0.0, target_rate / source_rate
    for number in range(1, 2 * PROBE):                              # two seconds
        given += len(resampler.resample_chunk(np.zeros(piece)))
        delay = max(delay, number * piece * ratio - given)
    return math.ceil(delay + piece * ratio)
