"""Random crops of utterances, with a position that can be saved and restored.

Three samplers for the values of `data.batches`: `CropSampler` (unpaired), `PairedCropSampler`, `LabelledCropSampler`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.corpus.order import BatchSampler, reflect
from translate.speech.analysis.alignment import align, warp
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import Utterances

RESIDENT_BYTES = 2 << 30  # larger corpora stay memory-mapped on disk instead of on the device
DomainData = tuple[Utterances, Statistics]


class CropSampler(BatchSampler):
    """Sampler of unpaired crops, one stream per domain: `{"source": (B, Q, T), "target": (B, Q, T)}`.

    Every stream goes through its utterances in a fresh random order and takes one random crop of each, without most
    of the silence before and after the speech (`translate.speech.corpus.spans`). The streams are independent. Crops
    are normalised to mean 0 and variance 1 by their domain's statistics. An utterance shorter than a crop is extended
    by reflection.

    Args:
        streams: utterances and statistics by name of the stream.
        crop: number of frames.
        batch_size: crops per stream and step, over all processes.
        seed: seed of the random numbers.
        device: device of the crops.
        rank, processes: number of this process, and of all.
        stretch: largest factor by which a crop is played faster or slower; the logarithm of the factor is drawn
            uniformly for each crop, and frames between two others are interpolated linearly. 1: as they are.
    """

    def __init__(
        self,
        streams: Mapping[str, DomainData],
        crop: int,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        processes: int = 1,
        stretch: float = 1.0,
    ):
        super().__init__(batch_size, rank, processes)
        self.streams = {
            name: self.make_stream(*data, crop, [seed, number], device)
            for number, (name, data) in enumerate(streams.items())
        }
        for stream in self.streams.values():
            stream.order.stretch = stretch

    def make_stream(self, *arguments: Any) -> "_Stream":
        """Make the stream of crops of one domain; shards override it (`translate.speech.shards.sampling`)."""
        return _Stream(*arguments)

    def next(self) -> dict[str, Tensor]:
        """Draw the next batch: (B, Q, T) float32 by stream."""
        numbers = {name: stream.draw(self.batch_size) for name, stream in self.streams.items()}
        return {name: stream.frames.take(numbers[name][self.part]) for name, stream in self.streams.items()}

    def position(self) -> dict[str, Any]:
        """Return the state that determines all further batches; tensors and strings only."""
        return {name: stream.order.position() for name, stream in self.streams.items()}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a result of `position`."""
        for name, stream in self.streams.items():
            stream.order.seek(position[name])


class LabelledCropSampler(BatchSampler):
    """Sampler of crops of many domains: `{"source": (B, Q, T), "domain": (B, K), "mask": (B, K)}`.

    "domain" is one-hot, "mask" all ones: every domain is known. Domains are drawn in repeated random orders, so that
    all are equally frequent whatever their duration. Crops are made as in `CropSampler`.

    Args:
        domains: utterances and statistics of each domain, in the order of the one-hot's entries.
        crop, batch_size, seed, device, rank, processes, stretch: as for `CropSampler`; `batch_size` counts all domains.
    """

    def __init__(
        self,
        domains: Sequence[DomainData],
        crop: int,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        processes: int = 1,
        stretch: float = 1.0,
    ):
        super().__init__(batch_size, rank, processes)
        self.streams = [
            self.make_stream(*data, crop, [seed, number], device) for number, data in enumerate(domains)
        ]
        self.order = _Order(len(domains), [seed, len(domains)])
        for stream in self.streams:
            stream.order.stretch = stretch

    def make_stream(self, *arguments: Any) -> "_Stream":
        """Make the stream of crops of one domain, as in `CropSampler`."""
        return _Stream(*arguments)

    def next(self) -> dict[str, Tensor]:
        """Draw the next batch."""
        drawn = [self.order.next() for _ in range(self.batch_size)]
        numbers = [self.streams[domain].draw(1) for domain in drawn]  # (1, T) each
        mine = list(zip(drawn, numbers, strict=True))[self.part]
        x = torch.cat([self.streams[domain].frames.take(frames) for domain, frames in mine])
        codes = torch.eye(len(self.streams), device=x.device)[[domain for domain, _ in mine]]
        return {"source": x, "domain": codes, "mask": torch.ones_like(codes)}

    def position(self) -> dict[str, Any]:
        """Return the state that determines all further batches; tensors and strings only."""
        streams = {str(number): stream.order.position() for number, stream in enumerate(self.streams)}
        return {"domains": self.order.position(), **streams}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a result of `position`."""
        self.order.seek(position["domains"])
        for number, stream in enumerate(self.streams):
            stream.order.seek(position[str(number)])


class PairedCropSampler(BatchSampler):
    """Sampler of crops aligned frame by frame: `{"source": (B, Q, T), "target": (B, Q, T)}`.

    Crops have the target's timing. If every pair has equally many frames in both domains, the frames are taken as
    aligned. Otherwise the source is warped to the target by `align`, after normalising it to the target's mean and
    deviation. An utterance shorter than a crop is extended by reflection.

    Args:
        source, target: utterances and statistics; utterance i of both is the same sentence.
        crop, batch_size, seed, device, rank, processes: as for `CropSampler`.
    """

    def __init__(
        self,
        source: DomainData,
        target: DomainData,
        crop: int,
        batch_size: int,
        seed: int,
        device: torch.device | str = "cpu",
        rank: int = 0,
        processes: int = 1,
    ):
        super().__init__(batch_size, rank, processes)
        self.crop = crop
        self.source, self.target = _Frames(*source, device), _Frames(*target, device)
        self.order = _Order(len(target[0]), [seed, 0])
        self.starts = np.asarray(target[0].offsets), np.asarray(source[0].offsets)
        self.lengths = np.asarray(target[0].frames)
        self.rows = match_frames(source, target)

    def next(self) -> dict[str, Tensor]:
        """Draw the next batch."""
        drawn = [self._draw() for _ in range(self.batch_size)][self.part]
        source, target = (np.stack(numbers) for numbers in zip(*drawn, strict=True))
        return {"source": self.source.take(source), "target": self.target.take(target)}

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        sentence = self.order.next()
        inside = self.order.crop(int(self.lengths[sentence]), self.crop)
        target_start, source_start = (int(starts[sentence]) for starts in self.starts)
        return source_start + self.rows[sentence][inside], target_start + inside

    def position(self) -> dict[str, Any]:
        """Return the state that determines all further batches; tensors and strings only."""
        return self.order.position()

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a result of `position`."""
        self.order.seek(position)


