"""Baselines of an evaluation: images made without a network.

They are computed from the training images only; the mean and the most frequent class from at most 500, evenly spaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from translate.corpus.manifest import Entry
from translate.images.arrays import convert_channels, resize, snap_colours, to_uint8
from translate.images.conversion.entries import read_source, read_target
from translate.images.measures.items import Task, belongs
from translate.models.base import ImageModel

LIMIT = 500                                                         # training images
THUMBNAIL = 16                                                      # pixels; size at which neighbours are compared
PROBED = 8                                                          # targets examined for being label maps
NEAR, MOSTLY = 60, 0.8                                              # distance of 8-bit colours; fraction of the pixels
LONGER_SIDE = 512                                                   # pixels of the mean image

Something = TypeVar("Something")


@dataclass
class Baselines:
    """The baselines of a task.

    Attributes:
        mean: mean of the targets, (H, W, 3) uint8.
        constant: colour (1, 1, 3) uint8 of the most frequent class, where the targets are label maps.
        neighbour: lookup of the nearest training image's target, for label maps, too.
    """

    mean: np.ndarray | None = None
    constant: np.ndarray | None = None
    neighbour: "NearestNeighbour | None" = None


def learn_baselines(task: Task, config: ImageModel, training: Sequence[Entry]) -> Baselines:
    """Compute the baselines of a task from training images; none for super-resolution, with images of many sizes."""
    targets = [entry for entry in training if belongs(entry, task.target)]
    if not targets or config.images.scale > 1:
        return Baselines()
    baselines = Baselines(average_targets(targets, config))
    if are_labels(targets, config):
        baselines.constant = find_constant(targets, config)
        sources = {entry.pair: entry for entry in training if entry.domain == task.source and entry.pair}
        pairs = [(sources[target.pair], target) for target in targets if target.pair in sources]
        baselines.neighbour = NearestNeighbour(pairs, config) if pairs else None
    return baselines


def spread(things: Sequence[Something], limit: int = LIMIT) -> list[Something]:
    """Return at most `limit` of the things, evenly spaced."""
    if len(things) <= limit:
        return list(things)
    return [things[place * len(things) // limit] for place in range(limit)]


def average_targets(targets: Sequence[Entry], config: ImageModel) -> np.ndarray:
    """Return the mean of real targets, (H, W, 3) uint8, at the size of the first."""
    total, size = np.zeros(()), None
    chosen = spread(targets)
    for entry in chosen:
        picture = convert_channels(to_uint8(read_target(entry, config)), 3)
        if size is None:
            factor = min(1, LONGER_SIDE / max(picture.shape[:2]))
            size = [max(1, round(length * factor)) for length in picture.shape[:2]]
        total = total + resize(picture, size)
    return np.rint(total / len(chosen)).astype(np.uint8)


def are_labels(targets: Sequence[Entry], config: ImageModel) -> bool:
    """Return whether the targets are coloured label maps: nearly all pixels are close to a colour of `images.palette`.

    A palette alone does not tell: in the configuration of the other direction it is that of the source.
    """
    images = config.images
    if not images.palette or images.labels is not None or config.data.batches != "paired" or images.scale > 1:
        return False
    palette, shares = np.array(images.palette, np.float64), []
    for entry in targets[:PROBED]:
        picture = convert_channels(to_uint8(read_target(entry, config)), 3)
        distance = np.linalg.norm(picture - palette[snap_colours(picture, images.palette)], axis=2)
        shares.append((distance < NEAR).mean())
    return bool(shares) and float(np.mean(shares)) > MOSTLY


def find_constant(targets: Sequence[Entry], config: ImageModel) -> np.ndarray:
    """Return the colour (1, 1, 3) uint8 of the most frequent class in the pixels of real targets."""
    palette = config.images.palette
    counts = np.zeros(len(palette), np.int64)
    for entry in spread(targets):
        picture = convert_channels(to_uint8(read_target(entry, config)), 3)[::4, ::4]  # every 4th pixel is enough
        counts += np.bincount(snap_colours(picture, palette).ravel(), minlength=len(palette))
    return np.array(palette[int(counts.argmax())], np.uint8)[None, None]


class NearestNeighbour:
    """A lookup of the target of the most similar training input: Euclidean distance of thumbnails of 16 x 16 pixels.

    Args:
        pairs: all training inputs with their targets.
        config: configuration of the run.
    """

    def __init__(self, pairs: Sequence[tuple[Entry, Entry]], config: ImageModel):
        self.config, self.targets = config, [target for _, target in pairs]
        self.thumbnails = np.stack([shrink(read_source(source, (), config)[0]) for source, _ in pairs])

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """Return the target (H, W, C) uint8 for an input (H, W, C)."""
        distances = np.square(self.thumbnails - shrink(picture)).sum(axis=1)
        return to_uint8(read_target(self.targets[int(distances.argmin())], self.config))


def shrink(picture: np.ndarray) -> np.ndarray:
    """Return the thumbnail of (H, W, C) as (768,) float64."""
    small = resize(convert_channels(to_uint8(picture), 3), (THUMBNAIL, THUMBNAIL))
    return small.astype(np.float64).ravel()
