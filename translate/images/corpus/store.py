"""Images and label maps at the networks' size and with their channels, decoded once or on demand."""

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

THREADS = min(8, os.cpu_count() or 1)                               # Pillow decodes without Python's lock
PROBED = 64                                                         # files whose headers are read to estimate a corpus


class ImageStore:
    """The images of every stream of a batch ("source", "target").

    A source is a label map where `config.labels` is set; it is stored as classes, unknown pixels as the number after
    the
    last class, and with `config.instances` two more channels: instance id, and whether the pixel is on a boundary.
    Everything is resized to `config.size` here, once, and never when a crop is made.

    Args:
        streams: entries by the stream's name; entries with the same index in two streams belong together.
        config: settings of sizes, channels and classes.
        instances: entries of the instance maps of the sources; needed when `config.instances`.
    """

    def __init__(self, streams: Mapping[str, Sequence[Entry]], config: ImageConfig, instances: Sequence[Entry] = ()):
        self.streams, self.config, self.instances = {k: list(v) for k, v in streams.items()}, config, list(instances)

    @property
    def count(self) -> int:
        """Return the number of images, or of groups of images that belong together."""
        return len(next(iter(self.streams.values())))

    def read(self, stream: str, index: int) -> np.ndarray:
        """Decode one image.

        Returns:
            The image (H, W, C) uint8 or uint16; label maps (H, W, 1), or (H, W, 3) with instances, int32.

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
        """Decode the image at `index` of every stream; raise `UserError` when their sizes differ."""
        pictures = {name: self.read(name, index) for name in self.streams}
        shapes = {name: picture.shape[:2] for name, picture in pictures.items()}
        self.check_sizes(index, shapes)
        return pictures

    def check_sizes(self, index: int, shapes: Mapping[str, Sequence[int]]) -> None:
        """Raise `UserError` unless images that belong together have the same size (height, width)."""
        (first, expected), *others = shapes.items()
        for name, shape in others:
            if tuple(shape) != tuple(expected):
                one, other = (self.streams[stream][index].path for stream in (first, name))
                raise UserError(
                    f"{other}: is {shape[1]} x {shape[0]} pixels, its partner {one} {expected[1]} x {expected[0]}; "
                    "mend the pair, or set images.size to [height, width]"
                )

    def estimate_bytes(self) -> int:
        """Estimate the memory of `pack` in bytes, from the headers of some files."""
        total = 0.0
        for name, entries in self.streams.items():
            probed = entries[:: max(1, len(entries) // PROBED)]
            sizes = [self._estimate(name, entry) for entry in probed]
            total += sum(sizes) / max(len(sizes), 1) * len(entries)
        return int(total)

    def pack(self, device: torch.device) -> dict[str, "Packed"]:
        """Decode everything, in parallel threads, onto a device; raise `UserError` as `read_together`."""
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
        except UNREADABLE:                                             # reported when the file is read
            return 0
        width = width // 2 if entry.part else width
        if self.config.size is not None:
            height, width = find_size((height, width), self.config.size)
        if stream == "source" and self.config.labels is not None:
            return height * width * (12 if self.config.instances else 1)
        return height * width * (self.config.source_channels if stream == "source" else self.config.target_channels)


@dataclass
class Packed:
    """Images of any sizes, concatenated in the memory of a device.

    Attributes:
        samples: samples (pixels, C), uint8, or int32 for deeper images and numbers from 256 on.
        starts: index (U,) of the first pixel of each image.
        heights, widths: sizes (U,) in pixels.
        depth: largest possible sample, 255 or 65535.
    """

    samples: Tensor
    starts: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    depth: int

    @classmethod
    def make(cls, pictures: Sequence[np.ndarray], device: torch.device) -> "Packed":
        """Pack arrays (H, W, C) with the same C; where some are uint16, uint8 ones are scaled to their range."""
        depth = find_depth(pictures)
        rows = [stretch(picture, depth).reshape(-1, picture.shape[2]) for picture in pictures]
        small = all(row.dtype == np.uint8 or row.max(initial=0) < 256 for row in rows)
        pixels = np.concatenate([row.astype(np.uint8 if small else np.int32, copy=False) for row in rows])
        starts = np.cumsum([0, *map(len, rows[:-1])])
        heights, widths = (np.array([picture.shape[axis] for picture in pictures]) for axis in (0, 1))
        return cls(torch.from_numpy(pixels).to(device), starts, heights, widths, depth)

    def cut(self, pictures: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Tensor:
        """Cut crops (B, h, w, C) from the images with indices `pictures` (B,), at rows (B, h) and columns (B, w)."""
        device = self.samples.device
        lines = torch.from_numpy(self.starts[pictures, None] + rows * self.widths[pictures, None]).to(device)
        numbers = lines[:, :, None] + torch.from_numpy(columns).to(device)[:, None, :]  # (B, h, w)
        crops = self.samples.index_select(0, numbers.reshape(-1))
        return crops.reshape(*numbers.shape, -1)


def find_depth(pictures: Sequence[np.ndarray]) -> int:
    """Return the largest possible sample of several images: 65535 where one of them has 16 bits, else 255."""
    return 65535 if any(picture.dtype == np.uint16 for picture in pictures) else 255


def stretch(picture: np.ndarray, depth: int) -> np.ndarray:
    """Scale uint8 to the range of `depth`, as whole numbers; return anything else unchanged."""
    if picture.dtype == np.uint8 and depth == 65535:
        return picture.astype(np.int32) * 257
    return picture
