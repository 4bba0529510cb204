"""Waves: mono float64 arrays in [-1, 1], read from and written to audio files."""

import logging
import os
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.limiter import limit_peaks

log = logging.getLogger("translate")

SILENCE = 1e-4                                                      # largest |sample| of a silent wave
MOST_CHANNELS = 64
SHORTEST = 0.1                                                      # seconds
LOUDEST = 4.0                                                       # |sample| above which it is not [-1, 1] audio


def read_wave(path: str | os.PathLike[str], sample_rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read an audio file of any rate and channel count as mono.

    Args:
        path: WAV, FLAC, Ogg, MP3, ... (any format that libsndfile reads).
        sample_rate: rate in Hz to resample to; None keeps the file's.

    Returns:
        wave: (N,) float64, nominally in [-1, 1]; channels are averaged (logged once per process).
        sample_rate: rate of the wave in Hz.

    Raises:
        UserError: the file is missing, unreadable, empty, or holds NaN, infinite or unscaled samples.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such audio file")
    try:
        channels, file_rate = soundfile.read(path, dtype="float64", always_2d=True)  # (N, C)
    except (OSError, RuntimeError) as error:
        reason = str(error).rpartition(": ")[2].rstrip(".")
        raise UserError(f"{path}: cannot read as audio ({reason})") from None
    if channels.shape[0] == 0:
        raise UserError(f"{path}: the file holds no samples")
    if not np.isfinite(channels).all():
        raise UserError(f"{path}: NaN or infinite samples; export the file again")
    if np.abs(channels).max() > LOUDEST:
        raise UserError(f"{path}: samples reach {np.abs(channels).max():.4g}; expected a range of [-1, 1]")
    wave = mix_down(channels)
    if sample_rate is None or sample_rate == file_rate:
        return wave, file_rate
    return resample(wave, file_rate, sample_rate), sample_rate


def mix_down(wave: np.ndarray) -> np.ndarray:
    """Mix samples (N,) or (N, C), floats in [-1, 1] or integer PCM, down to mono (N,) float64.

    Channels are averaged, which is logged once per process.

    Raises:
        UserError: another number of axes, or channels before samples, (C, N).
    """
    wave = np.asarray(wave)
    if np.issubdtype(wave.dtype, np.integer):
        middle = 2.0 ** (np.iinfo(wave.dtype).bits - 1)                # midpoint of unsigned PCM
        wave = wave / middle - (wave.dtype.kind == "u")
    if wave.ndim == 2 and 0 < wave.shape[1] <= MOST_CHANNELS:
        if wave.shape[1] > 1:
            _tell_mixdown()
        wave = wave.mean(axis=1)
    if wave.ndim != 1:
        raise UserError(f"expected a wave of shape (samples,) or (samples, channels), found {wave.shape}")
    return wave.astype(np.float64)


def check_wave(wave: np.ndarray, sample_rate: int, name: str | os.PathLike[str]) -> None:
    """Refuse a wave that cannot be analysed.

    Args:
        name: start of the error message.

    Raises:
        UserError: `wave` (N,) is not mono, shorter than 0.1 s, holds NaN or infinity, or is silent
            (every |sample| below 1e-4).
    """
    if wave.ndim != 1:
        raise UserError(f"{name}: expected a mono wave of shape (samples,), found shape {wave.shape}")
    seconds = len(wave) / sample_rate
    if seconds < SHORTEST:
        raise UserError(f"{name}: too short, {seconds:.3g} s; at least {SHORTEST} s are needed")
    if not np.isfinite(wave).all():
        raise UserError(f"{name}: NaN or infinite samples")
    if np.abs(wave).max() < SILENCE:
        raise UserError(f"{name}: silent, no sample above {SILENCE}; leave the file out")


def write_wave(path: str | os.PathLike[str], wave: np.ndarray, sample_rate: int) -> None:
    """Write (N,) samples as a 16-bit PCM WAV, completely or not at all.

    Peaks above 1 are limited (`translate.speech.analysis.limiter`), with a line in the log; the rest keeps its level.

    Raises:
        UserError: the samples are not finite, or the file cannot be written.
    """
    if not np.isfinite(wave).all():
        raise UserError(f"{path}: not written, the wave holds NaN or infinite samples")
    peak = float(np.abs(wave).max(initial=0.0))
    if peak > 1:
        log.info("%s: peaks up to %.2f limited to 1", path, peak)
    wave = limit_peaks(wave, sample_rate)
    with replacing(path) as temporary:
        try:
            soundfile.write(temporary, wave, sample_rate, format="WAV", subtype="PCM_16")
        except RuntimeError as error:                               # an error of libsndfile, such as a full disk
            raise OSError(str(error)) from None


def resample(wave: np.ndarray, source_rate: int, target_rate: int) -> np.ndarray:
    """Resample (N,) from `source_rate` to `target_rate` Hz: (about N * target / source,) by soxr, VHQ."""
    if source_rate == target_rate:
        return wave
    return soxr.resample(wave, source_rate, target_rate, quality="VHQ")




@cache
def _tell_mixdown() -> None:
    log.info("files with several channels are averaged to mono")
