"""Frame alignment of two utterances by dynamic time warping of their mel-cepstra."""

import numpy as np
from scipy.spatial.distance import cdist

from translate.errors import UserError

LONGEST = 12_000  # frames (60 s at 5 ms); the cost of DTW is quadratic


def align(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Align two utterances by dynamic time warping over c1..cD.

    Steps (1, 1), (1, 0) and (0, 1) all have weight 1; the distance is Euclidean.

    Args:
        a: (T1, D + 1), b: (T2, D + 1) mel-cepstra, c0 in front.

    Returns:
        (P, 2) frame numbers in a and in b, both from 0 to the last.

    Raises:
        UserError: one of them is longer than 12,000 frames.
    """
    import librosa

    if max(len(a), len(b)) > LONGEST:
        raise UserError(
            f"alignment: an utterance of {max(len(a), len(b))} frames; cut recordings above {LONGEST} frames "
            "(60 s at 5 ms) into sentences"
        )
    _, path = librosa.sequence.dtw(C=cdist(a[:, 1:], b[:, 1:]))
    return path[::-1]


def warp(path: np.ndarray, length: int) -> np.ndarray:
    """Find for every frame of b its frame of a; the middle one where a path has several.

    Args:
        path: (P, 2) path from `align(a, b)`.
        length: number of frames of b.

    Returns:
        (length,) frame numbers of a: `a[warp(path, len(b))]` has b's timing.
    """
    first = np.searchsorted(path[:, 1], np.arange(length), side="left")
    last = np.searchsorted(path[:, 1], np.arange(length), side="right") - 1
    return path[(first + last) // 2, 0]
