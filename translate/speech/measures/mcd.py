"""Measures of converted speech, on frames of mel-cepstrum and F0 analysed from waves.

Mel-cepstra `(T, D + 1)` carry c0, the level, in front. Every measure here leaves it out, since the level of a
recording says nothing about the voice.
"""

import os
from dataclasses import dataclass, replace

import numpy as np

from translate.config import WorldConfig, validate
from translate.errors import UserError
from translate.speech.analysis.alignment import align
from translate.speech.analysis.levels import find_span, find_speech, measure_levels
from translate.speech.analysis.wave import check_wave, read_wave
from translate.speech.analysis.world import World

HOP_MS = 5.0                                                        # hop of the analysis
VOCODED = 40                                                        # dimensions of the baselines' mel-cepstra
DISTORTION_DB = 10 / np.log(10) * np.sqrt(2)                        # factor from mel-cepstral distance to dB


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of a wave for the evaluation: one row per 5 ms."""

    mcep: np.ndarray                                                # (T, D + 1) mel-cepstrum, c0 in front
    f0: np.ndarray                                                  # (T,) Hz, 0 where unvoiced
    level: np.ndarray                                               # (T,) dB, RMS over 25 ms
    speech: np.ndarray                                              # (T,) whether the frame is speech, `find_speech`
    peak: float = 0.0                                               # dB, the largest |sample|

    def __len__(self) -> int:
        return len(self.f0)

    def cut(self, span: slice) -> "Analysis":
        return Analysis(self.mcep[span], self.f0[span], self.level[span], self.speech[span], self.peak)

    def keep(self, dimensions: int) -> "Analysis":
        """Return it with fewer dimensions: the first coefficients of a mel-cepstrum are those of a lower order."""
        return replace(self, mcep=self.mcep[:, : dimensions + 1])

    def trimmed(self) -> "Analysis":
        """Return it without what precedes and follows the speech."""
        return self.cut(find_span(self.speech))

    def cut_as(self, other: "Analysis") -> "Analysis":
        """Return the frames that `other`'s speech spans, marked as its speech; its own speech unless `fits`."""
        if not self.fits(other):
            return self.trimmed()
        speech = np.pad(other.speech, (0, 1))[: len(self)]
        return replace(self, speech=speech if speech.any() else self.speech).trimmed()

    def fits(self, other: "Analysis") -> bool:
        """Return whether both have the same timing: resampling may cost or add one frame."""
        return abs(len(self) - len(other)) <= 1


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
    config = configure_analysis(sample_rate, dimensions)
    wave, _ = read_wave(path, sample_rate)
    check_wave(wave, sample_rate, path)
    mcep, f0 = World(config).analyse_frames(wave)
    level = measure_levels(wave, sample_rate, len(f0))
    return Analysis(mcep, f0, level, find_speech(level), float(20 * np.log10(np.abs(wave).max())))


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
    return float(frame_distortions(a, b).mean())


def frame_distortions(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distortion (P,) in dB of aligned mel-cepstra (P, D + 1), frame by frame; c0 is left out."""
    return DISTORTION_DB * np.sqrt(((a[:, 1:] - b[:, 1:]) ** 2).sum(axis=1))


def configure_analysis(sample_rate: int, dimensions: int) -> WorldConfig:
    """Return the analysis of the evaluation; raise `UserError` for a rate that is out of range."""
    values = {
        "sample_rate": sample_rate,
        "hop_ms": HOP_MS,
        "f0": "dio",
        "codec": "sptk",
        "dimensions": dimensions + 1,
    }
    return validate(WorldConfig, values, "evaluation")
