"""Random crops of images: unpaired, in pairs, or with their domains.

Each epoch takes one crop of every image (or pair) of a store in a new random order. Images have been resized by
`ImageStore`; the place of a crop and whether it is mirrored are random, and equal for all images of a pair; images
smaller than a crop are extended by reflection. All random numbers are drawn before an image is read, so that a corpus
in memory and one that streams from disk give the same batches.
"""

import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.config import ImageConfig
from translate.corpus.manifest import Entry
from translate.corpus.order import BatchSampler, reflect
from translate.images.corpus.batches import BatchAssembler, Crops
from translate.images.corpus.groups import Groups, collect_groups
from translate.images.corpus.store import THREADS, Packed, find_depth, stretch
from translate.models.base import ImageModel

RESIDENT_BYTES = 2 << 30  # a corpus up to this size is kept decoded on the device; a larger one is streamed
AHEAD = 3  # batches decoded ahead while a step runs


def make_sampler(
    config: ImageModel, entries: Sequence[Entry], device: torch.device | str, rank: int = 0, processes: int = 1
) -> "ImageSampler":
    """Make the sampler of an image model, by `config.data.batches` and `config.images`.

    Args:
        config: configuration; `data.domains` names source and target, or all domains of a model of many domains.
        entries: entries of one split to train on.
        device: device of the batches.
        rank, processes: rank of this process, and number of processes.

    Raises:
        UserError: a domain without images, an image without partner, or a file that cannot be used.
    """
    return ImageSampler(collect_groups(config, entries), config, torch.device(device), rank, processes)


def summarise(entries: Sequence[Entry]) -> dict[str, np.ndarray]:
    """Return a small fingerprint of the data by domain, so that a resumed run notices other data.

    Returns:
        `<domain>/pictures`, the number of images, and `<domain>/names`, a checksum of ids, splits, pairs and
        attributes.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        names[entry.domain].append(json.dumps([entry.id, entry.split, entry.pair, entry.part, entry.attributes]))
    summary = {}
    for domain, of_domain in sorted(names.items()):
        digest = hashlib.sha256("\n".join(sorted(of_domain)).encode()).digest()
        summary[f"{domain}/pictures"] = np.array([len(of_domain)], dtype=np.int64)
        summary[f"{domain}/names"] = np.frombuffer(digest[:8], dtype=np.int64)
    return summary


@dataclass(frozen=True)
class _Draw:
    """A crop: index of the image, place as a fraction (0 to below 1) of the free room, and whether it is mirrored."""

    picture: int
    down: float
    right: float
    mirrored: bool

    def place(self, height: int, width: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return rows (h,) and columns (w,) of a crop of `shape` in an image of that size, in the order of the crop."""
        rows = reflect(int(self.down * (max(height - shape[0], 0) + 1)) + np.arange(shape[0]), height)
        columns = reflect(int(self.right * (max(width - shape[1], 0) + 1)) + np.arange(shape[1]), width)
        return rows, columns[::-1] if self.mirrored else columns


class _Order:
    """An endless order over one group's images, shuffled anew in each epoch."""

    def __init__(self, count: int, flip: bool, seed: list[int]):
        self.count, self.flip, self.random = count, flip, np.random.default_rng(seed)
        self.order, self.used = np.zeros(0, dtype=np.int64), 0

    def draw(self) -> _Draw:
        if self.used == len(self.order):
            self.order, self.used = self.random.permutation(self.count), 0
        picture = int(self.order[self.used])
        self.used += 1
        down, right, mirrored = self.random.random(3)
        return _Draw(picture, down, right, self.flip and mirrored < 0.5)

    def position(self) -> dict[str, Any]:
        state = json.dumps(self.random.bit_generator.state)
        return {"order": torch.from_numpy(self.order), "used": self.used, "random": state}

    def seek(self, position: Mapping[str, Any]) -> None:
        self.order, self.used = position["order"].numpy().copy(), int(position["used"])
        self.random.bit_generator.state = json.loads(position["random"])


