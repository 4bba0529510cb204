"""The base of all samplers."""

import numpy as np


class BatchSampler:
    """The base of samplers: knows the size of a batch, and which part of it this process makes.

    All processes draw the random numbers of the whole batch, and each makes its own part, so that the batches do not
    depend on the number of processes.

    Args:
        batch_size: number of examples in a batch, over all processes.
        rank, processes: rank of this process, and number of processes.
    """

    def __init__(self, batch_size: int, rank: int = 0, processes: int = 1):
        self._place = rank, processes
        self._set_size(batch_size)

    def take(self, batch_size: int) -> None:
        """Set the size of the batches from the next one on, over all processes."""
        self._set_size(batch_size)

    def _set_size(self, batch_size: int) -> None:
        rank, processes = self._place
        if batch_size % processes:
            raise ValueError(f"a batch of {batch_size} cannot be shared by {processes} processes")
        size = batch_size // processes
        self.batch_size, self.part = batch_size, slice(rank * size, (rank + 1) * size)


def reflect(index: np.ndarray, length: int) -> np.ndarray:
    """Reflect indices or fractions of them beyond 0 .. length - 1 back at the ends, as often as needed."""
    if length == 1:
        return np.zeros_like(index)
    folded = index % (2 * (length - 1))
    return np.where(folded <= length - 1, folded, 2 * (length - 1) - folded)
