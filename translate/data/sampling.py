"""Random crops of unpaired sequences, with a position that can be saved and taken up again."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.data.speech import Utterances
from translate.features.statistics import Statistics

RESIDENT_BYTES = 2 << 30  # a corpus up to this size lives on the device; a larger one stays in its memory-mapped file


class CropSampler:
    """Batches of random crops, one stream per domain, e.g. `{"source": (B, Q, T), "target": (B, Q, T)}`.

    Every stream goes through its utterances in a fresh random order, one random crop of each; the streams are
    independent, so nothing is ever paired. Crops are normalised to mean 0 and variance 1 by their domain's
    statistics. An utterance shorter than a crop is continued by reflection.

    With several processes all draw the numbers of the whole batch and each cuts its own share, so that the batch
    does not depend on how many they are.

    Args:
        streams: utterances and statistics by the stream's name.
        crop: frames.
        batch_size: crops per stream and step, over all processes.
        seed: of the random numbers.
        device: where the crops are made.
        rank, processes: this process among all.
    """

    def __init__(
        self,
        streams: Mapping[str, tuple[Utterances, Statistics]],
        crop: int,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        processes: int = 1,
    ):
        if batch_size % processes:
            raise ValueError(f"a batch of {batch_size} cannot be shared by {processes} processes")
        self.crop, self.batch_size, self.device = crop, batch_size, torch.device(device)
        share = batch_size // processes
        self.share = slice(rank * share, (rank + 1) * share)
        self.streams = {
            name: _Stream(utterances, statistics, crop, np.random.default_rng([seed, number]), self.device)
            for number, (name, (utterances, statistics)) in enumerate(streams.items())
        }

    def next(self) -> dict[str, Tensor]:
        """The batch of the next step: (B, Q, T) float32 by stream."""
        return {name: stream.cut(self.batch_size, self.share) for name, stream in self.streams.items()}

    def position(self) -> dict[str, Any]:
        """Everything that decides the batches to come; tensors and strings only."""
        return {name: stream.position() for name, stream in self.streams.items()}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from what `position` gave."""
        for name, stream in self.streams.items():
            stream.seek(position[name])


class _Stream:
    def __init__(
        self,
        utterances: Utterances,
        statistics: Statistics,
        crop: int,
        random: np.random.Generator,
        device: torch.device,
    ):
        self.frames, self.starts, self.crop, self.random, self.device = (
            np.asarray(utterances.frames),
            np.asarray(utterances.offsets),
            crop,
            random,
            device,
        )
        self.order, self.used = np.zeros(0, dtype=np.int64), 0
        self.mean = torch.as_tensor(statistics.mean, dtype=torch.float32, device=device)
        self.deviation = torch.as_tensor(statistics.deviation, dtype=torch.float32, device=device)
        self.memory = utterances.mcep  # (frames, Q), memory-mapped
        self.resident = None
        if self.memory.nbytes <= RESIDENT_BYTES:
            self.resident = torch.from_numpy(np.array(self.memory)).to(device)

    def cut(self, count: int, share: slice) -> Tensor:
        frames = np.stack([self._draw() for _ in range(count)])[share]  # (b, T) numbers of frames
        if self.resident is not None:
            crops = self.resident[torch.from_numpy(frames).to(self.device)]
        else:
            crops = torch.from_numpy(self.memory[frames]).to(self.device)
        return ((crops - self.mean) / self.deviation).transpose(1, 2).contiguous()  # (b, Q, T)

    def _draw(self) -> np.ndarray:
        if self.used == len(self.order):
            self.order, self.used = self.random.permutation(len(self.frames)), 0
        utterance = self.order[self.used]
        self.used += 1
        frames, start = int(self.frames[utterance]), int(self.starts[utterance])
        first = int(self.random.integers(max(frames - self.crop, 0) + 1))
        return start + reflect(np.arange(first, first + self.crop), frames)

    def position(self) -> dict[str, Any]:
        return {
            "order": torch.from_numpy(self.order.copy()),
            "used": self.used,
            "random": json.dumps(self.random.bit_generator.state),
        }

    def seek(self, position: Mapping[str, Any]) -> None:
        self.order, self.used = position["order"].numpy().copy(), int(position["used"])
        self.random.bit_generator.state = json.loads(position["random"])


def reflect(index: np.ndarray, length: int) -> np.ndarray:
    """Fold numbers beyond 0 .. length - 1 back by reflection at the ends, as often as needed."""
    if length == 1:
        return np.zeros_like(index)
    folded = index % (2 * (length - 1))
    return np.where(folded < length, folded, 2 * (length - 1) - folded)
