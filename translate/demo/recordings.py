"""Recordings of visitors and examples: finding, checking and reading them, and waves for playback."""

import os
from pathlib import Path

import numpy as np
import soundfile

from translate.demo.limits import Limits
from translate.errors import UserError
from translate.speech.analysis.limiter import limit_peaks
from translate.speech.analysis.wave import read_wave

SUFFIXES = {".wav", ".flac", ".ogg", ".mp3"}
SLOWEST, FASTEST = 8_000, 192_000                                   # Hz; rates of uploads
MOST_CHANNELS = 2


def find_recordings(folder: Path) -> list[Path]:
    """List the audio files in `folder`, by name.

    Raises:
        UserError: no such folder, or no recording in it.
    """
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not found:
        raise UserError(f"{folder}: expected a folder with recordings ({', '.join(sorted(SUFFIXES))})")
    return found


def read_recording(path: str | os.PathLike[str], limits: Limits) -> tuple[np.ndarray, int]:
    """Read a visitor's file as a mono wave (N,) and its rate; the header is checked before the rest is read.

    Raises:
        UserError: not audio, or beyond the limits of length, size or channels.
    """
    size = os.path.getsize(path)
    if size == 0:
        raise UserError(f"{path}: the file is empty")
    if size > limits.max_bytes:
        raise UserError(f"{path}: {size / 2**20:.1f} MB; at most {limits.max_bytes / 2**20:.1f} MB are taken")
    try:
        info = soundfile.info(path)
    except (OSError, RuntimeError):
        raise UserError(f"{path}: cannot be read as audio; give a WAV, FLAC, Ogg or MP3 file") from None
    if not SLOWEST <= info.samplerate <= FASTEST or info.channels > MOST_CHANNELS:
        raise UserError(
            f"{path}: {info.channels} channel(s) at {info.samplerate} Hz; expected mono or stereo, "
            f"{SLOWEST} to {FASTEST} Hz"
        )
    seconds = info.frames / info.samplerate
    if seconds > limits.max_seconds:
        raise UserError(f"{path}: {seconds:.1f} s; at most {limits.max_seconds:g} s are converted here, cut it shorter")
    return read_wave(path)


def to_pcm(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Convert floats (N,) to 16-bit samples; peaks above 1 are limited."""
    return np.round(limit_peaks(wave, sample_rate) * 32767).astype(np.int16)
