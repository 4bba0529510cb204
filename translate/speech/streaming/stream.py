"""Conversion of speech that is still being spoken: samples in, converted samples out, with a bounded delay."""

import math
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import soxr

from translate.errors import UserError
from translate.speech.analysis.wave import check_wave, mix_down, resample
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.streaming.frames import STEP, FrameStream
from translate.speech.streaming.stages import VoicePipeline, WavePipeline

CHUNK = 200.0                                                       # ms
REMEMBERED = 10_000                                                 # chunks whose times are kept
PROBE = 500                                                         # pieces per second, see `_measure_delay`


@dataclass(frozen=True)
class StreamReport:
    """What a stream took.

    Attributes:
        seconds: of speech so far.
        algorithmic_ms: delay that the method has on an endlessly fast machine, `Stream.latency_ms`.
        compute_ms, slow_compute_ms: of a chunk, the median and the 95th percentile.
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
    """A conversion under way; made by `stream`. Not for several threads at once, but any number of them share a model.

    The result does not depend on how the samples were cut.

    Args:
        pipeline: what converts.
        sample_rate: Hz, of the converted samples.
        input_rate: Hz, of those pushed.

    Attributes:
        latency_ms: the sample for a moment of the input has come out once so much more has been pushed.
    """

    def __init__(self, pipeline: VoicePipeline | WavePipeline, sample_rate: int, input_rate: int):
        self.sample_rate, self.input_rate = sample_rate, input_rate
        self._pipeline, self._resampler, delay = pipeline, _make_resampler(input_rate, sample_rate), 0
        if self._resampler is not None:
            delay = _measure_delay(input_rate, sample_rate)
        self.latency_ms: float = 1000 * (pipeline.lookahead + delay) / sample_rate
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self._busy, self._received, self._over = 0.0, 0, False

    def push(self, wave: np.ndarray) -> np.ndarray:
        """Give the next samples, take what is ready.

        Args:
            wave: (n,) or (n, channels), floats in [-1, 1] or integer PCM, any n from 0.

        Returns:
            (m,) float64; not bounded by 1 for unnatural features.

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
        """The rest, at the end of the input: in all, as many samples as were pushed (at the model's rate)."""
        if self._over:
            return np.zeros(0)
        self._over = True
        return self._run(np.zeros(0), last=True)

    def report(self) -> StreamReport:
        """Latency and speed so far."""
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
            ready.append(piece)
            before = now
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
) -> Stream:
    """Start to convert speech that is still being spoken.

    Norms over the whole utterance, which most networks have, take their statistics from `reference`; without one they
    gather them as the stream goes on, so that the first second or two sound different.

    Args:
        model: one trained model, on mel-cepstra or on samples.
        target, source: domains, see `SpeechConverter.name_domains`.
        reference: (N,) or (N, channels), some seconds of the source speaker at `sample_rate`.
        sample_rate: Hz, of the samples that will be pushed; None: the model's.
        chunk_ms: converted at once, rounded up to whole steps of the network (4 frames). Shorter: less delay, more
            computation.
        lookahead_ms: what the network hears of the future, rounded likewise. None: all that it looks at, with which
            the stream converts as a whole; less is faster and approximate, as at the end of an utterance.
        seed: of the noise of models that draw some.

    Raises:
        UserError: pictures, chains or spectrograms, which cannot stream; an unknown domain; lengths out of range; a
            reference that is silent or too short.
    """
    if model.no_stream:
        raise UserError(f"stream: {model.no_stream}")
    assert isinstance(model, VoiceConverter | WaveformConverter)
    source, target, _ = model.order(source, target, seed=seed)
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
        return Stream(VoicePipeline(model, source, target, network, chunk), rate, input_rate)
    return Stream(WavePipeline(network, chunk), rate, input_rate)


def _make_resampler(source_rate: int, target_rate: int) -> soxr.ResampleStream | None:
    if source_rate == target_rate:
        return None
    return soxr.ResampleStream(source_rate, target_rate, 1, dtype="float64", quality="HQ")  # VHQ waits longer


def _measure_delay(source_rate: int, target_rate: int) -> int:
    """Samples at the target rate by which a resampler lags at most, asked with silence in small pieces."""
    resampler, piece = _make_resampler(source_rate, target_rate), source_rate // PROBE
    assert resampler is not None
    given, delay, ratio = 0, 0.0, target_rate / source_rate
    for number in range(1, 2 * PROBE):                              # two seconds
        given += len(resampler.resample_chunk(np.zeros(piece)))
        delay = max(delay, number * piece * ratio - given)
    return math.ceil(delay + piece * ratio)
