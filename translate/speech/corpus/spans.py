"""The part of a recording that trains: the speech, with some of the silence around it."""

import numpy as np

from translate.config import FeatureConfig, WorldConfig
from translate.speech.analysis.levels import DIGITAL_SILENCE_DB, find_span, find_speech, measure_levels

MARGIN_MS = 200.0  # silence kept on either side: an unpaired map needs it to know which sounds belong together
EDGE_MS = 25.0                                                      # half of the longest window


def find_training_span(wave: np.ndarray, frames: int, config: FeatureConfig) -> tuple[int, int]:
    """Find the first frame that trains, and the end; statistics and crops are of the frames between.

    Long silence around a sentence would weigh in the statistics, and digital silence would ruin them.

    Args:
        wave: (N,) recording at the analysis's rate.
        frames: T, number of its frames.
        config: analysis. Of features without F0 everything trains.
    """
    if not isinstance(config, WorldConfig):
        return 0, frames
    level = measure_levels(wave, config.sample_rate, frames, config.hop_ms)
    speech, margin = find_span(find_speech(level)), round(MARGIN_MS / config.hop_ms)
    first, end = max(speech.start - margin, 0), min(speech.stop + margin, frames)
    # Next to digital silence the window of the envelope holds some of it.
    recorded, edge = find_span(level[first:end] > DIGITAL_SILENCE_DB), round(EDGE_MS / config.hop_ms)
    start = first + recorded.start + edge * (recorded.start > 0)
    stop = first + recorded.stop - edge * (first + recorded.stop < end)
    return min(start, speech.start), max(stop, speech.stop)
