"""Convert speech from one pipe to another, whole or as it arrives."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from translate.config import Section
from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.converter import Order, SpeechConverter
from translate.speech.streaming.pipe_audio import RATES, AudioWriter, Sound, read_header, read_samples
from translate.speech.streaming.stream import CHUNK, stream

TAKEN = "seed", "energy"                                            # options of a conversion that a stream takes


def pass_through(
    model: SpeechConverter,
    given: BinaryIO,
    out: BinaryIO,
    source: str | None,
    target: str | None,
    options: Section,
    *,
    raw: int | None = None,
    streaming: bool = False,
    reference: Path | None = None,
    chunk_ms: float | None = None,
    lookahead_ms: float | None = None,
) -> str:
    """Convert audio from `given` and write it to `out`: mono, 16 bits, at the model's rate.

    Args:
        model: converter from `translate.load`, or a `Chain`.
        given: binary input, WAV or, with `raw`, samples.
        out: binary output in the same format, not buffered.
        source, target: domains.
        options: see `RecordingConversion`; a stream takes `seed` and `energy`.
        raw: rate in Hz of signed 16-bit little-endian mono samples without a header.
        streaming: whether to convert while input arrives, see `translate.speech.streaming.stream`; otherwise all is
            read first.
        reference, chunk_ms, lookahead_ms: arguments of `stream`.

    Returns:
        One line with the duration of the speech and of the conversion.

    Raises:
        UserError: no audio from the pipe, the reader of the output has closed it, or an option that does not apply.
    """
    if (chunk_ms, lookahead_ms, reference) != (None, None, None) and not streaming:
        raise UserError("--reference, --chunk-ms and --lookahead-ms are for --stream; add it or leave them out")
    if raw is not None and not RATES[0] <= raw <= RATES[1]:
        raise UserError(f"--raw {raw}: expected the rate in Hz, such as 16000")
    asked = options.model_dump(exclude_defaults=True)
    if "features" in asked:
        raise UserError("features: not with pipes, there is no file beside which they could lie")
    if streaming and (other := next((name for name in asked if name not in TAKEN), None)):
        raise UserError(f"{other}: not with --stream")
    order = model.order(source, target, **asked)
    sound = read_header(given) if raw is None else Sound(raw)
    try:
        if not streaming:
            return _convert_whole(model, sound, given, out, raw is not None, order)
        known = None if reference is None else read_wave(reference, sound.sample_rate)[0]
        under_way = stream(
            model, order.target, order.source, reference=known, sample_rate=sound.sample_rate,
            seed=order.options.seed, energy=order.options.energy,
            chunk_ms=CHUNK if chunk_ms is None else chunk_ms, lookahead_ms=lookahead_ms,
        )  # fmt: skip
        writer = AudioWriter(out, under_way.sample_rate, raw is not None)
        for samples in read_samples(given, sound):
            writer.write(under_way.push(samples))
        writer.write(under_way.flush())
    except BrokenPipeError:
        raise UserError("the reader of the output is gone; the rest was not converted") from None
    return str(under_way.report())


def _convert_whole(
    model: SpeechConverter, sound: Sound, given: BinaryIO, out: BinaryIO, raw: bool, order: Order
) -> str:
    wave = np.concatenate(list(read_samples(given, sound)))
    result = model.convert_whole(wave, sound.sample_rate, order, "the pipe")
    AudioWriter(out, result.sample_rate, raw, len(result.wave)).write(result.wave)
    spent = sum(result.seconds.values())
    return f"{result.audio_seconds:.1f} s of speech in {spent:.1f} s (RTF {spent / result.audio_seconds:.3f})"