def match_frames(source: DomainData, target: DomainData) -> list[np.ndarray]:
    """Find for every sentence the source frames (T,) that are aligned with the T frames of the target."""
    (ours, our_statistics), (theirs, their_statistics) = source, target
    if np.array_equal(ours.frames, theirs.frames):
        return [np.arange(frames) for frames in theirs.frames]
    rows = []
    for sentence in range(len(theirs)):
        a, b = ours[sentence].astype(np.float64), theirs[sentence].astype(np.float64)
        rows.append(warp(align(their_statistics.denormalise(our_statistics.normalise(a)), b), len(b)))
    return rows


class _Frames:
    """The frames of a domain, looked up by number, normalised, on the device."""

    def __init__(self, utterances: Utterances, statistics: Statistics, device: torch.device | str):
        self.device = torch.device(device)
        self.mean = torch.as_tensor(statistics.mean, dtype=torch.float32, device=self.device)
        self.deviation = torch.as_tensor(statistics.deviation, dtype=torch.float32, device=self.device)
        self.memory = utterances.features  # (frames, Q), memory-mapped
        self.resident = None
        if self.memory.nbytes <= RESIDENT_BYTES:
            self.resident = torch.from_numpy(np.array(self.memory)).to(self.device)

    def take(self, numbers: np.ndarray) -> Tensor:
        """Return the frames of numbers (b, T) as (b, Q, T); those of fractions lie between two others."""
        if numbers.dtype.kind == "f":
            below = np.floor(numbers)
            fraction = torch.from_numpy((numbers - below).astype(np.float32)).unsqueeze(2).to(self.device)
            below, above = below.astype(np.int64), np.ceil(numbers).astype(np.int64)
            crops = torch.lerp(self._read(below), self._read(above), fraction)
        else:
            crops = self._read(numbers)
        return ((crops - self.mean) / self.deviation).transpose(1, 2).contiguous()

    def _read(self, numbers: np.ndarray) -> Tensor:  # (b, T) -> (b, T, Q)
        if self.resident is not None:
            return self.resident[torch.from_numpy(numbers).to(self.device)]
        return torch.from_numpy(self.memory[numbers]).to(self.device)


class _Order:
    """Indices of utterances in repeated random orders, and random positions of crops.

    Attributes:
        stretch: largest factor by which crops are played faster or slower.
    """

    stretch = 1.0

    def __init__(self, things: int, seed: Sequence[int]):
        self.things, self.random = things, np.random.default_rng(seed)
        self.order, self.used = np.zeros(0, dtype=np.int64), 0

    def next(self) -> int:
        if self.used == len(self.order):
            self.order, self.used = self.random.permutation(self.things), 0
        self.used += 1
        return int(self.order[self.used - 1])

    def crop(self, length: int, crop: int) -> np.ndarray:
        """Draw frame numbers (crop,) at a random position in 0 .. length - 1; fractions where crops are stretched.

        Shorter utterances are extended by reflection.
        """
        steps = np.arange(crop)
        if self.stretch > 1:
            limit = np.log(self.stretch)
            steps = steps * np.exp(self.random.uniform(-limit, limit))
        span = int(np.ceil(steps[-1])) + 1                          # frames that the crop covers
        first = int(self.random.integers(max(length - span, 0) + 1))
        return reflect(first + steps, length)

    def position(self) -> dict[str, Any]:
        return {
            "order": torch.from_numpy(self.order.copy()),
            "used": self.used,
            "random": json.dumps(self.random.bit_generator.state),
        }

    def seek(self, position: Mapping[str, Any]) -> None:
        self.order, self.used = position["order"].numpy().copy(), int(position["used"])
        self.random.bit_generator.state = json.loads(position["random"])


class _Stream:
    """Random crops of a domain's utterances."""

    def __init__(
        self,
        utterances: Utterances,
        statistics: Statistics,
        crop: int,
        seed: Sequence[int],
        device: torch.device | str,
    ):
        spans, starts = utterances.spans, utterances.offsets[:-1]
        self.lengths, self.starts, self.crop = spans[:, 1] - spans[:, 0], starts + spans[:, 0], crop
        self.frames, self.order = _Frames(utterances, statistics, device), _Order(len(utterances), seed)

    def draw(self, count: int) -> np.ndarray:
        """Draw the frame numbers (count, T) of the next crops."""
        return np.stack([self._draw() for _ in range(count)])

    def _draw(self) -> np.ndarray:
        utterance = self.order.next()
        return int(self.starts[utterance]) + self.order.crop(int(self.lengths[utterance]), self.crop)
