"""Measures of converted speech, on frames of mel-cepstrum and F0 analysed from waves.

Mel-cepstra `(T, D + 1)` carry c0, the level, in front. Every measure here leaves it out, since the level of a
recording says nothing about the voice.
"""

import os
from dataclasses import dataclass

import numpy as np

from translate.config import WorldConfig, validate
from translate.errors import UserError
from translate.speech.analysis.alignment import align
from translate.speech.analysis.wave import check_wave, read_wave
from translate.speech.analysis.world import World

HOP_MS = 5.0                                                        # hop of the analysis
SILENCE_DB = 60.0                                                   # frames so far below the loudest are silent
LEVEL_MS = 25.0                                                     # window for the level of a frame
DISTORTION_DB = 10 / np.log(10) * np.sqrt(2)                        # factor from mel-cepstral distance to dB


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of a wave for the evaluation: one row per 5 ms."""

    mcep: np.ndarray                                                # (T, D + 1) mel-cepstrum, c0 in front
    f0: np.ndarray                                                  # (T,) Hz, 0 where unvoiced
    level: np.ndarray                                               # (T,) dB, RMS over 25 ms

    def __len__(self) -> int:
        return len(self.f0)

    def cut(self, span: slice) -> "Analysis":
        return Analysis(self.mcep[span], self.f0[span], self.level[span])

    def trimmed(self) -> "Analysis":
        """Return it without the silent frames at both ends."""
        return self.cut(find_speech(self.level))


def analyse_for_evaluation(
    path: str | os.PathLike[str], sample_rate: int, dimensions: int = 24
) -> Analysis:
    """Analyse a wave file as a listener would hear it, without any features of the evaluated model.

    WORLD every 5 ms: DIO + StoneMask (71 to 800 Hz), CheapTrick, true (SPTK) mel-cepstrum with the alpha of
    the sampling rate.

    Args:
        path: audio file; resampled to `sample_rate`.
        sample_rate: Hz, 8000 to 48000.
        dimensions: D, without c0.

    Raises:
        UserError: the file cannot be read, is silent or shorter than 0.1 s; the rate is out of range.
    """
    config = _world_config(sample_rate, dimensions)
    wave, _ = read_wave(path, sample_rate)
    check_wave(wave, sample_rate, path)
    mcep, f0 = World(config).analyse_frames(wave)
    return Analysis(mcep, f0, _levels(wave, sample_rate, len(f0)))


def find_speech(level: np.ndarray) -> slice:
    """Find the frames from first to last at most 60 dB below the loudest; level (T,) in dB."""
    loud = np.flatnonzero(level >= level.max() - SILENCE_DB)
    return slice(int(loud[0]), int(loud[-1]) + 1)


def mel_cepstral_distortion(a: np.ndarray, b: np.ndarray, aligned: bool = False) -> float:
    """Compute the MCD in dB: (10 / ln 10) sqrt(2 sum_{d=1}^{D} (a_d - b_d)^2), mean over the DTW path (Kubichek 1993).

    Args:
        a: (T1, D + 1), b: (T2, D + 1) mel-cepstra; c0 is left out of the path and of the distance.
        aligned: whether the frames are already aligned (T1 = T2); no DTW then.

    Raises:
        UserError: the dimensions differ, or the lengths of aligned mel-cepstra do.
    """
    if a.shape[1] != b.shape[1] or (aligned and len(a) != len(b)):
        kind = "aligned mel-cepstra" if aligned else "mel-cepstra"
        raise UserError(f"mel-cepstral distortion: cannot compare {kind} of shapes {a.shape} and {b.shape}")
    if not aligned:
        path = align(a, b)
        a, b = a[path[:, 0]], b[path[:, 1]]
    return float(DISTORTION_DB * np.sqrt(((a[:, 1:] - b[:, 1:]) ** 2).sum(axis=1)).mean())


def f0_errors(f0: np.ndarray, reference: np.ndarray) -> tuple[float | None, float]:
    """Compute the errors of F0 between aligned frames (see `align`).

    Args:
        f0: (P,), reference: (P,) Hz, 0 where unvoiced.

    Returns:
        cents: root mean square over the frames voiced in both; None without such frames.
        voicing: fraction of frames voiced in only one of the two, 0 to 1.
    """
    voiced = (f0 > 0) & (reference > 0)
    voicing = float(((f0 > 0) != (reference > 0)).mean())
    if not voiced.any():
        return None, voicing
    cents = 1200 * np.log2(f0[voiced] / reference[voiced])
    return float(np.sqrt((cents**2).mean())), voicing


def _world_config(sample_rate: int, dimensions: int) -> WorldConfig:
    values = {
        "sample_rate": sample_rate,
        "hop_ms": HOP_MS,
        "f0": "dio",
        "codec": "sptk",
        "dimensions": dimensions + 1,
    }
    return validate(WorldConfig, values, "evaluation")


def _levels(wave: np.ndarray, sample_rate: int, frames: int) -> np.ndarray:
    """Compute the RMS in dB over 25 ms around every frame's centre: (N,) -> (T,)."""
    half = int(sample_rate * LEVEL_MS / 2000)
    centres = (np.arange(frames) * sample_rate * HOP_MS / 1000).astype(int)
    energy = np.concatenate([[0.0], np.cumsum(wave**2)])
    first = np.clip(centres - half, 0, len(wave))
    last = np.clip(centres + half, 0, len(wave))
    return 10 * np.log10(np.maximum(energy[last] - energy[first], 1e-12) / (2 * half))
