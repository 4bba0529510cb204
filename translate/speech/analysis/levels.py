"""Levels of the frames of a recording, and which of them are speech."""

import numpy as np

LEVEL_MS = 25.0                                                     # window for the level of a frame
BELOW_PEAK_DB = 40.0                                                # frames so far below the loudest are no speech,
ABOVE_FLOOR_DB = 6.0                                                # nor are those that exceed the noise by less
PAUSE_DB = 30.0                                                     # noise is what lies so far below the loudest
DIGITAL_SILENCE_DB = -90.0                                          # below one step of 16 bits nothing was recorded
FLOOR_PERCENTILE = 5.0


def measure_levels(wave: np.ndarray, sample_rate: int, frames: int, hop_ms: float = 5.0) -> np.ndarray:
    """Compute the RMS in dB over 25 ms around every frame's centre: (N,) -> (T,)."""
    half = int(sample_rate * LEVEL_MS / 2000)
    centres = (np.arange(frames) * sample_rate * hop_ms / 1000).astype(int)
    energy = np.concatenate([[0.0], np.cumsum(wave**2)])
    first = np.clip(centres - half, 0, len(wave))
    last = np.clip(centres + half, 0, len(wave))
    return 10 * np.log10(np.maximum(energy[last] - energy[first], 1e-12) / (2 * half))


def find_threshold(level: np.ndarray) -> float:
    """Return the level in dB from which a frame is speech: 40 dB below the loudest, or 6 dB above the noise.

    The higher of the two counts. The noise is the fifth percentile of the levels (T,) of the recording, without digital
    silence (below -90 dB). Where it lies less than 30 dB below the loudest frame there is no pause, and it is ignored.
    """
    loudest = float(level.max())
    threshold = loudest - BELOW_PEAK_DB
    recorded = level[level > DIGITAL_SILENCE_DB]
    if len(recorded):
        floor = float(np.percentile(recorded, FLOOR_PERCENTILE))
        if floor <= loudest - PAUSE_DB:
            threshold = max(threshold, floor + ABOVE_FLOOR_DB)
    return threshold


def find_speech(level: np.ndarray) -> np.ndarray:
    """Find the frames of speech, pauses left out: (T,) bool from the levels (T,) in dB, see `find_threshold`."""
    return level >= find_threshold(level)


def find_span(speech: np.ndarray) -> slice:
    """Return the frames from the first to the last of speech (T,), of which there is at least one."""
    places = np.flatnonzero(speech)
    return slice(int(places[0]), int(places[-1]) + 1)
