"""WAV in pipes: headers of unknown length as other programs write them, all kinds of samples."""

import io
import struct

import numpy as np
import pytest
import soundfile

from translate.errors import UserError
from translate.speech.streaming.pipe_audio import AudioWriter, Sound, read_header, read_samples


def make_wav(subtype="PCM_16", channels=1, rate=16000, samples=1000, format="WAV"):
    """A WAV by libsndfile and its samples (n, channels)."""
    wave = np.random.default_rng(0).uniform(-0.9, 0.9, (samples, channels))
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=format, subtype=subtype)
    file.seek(0)
    return file.getvalue(), soundfile.read(file, always_2d=True)[0]


def read(data):
    pipe = io.BytesIO(data)
    sound = read_header(pipe)
    return sound, np.concatenate(list(read_samples(pipe, sound)))


@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_any_kind(format, subtype, channels):
    data, expected = make_wav(subtype, channels, 44100, format=format)
    sound, samples = read(data)
    assert (sound.sample_rate, sound.channels) == (44100, channels)
    assert samples.shape == expected.shape
    assert np.abs(samples - expected).max() < 1e-9


@pytest.mark.parametrize("length", [0, 0x7FFFF024, 0xFFFFFFFF])      # nothing yet, sox, ffmpeg
def test_unknown_lengths_last_until_the_pipe_ends(length):
    data, expected = make_wav()
    size = struct.pack("<I", length)
    sound, samples = read(data[:4] + size + data[8:40] + size + data[44:])
    assert sound.length is None
    assert np.array_equal(samples, expected)


def test_other_chunks_are_passed_over():
    data, expected = make_wav()
    note = b"LIST" + struct.pack("<I", 5) + b"hello\0"              # an odd length is followed by a zero
    sound, samples = read(data[:12] + note + data[12:] + b"LIST" + struct.pack("<I", 4) + b"tail")
    assert sound.length == 2000
    assert np.array_equal(samples, expected)


def test_bytes_may_come_one_by_one_and_the_last_frame_be_cut():
    data, expected = make_wav("PCM_24", 2, samples=20)

    class Dripping(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(1)

    pipe = Dripping(data[:-1])
    samples = np.concatenate(list(read_samples(pipe, read_header(pipe))))
    assert np.array_equal(samples, expected[:-1])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the pipe is empty"),
        (b"fLaC" + bytes(100), "does not hold a WAV"),
        (b"hello", "does not hold a WAV"),
        (make_wav()[0][:30], "ends before the first sample"),
        (make_wav()[0][:44], "no samples"),
        (make_wav()[0][:20] + b"\x07\0" + make_wav()[0][22:], "WAV format 7"),
        (make_wav(rate=10)[0], "at 10 Hz"),
        (make_wav()[0][:12] + b"data" + bytes(50), "gives no format"),
        (make_wav()[0][:12] + b"junk\0\0\0\x10" + bytes(50), "chunk b'junk' of 268435456 bytes"),
        (make_wav("FLOAT")[0][:-4] + struct.pack("<f", np.nan), "not finite"),
        (make_wav("FLOAT")[0][:-4] + struct.pack("<f", 1e4), "far outside"),
    ],
)
def test_what_is_no_wav_is_told_in_one_line(data, reason):
    with pytest.raises(UserError, match=reason) as told:
        read(data)
    assert "\n" not in str(told.value)


def test_raw_samples():
    samples = np.array([0, 1, -32768, 32767], "<i2")
    [read_back] = read_samples(io.BytesIO(samples.tobytes()), Sound(8000))
    assert np.array_equal(read_back[:, 0] * 32768, samples)


def test_what_is_written_is_what_a_file_would_be():
    wave = np.random.default_rng(0).uniform(-1, 1, 1000)
    file, out, endless, raw = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    soundfile.write(file, wave, 16000, format="WAV", subtype="PCM_16")
    AudioWriter(out, 16000, raw=False, samples=1000).write(wave)
    assert out.getvalue() == file.getvalue()
    writers = AudioWriter(endless, 16000, raw=False), AudioWriter(raw, 16000, raw=True)
    for part in (wave[:0], wave[:10], wave[10:]):
        for writer in writers:
            writer.write(part)
    assert endless.getvalue()[44:] == raw.getvalue() == file.getvalue()[44:]
    assert endless.getvalue()[4:8] == endless.getvalue()[40:44] == b"\xff" * 4
    writers[1].write(np.array([1.5, -2.0]))
    assert np.frombuffer(raw.getvalue()[-4:], "<i2").tolist() == [32767, -32768]
