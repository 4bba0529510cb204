"""Convert speech from one pipe to another, whole or as it arrives."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from translate.checkpoints.opening import open_checkpoint
from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.converter import SpeechConverter
from translate.speech.conversion.open import open_speech
from translate.speech.streaming.pipe_audio import RATES, AudioWriter, Sound, read_header, read_samples
from translate.speech.streaming.stream import CHUNK, stream

log = logging.getLogger("translate")


def convert_pipe(
    checkpoint: Path,
    given: BinaryIO,
    out: BinaryIO,
    source: str | None = None,
    target: str | None = None,
    device: str = "cpu",
    then: Sequence[Path] = (),
    *,
    raw: int | None = None,
    streaming: bool = False,
    reference: Path | None = None,
    chunk_ms: float | None = None,
    lookahead_ms: float | None = None,
    **options: Any,
) -> str:
    """Convert what comes from `given` and write it to `out`: mono, 16 bits, at the model's rate.

    Args:
        checkpoint, device, then: see `convert_files`.
        given: WAV, or with `raw` samples; opened for bytes, not at its end.
        out: gets the same; opened for bytes, not buffered.
        source, target: domains.
        raw: Hz, of signed 16-bit little-endian mono samples without a header.
        streaming: convert as it arrives, see `translate.speech.streaming.stream`; else all is read first.
        reference, chunk_ms, lookahead_ms: of a stream.
        options: of `SpeechConverter.convert_in_detail`; of a stream only `seed`.

    Returns:
        A line about the length and the time that it took.

    Raises:
        UserError: nothing or no audio from the pipe, the reader of the output is gone, an option that does not fit.
    """
    if (chunk_ms, lookahead_ms, reference) != (None, None, None) and not streaming:
        raise UserError("--reference, --chunk-ms and --lookahead-ms are for --stream; add it or leave them out")
    if raw is not None and not RATES[0] <= raw <= RATES[1]:
        raise UserError(f"--raw {raw}: expected the rate in Hz, such as 16000")
    model = _load(checkpoint, then, device)
    source, target = model.name_domains(source, target)
    sound = read_header(given) if raw is None else Sound(raw)
    try:
        if not streaming:
            return _convert_whole(model, sound, given, out, raw is not None, source=source, target=target, **options)
        seed = options.pop("seed", None)
        if any(options.values()):
            raise UserError(f"--{next(name for name in options if options[name])}: not with --stream")
        known = None if reference is None else read_wave(reference, sound.sample_rate)[0]
        under_way = stream(
            model, target, source, reference=known, sample_rate=sound.sample_rate, seed=seed,
            chunk_ms=CHUNK if chunk_ms is None else chunk_ms, lookahead_ms=lookahead_ms,
        )  # fmt: skip
        writer = AudioWriter(out, under_way.sample_rate, raw is not None)
        for samples in read_samples(given, sound):
            writer.write(under_way.push(samples))
        writer.write(under_way.flush())
    except BrokenPipeError:
        raise UserError("the reader of the output is gone; the rest was not converted") from None
    if writer.clipped:
        these = "1 sample was" if writer.clipped == 1 else f"{writer.clipped} samples were"
        log.info("%s louder than a file can hold, and clipped", these)
    return str(under_way.report())


@contextmanager
def open_pipes() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input, and standard output, on which nothing else appears: what is printed goes to standard error."""
    sys.stdout.flush()
    with open(os.dup(1), "wb", buffering=0) as out:
        os.dup2(2, 1)
        try:
            yield sys.stdin.buffer, out
        finally:
            sys.stdout.flush()
            os.dup2(out.fileno(), 1)


def _load(checkpoint: Path, then: Sequence[Path], device: str) -> SpeechConverter:
    converters = []
    for path in (checkpoint, *then):
        opened = open_checkpoint(path, device)
        if not hasattr(opened.config, "features"):
            raise UserError(f"{path} converts pictures; only speech goes through pipes")
        converters.append(open_speech(opened))
    return Chain(converters) if then else converters[0]


def _convert_whole(
    model: SpeechConverter, sound: Sound, given: BinaryIO, out: BinaryIO, raw: bool, **options: Any
) -> str:
    wave = np.concatenate(list(read_samples(given, sound)))
    result = model.convert_in_detail(wave, sound.sample_rate, name="the pipe", **options)
    peak = np.abs(result.wave).max()
    if peak > 1:
        log.info("the pipe: peak %.2f scaled down to 1", peak)
    AudioWriter(out, result.sample_rate, raw, len(result.wave)).write(result.wave / max(1.0, peak))
    spent = sum(result.seconds.values())
    return f"{result.audio_seconds:.1f} s of speech in {spent:.1f} s (RTF {spent / result.audio_seconds:.3f})"
