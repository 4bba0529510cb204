"""Pictures and label maps at the size and with the channels that the networks see, decoded once or on demand."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from translate.config import ImageConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import (
    check_labels,
    convert_channels,
    find_boundaries,
    find_size,
    read_image,
    read_labels,
    resize,
    resize_labels,
)
from translate.images.decoding import UNREADABLE, open_picture

THREADS = min(8, os.cpu_count() or 1)                               # Pillow decodes outside Python's lock
PROBED = 64                                                         # files whose headers tell the size of a corpus


class ImageStore:
    """The pictures of every stream of a batch ("source", "target").

    A source is a label map where `config.labels` is set; it is stored as class numbers, unknown pixels as the number
    after the last class, and with `config.instances` beside it the instance's number and whether the pixel is on a
    boundary. Everything is resized to `config.size` here, once, and never when a crop is made.

    Args:
        streams: entries by the stream's name; entries with the same index in two streams belong together.
        config: sizes, channels, classes.
        instances: the entry of the instance map of every source; needed when `config.instances`.
    """

    def __init__(self, streams: Mapping[str, Sequence[Entry]], config: ImageConfig, instances: Sequence[Entry] = ()):
        self.streams, self.config, self.instances = {k: list(v) for k, v in streams.items()}, config, list(instances)

    @property
    def count(self) -> int:
        """Pictures, or groups of pictures that belong together."""
        return len(next(iter(self.streams.values())))

    def read(self, stream: str, index: int) -> np.ndarray:
        """Decode one picture.

        Returns:
            (H, W, C) uint8 or uint16; label maps (H, W, 1), or (H, W, 3) with instances, int32.

        Raises:
            UserError: an unreadable file, a label out of range, or an instance map of another size.
        """
        entry, config = self.streams[stream][index], self.config
        if stream == "source" and config.labels is not None:
            return self._read_labels(entry, self.instances[index] if config.instances else None)
        picture = read_image(entry.path, entry.part)
        channels = config.source_channels if stream == "source" else config.target_channels
        return self._resize(convert_channels(picture, channels))

    def read_together(self, index: int) -> dict[str, np.ndarray]:
        """The picture of that index of every stream; `UserError` when their sizes differ."""
        pictures = {name: self.read(name, index) for name in self.streams}
        shapes = {name: picture.shape[:2] for name, picture in pictures.items()}
        self.check_sizes(index, shapes)
        return pictures

    def check_sizes(self, index: int, shapes: Mapping[str, Sequence[int]]) -> None:
        """Raise `UserError` unless what belongs together has one size (height, width)."""
        (first, expected), *others = shapes.items()
        for name, shape in others:
            if tuple(shape) != tuple(expected):
                one, other = (self.streams[stream][index].path for stream in (first, name))
                raise UserError(
                    f"{other}: is {shape[1]} x {shape[0]} pixels, its partner {one} {expected[1]} x {expected[0]}; "
                    "mend the pair, or set images.size to [height, width]"
                )

    def estimate_bytes(self) -> int:
        """About what `pack` takes, from the headers of some files."""
        total = 0.0
        for name, entries in self.streams.items():
            probed = entries[:: max(1, len(entries) // PROBED)]
            sizes = [self._estimate(name, entry) for entry in probed]
            total += sum(sizes) / max(len(sizes), 1) * len(entries)
        return int(total)

    def pack(self, device: torch.device) -> dict[str, "Packed"]:
        """Decode everything, in parallel threads, onto a device; `UserError` as `read_together` does."""
        packed = {}
        with ThreadPoolExecutor(THREADS) as pool:
            for name, entries in self.streams.items():
                pictures = pool.map(self.read, [name] * len(entries), range(len(entries)))
                packed[name] = Packed.make(list(pictures), device)
        for index in range(self.count):
            self.check_sizes(index, {name: (p.heights[index], p.widths[index]) for name, p in packed.items()})
        return packed

    def _read_labels(self, entry: Entry, instance: Entry | None) -> np.ndarray:
        config = self.config
        labels = read_labels(entry.path, config.palette, entry.part)
        check_labels(labels, config, entry.path)
        if config.unknown is not None:
            labels = np.where(labels == config.unknown, config.labels or 0, labels)
        if instance is None:
            return self._resize_map(labels)[..., None].astype(np.int32)
        instances = self._resize_map(read_labels(instance.path, part=instance.part))
        labels = self._resize_map(labels)
        if instances.shape != labels.shape:
            raise UserError(f"{instance.path}: is not as large as its label map {entry.path}; expected the same size")
        return np.stack([labels, instances, find_boundaries(instances)], axis=2).astype(np.int32)

    def _resize(self, picture: np.ndarray) -> np.ndarray:
        return picture if self.config.size is None else resize(picture, self.config.size)

    def _resize_map(self, labels: np.ndarray) -> np.ndarray:
        return labels if self.config.size is None else resize_labels(labels, self.config.size)

    def _estimate(self, stream: str, entry: Entry) -> int:
        try:
            with open_picture(entry.path) as image:
                width, height = image.size
        except UNREADABLE:                                             # told when the file's turn comes
            return 0
        width = width // 2 if entry.part else width
        if self.config.size is not None:
            height, width = find_size((height, width), self.config.size)
        if stream == "source" and self.config.labels is not None:
            return height * width * (12 if self.config.instances else 1)
        return height * width * (self.config.source_channels if stream == "source" else self.config.target_channels)


@dataclass
class Packed:
    """Pictures of any sizes behind one another in the memory of a device.

    Attributes:
        samples: (pixels, C) uint8, or int32 for deeper pictures and numbers from 256 on.
        starts: (U,) first pixel of each picture.
        heights, widths: (U,) pixels.
        depth: largest sample of a picture, 255 or 65535.
    """

    samples: Tensor
    starts: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    depth: int

    @classmethod
    def make(cls, pictures: Sequence[np.ndarray], device: torch.device) -> "Packed":
        """Pack arrays (H, W, C) of one C; where some are uint16, uint8 ones are stretched to their range."""
        depth = find_depth(pictures)
        rows = [stretch(picture, depth).reshape(-1, picture.shape[2]) for picture in pictures]
        small = all(row.dtype == np.uint8 or row.max(initial=0) < 256 for row in rows)
        pixels = np.concatenate([row.astype(np.uint8 if small else np.int32, copy=False) for row in rows])
        starts = np.cumsum([0, *map(len, rows[:-1])])
        heights, widths = (np.array([picture.shape[axis] for picture in pictures]) for axis in (0, 1))
        return cls(torch.from_numpy(pixels).to(device), starts, heights, widths, depth)

    def cut(self, pictures: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Tensor:
        """Crops (B, h, w, C) of `pictures` (B,) from their rows (B, h) and columns (B, w), in any order."""
        device = self.samples.device
        lines = torch.from_numpy(self.starts[pictures, None] + rows * self.widths[pictures, None]).to(device)
        numbers = lines[:, :, None] + torch.from_numpy(columns).to(device)[:, None, :]  # (B, h, w)
        crops = self.samples.index_select(0, numbers.reshape(-1))
        return crops.reshape(*numbers.shape, -1)


def find_depth(pictures: Sequence[np.ndarray]) -> int:
    """The largest sample that pictures of one batch can have: 65535 where one of them has 16 bits, else 255."""
    return 65535 if any(picture.dtype == np.uint16 for picture in pictures) else 255


def stretch(picture: np.ndarray, depth: int) -> np.ndarray:
    """uint8 stretched to `depth`, as whole numbers; anything else stays."""
    if picture.dtype == np.uint8 and depth == 65535:
        return picture.astype(np.int32) * 257
    return picture
