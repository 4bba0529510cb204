"""What all samplers share."""

import numpy as np


def reflect(index: np.ndarray, length: int) -> np.ndarray:
    """Fold numbers beyond 0 .. length - 1 back by reflection at the ends, as often as needed."""
    if length == 1:
        return np.zeros_like(index)
    folded = index % (2 * (length - 1))
    return np.where(folded < length, folded, 2 * (length - 1) - folded)
