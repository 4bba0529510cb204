"""Audio in pipes: WAV of unknown length, or raw samples; read and written as they come."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import soundfile

from translate.errors import UserError
from translate.speech.analysis.wave import LOUDEST, MOST_CHANNELS

PIECE = 2**16                                                       # most bytes read at once
ENDLESS = 0x7FFFF000  # a length in bytes from here on, or 0, means "unknown"
UNKNOWN = 0xFFFFFFFF                                                # length written for "unknown", as by ffmpeg
RATES = 1_000, 384_000                                              # Hz, lowest and highest
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE                               # format codes of WAV
KINDS = {
    (PCM, 8): "u1", (PCM, 16): "i2", (PCM, 24): "i3", (PCM, 32): "i4", (FLOAT, 32): "f4", (FLOAT, 64): "f8",
}  # fmt: skip
HINT = "expected WAV, as `ffmpeg -f wav -` and `sox ... -t wav -` write it, or raw 16-bit samples with --raw RATE"


@dataclass(frozen=True)
class Sound:
    """The sample format of a pipe.

    Attributes:
        sample_rate: rate in Hz.
        channels: number of channels.
        kind: format of a sample: u1, i2, i3, i4, f4 or f8; little-endian.
        length: bytes of samples according to the header; None: until the pipe ends.
    """

    sample_rate: int
    channels: int = 1
    kind: str = "i2"
    length: int | None = None

    @property
    def frame(self) -> int:
        """Bytes of one sample in all channels."""
        return self.channels * int(self.kind[1])

    def decode(self, data: bytes) -> np.ndarray:
        """Decode whole sample frames to (n, channels) float64 in [-1, 1]."""
        if self.kind == "u1":
            samples = np.frombuffer(data, np.uint8) / 128.0 - 1
        elif self.kind == "i3":                                     # pad to four bytes with a zero low byte
            samples = np.pad(np.frombuffer(data, np.uint8).reshape(-1, 3), ((0, 0), (1, 0))).view("<i4") / 2.0**31
        elif self.kind[0] == "i":
            samples = np.frombuffer(data, f"<{self.kind}") / 2.0 ** (8 * int(self.kind[1]) - 1)
        else:
            samples = np.frombuffer(data, f"<{self.kind}").astype(np.float64)
        return samples.reshape(-1, self.channels)


def read_header(given: BinaryIO) -> Sound:
    """Read a WAV header up to the first sample.

    Raises:
        UserError: the pipe is empty, or holds something else.
    """
    start = given.read(12)
    if not start:
        raise UserError(f"the pipe is empty; {HINT}")
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        raise UserError(f"the pipe does not hold a WAV, it starts with {start[:12]!r}; {HINT}")
    form = b""
    while len(head := given.read(8)) == 8:
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            return _read_form(form, size if 0 < size < ENDLESS else None)
        body = given.read(min(size + size % 2, PIECE))              # chunks begin at even bytes
        if size > PIECE:
            raise UserError(f"the pipe: a chunk {name!r} of {size} bytes before the samples; {HINT}")
        form = body if name == b"fmt " else form
    raise UserError(f"the pipe ends before the first sample; {HINT}")


def _read_form(form: bytes, length: int | None) -> Sound:
    if len(form) < 16:
        raise UserError(f"the pipe: the header gives no format; {HINT}")
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if code == EXTENSIBLE and len(form) >= 26:
        code = struct.unpack("<H", form[24:26])[0]
    if (code, bits) not in KINDS or not 1 <= channels <= MOST_CHANNELS or not RATES[0] <= rate <= RATES[1]:
        raise UserError(f"the pipe: WAV format {code} with {bits} bits, {channels} channels at {rate} Hz; {HINT}")
    return Sound(rate, channels, KINDS[code, bits], length)


def read_samples(given: BinaryIO, sound: Sound) -> Iterator[np.ndarray]:
    """Yield samples (n, channels) as soon as some arrive.

    Raises:
        UserError: there are none, or they are not finite or far outside [-1, 1].
    """
    left, rest, frames = sound.length, b"", 0
    while left is None or left > 0:
        data: bytes = given.read1(PIECE if left is None else min(PIECE, left))  # type: ignore[attr-defined]
        if not data:
            break
        left = None if left is None else left - len(data)
        rest += data
        whole = len(rest) // sound.frame * sound.frame
        samples, rest = sound.decode(rest[:whole]), rest[whole:]
        if not np.isfinite(samples).all() or np.abs(samples).max(initial=0.0) > LOUDEST:
            raise UserError("the pipe: samples that are not finite or far outside [-1, 1]; is the format right?")
        frames += len(samples)
        yield samples
    if not frames:
        raise UserError(f"the pipe holds no samples; {HINT}")


class AudioWriter:
    """Writer of mono samples of 16 bits, as WAV or raw, without buffering.

    Args:
        out: binary output, not buffered.
        sample_rate: rate in Hz.
        raw: whether to omit the header.
        samples: total number of samples, if known at the first write.
    """

    def __init__(self, out: BinaryIO, sample_rate: int, raw: bool, samples: int | None = None):
        self.out, self.sample_rate = out, sample_rate
        self._header = b"" if raw else _make_header(sample_rate, samples)

    def write(self, wave: np.ndarray) -> None:
        """Write samples (n,) in [-1, 1].

        Raises:
            BrokenPipeError: the reader has closed the pipe.
        """
        if not len(wave):
            return
        samples = io.BytesIO()  # by libsndfile, so that rounding is the same as in files
        soundfile.write(samples, wave, self.sample_rate, format="RAW", subtype="PCM_16", endian="LITTLE")
        data = memoryview(self._header + samples.getvalue())
        self._header = b""
        while data:
            data = data[self.out.write(data) :]


def _make_header(sample_rate: int, samples: int | None) -> bytes:
    size = None if samples is None or 2 * samples >= ENDLESS else 2 * samples
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, PCM, 1, sample_rate, 2 * sample_rate, 2, 16)
    whole, part = (UNKNOWN, UNKNOWN) if size is None else (36 + size, size)
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + form + struct.pack("<4sI", b"data", part)
