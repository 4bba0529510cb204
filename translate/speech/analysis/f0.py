"""Fundamental frequency: estimation by WORLD and conversion between speakers."""

import logging
from collections.abc import Sequence

import numpy as np
import pyworld

from translate.config import WorldConfig
from translate.speech.analysis.statistics import Statistics

log = logging.getLogger("translate")

MONOTONE = 0.01  # standard deviation of log F0 (17 cents) below that of any voice
FAR = 2.5  # standard deviations from the mean: hardly the same voice
PADDED = 0.2                                                        # minimum length in seconds for pyworld
FEWEST = 20                                                         # voiced frames from which a range is estimated
ALIKE = 0.5                                                         # octaves by which medians of one voice differ

Range = tuple[float, float]                                         # Hz


def count_frames(samples: int, sample_rate: int, hop_ms: float) -> int:
    """Count the frames of `samples` as WORLD does: one at 0 and one after every full hop."""
    return int(1000.0 * samples / sample_rate / hop_ms) + 1


def estimate_f0(
    wave: np.ndarray, sample_rate: int, config: WorldConfig, f0_range: Range | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate F0 by Harvest (Morise 2017) or DIO with StoneMask (Morise et al. 2009).

    Args:
        wave: (N,) in [-1, 1]; any length.
        sample_rate: rate of the wave in Hz.
        config: method, hop in milliseconds, lowest and highest F0 in Hz.
        f0_range: lowest and highest F0 in Hz of this voice, see `find_range`; None: those of `config`.

    Returns:
        f0: (T,) Hz, 0 where unvoiced; T is that of `count_frames`.
        times: (T,) seconds, the centres of the frames.
    """
    wave = np.ascontiguousarray(wave, dtype=np.float64)
    frames = count_frames(len(wave), sample_rate, config.hop_ms)
    # Below a few hundred samples the decimation inside WORLD reads past the end of the wave.
    wave = np.pad(wave, (0, max(0, int(PADDED * sample_rate) - len(wave))))
    lowest, highest = f0_range or (config.f0_floor, config.f0_ceil)
    options = {"f0_floor": lowest, "f0_ceil": highest, "frame_period": config.hop_ms}
    if config.f0 == "harvest":
        f0, times = pyworld.harvest(wave, sample_rate, **options)
    else:
        coarse, times = pyworld.dio(wave, sample_rate, **options)
        f0 = pyworld.stonemask(wave, coarse, times, sample_rate)
    return f0[:frames].copy(), times[:frames].copy()


def survey_f0(wave: np.ndarray, sample_rate: int, config: WorldConfig) -> np.ndarray:
    """Estimate F0 quickly in the whole range of `config` by DIO: the voiced frames (V,) alone, in Hz."""
    f0, _ = estimate_f0(wave, sample_rate, config.model_copy(update={"f0": "dio"}))
    return f0[f0 > 0]


def find_range(f0: np.ndarray, config: WorldConfig) -> Range | None:
    """Return the range of a voice in Hz: an octave around its median, within the range of `config`.

    Estimates outside are octave errors more often than voice. None for fewer than 20 frames (V,), which tell little.
    """
    if len(f0) < FEWEST:
        return None
    lowest, highest = config.f0_floor, config.f0_ceil
    median = float(np.clip(np.median(f0), lowest * 2, max(highest / 2, lowest * 2)))
    return float(round(max(lowest, median / 2))), float(round(min(highest, median * 2)))


def choose_range(wave: np.ndarray, sample_rate: int, config: WorldConfig, known: Sequence[Range]) -> Range | None:
    """Return the range, of some voices', that fits a recording (N,) best; None, the whole range, if none does."""
    if not known:
        return None
    f0 = survey_f0(wave, sample_rate, config)
    if not len(f0):
        return known[0]

    def distance(one: Range) -> float:                              # octaves between the medians
        return float(abs(np.log2(np.median(f0)) - np.log2(one[0] * one[1]) / 2))

    nearest = min(known, key=distance)
    return nearest if distance(nearest) <= ALIKE else None


def convert_f0(
    f0: np.ndarray, source: Statistics, target: Statistics, lowest: float = 0.0, highest: float = np.inf
) -> np.ndarray:
    """Convert F0 by the log-Gaussian normalised transform of the voiced frames (Liu et al. 2007):

        log f0' = (log f0 - mean_source) * deviation_target / deviation_source + mean_target

    Args:
        f0: (T,) Hz, 0 where unvoiced (stays 0).
        source, target: statistics of the two domains.
        lowest, highest: limits in Hz to which the result is clipped. Converters pass `f0_floor` and `f0_ceil` of their
            analysis; a recording of a voice unlike the source's would exceed them.

    Returns:
        (T,) Hz. `f0` itself, with a warning in the log, where the recording or either domain has no voiced frame.
    """
    voiced = f0 > 0
    if not voiced.any() or not source.voiced or not target.voiced:
        where = "the clip" if not voiced.any() else "the statistics"
        log.warning("no voiced frame in %s: F0 passes through unchanged", where)
        return f0
    # A constant source has no usable range: only the level is converted.
    moving = source.log_f0_deviation > MONOTONE
    scale = target.log_f0_deviation / source.log_f0_deviation if moving else 1.0
    converted = np.zeros_like(f0)
    new = np.exp((np.log(f0[voiced]) - source.log_f0_mean) * scale + target.log_f0_mean)
    converted[voiced] = np.clip(new, lowest, highest)
    return converted


def tell_misfit(f0: np.ndarray, source: Statistics, name: str) -> str:
    """Return half a sentence if a recording's median F0 (T,) is far from that of the domain `name`, else ""."""
    if not (f0 > 0).any() or not source.voiced or source.log_f0_deviation <= MONOTONE:
        return ""
    level = float(np.median(np.log(f0[f0 > 0])))
    if abs(level - source.log_f0_mean) <= FAR * source.log_f0_deviation:
        return ""
    return f"the recording's F0 is about {np.exp(level):.0f} Hz, {name}'s about {np.exp(source.log_f0_mean):.0f} Hz"