class ImageSampler(BatchSampler):
    """A sampler of crops; a small corpus is kept on the device, a larger one is decoded by threads a few batches ahead.

    Args:
        groups: groups of images, and the domains of labelled images.
        config: configuration, of which `images`, `train.crop`, `train.batch_size` and `train.seed` are used.
        device: device of the batches.
        rank, processes: rank of this process, and number of processes.
    """

    def __init__(self, groups: Groups, config: ImageModel, device: torch.device, rank: int = 0, processes: int = 1):
        images: ImageConfig = config.images
        super().__init__(config.train.batch_size, rank, processes)
        self.stores, self.device, crop = groups.stores, device, config.train.crop
        self.shape = (crop, round(crop * images.aspect))
        self.assemble = BatchAssembler(images, self.shape, device, groups.vectors, groups.masks)
        self.orders = {
            name: _Order(store.count, images.flip, [config.train.seed, number])
            for number, (name, store) in enumerate(self.stores.items())
        }
        self.packed: dict[str, dict[str, Packed]] | None = None
        if sum(store.estimate_bytes() for store in self.stores.values()) <= RESIDENT_BYTES:
            self.packed = {name: store.pack(device) for name, store in self.stores.items()}
        else:
            self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")
        self.planned: deque[_Plan] = deque()
        self.reached = self._locate()

    def next(self) -> dict[str, Tensor]:
        """Return the batch of the next step, on the device; see `BatchAssembler` for its content."""
        while len(self.planned) < (AHEAD if self.packed is None else 1):
            self.planned.append(self._plan())
        plan = self.planned.popleft()
        self.reached = plan.reached
        crops: dict[str, Crops] = {}
        for name, draws in plan.draws.items():
            crops |= self._collect(plan.crops[name]) if self.packed is None else self._cut(self.packed[name], draws)
        pictures = np.array([draw.picture for draw in next(iter(plan.draws.values()))])
        return self.assemble(crops, pictures)

    def take(self, batch_size: int) -> None:
        """Set the size of the next batches, over all processes; batches planned ahead are planned anew."""
        if batch_size != self.batch_size:
            super().take(batch_size)
            self.seek(self.position())

    def position(self) -> dict[str, Any]:
        """Return the state that decides the batches to come; tensors and plain values only."""
        return self.reached

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a result of `position`."""
        for plan in self.planned:
            for future in chain(*plan.crops.values()):
                future.cancel()
        self.planned.clear()
        for name, order in self.orders.items():
            order.seek(position[name])
        self.reached = self._locate()

    def _locate(self) -> dict[str, Any]:
        return {name: order.position() for name, order in self.orders.items()}

    def _plan(self) -> "_Plan":
        draws = {
            name: [order.draw() for _ in range(self.batch_size)][self.part] for name, order in self.orders.items()
        }
        crops: dict[str, list[Future]] = {}
        if self.packed is None:
            crops = {name: [self.pool.submit(self._decode, name, draw) for draw in d] for name, d in draws.items()}
        return _Plan(draws, crops, self._locate())

    def _cut(self, packed: Mapping[str, Packed], draws: Sequence[_Draw]) -> dict[str, Crops]:
        """Cut crops from memory; images of a group have the same size, so the first gives the place."""
        first = next(iter(packed.values()))
        pictures = np.array([draw.picture for draw in draws])
        places = [draw.place(first.heights[draw.picture], first.widths[draw.picture], self.shape) for draw in draws]
        rows, columns = (np.stack(lines) for lines in zip(*places, strict=True))
        return {name: Crops(part.cut(pictures, rows, columns), part.depth) for name, part in packed.items()}

    def _decode(self, name: str, draw: _Draw) -> dict[str, np.ndarray]:
        """Decode one crop from files; runs in a thread."""
        pictures = self.stores[name].read_together(draw.picture)
        height, width = next(iter(pictures.values())).shape[:2]
        rows, columns = draw.place(height, width, self.shape)
        return {stream: picture[rows[:, None], columns] for stream, picture in pictures.items()}

    def _collect(self, futures: Sequence[Future]) -> dict[str, Crops]:
        decoded = [future.result() for future in futures]
        crops = {}
        for stream in decoded[0]:
            pictures = [picture[stream] for picture in decoded]
            depth = find_depth(pictures)
            joined = np.stack([stretch(picture, depth) for picture in pictures])
            crops[stream] = Crops(torch.from_numpy(joined).to(self.device), depth)
        return crops


@dataclass(frozen=True)
class _Plan:
    """A batch to come: its crops, those that threads are decoding, and the sampler's position after it."""

    draws: dict[str, list[_Draw]]
    crops: dict[str, list[Future]]
    reached: dict[str, Any]
