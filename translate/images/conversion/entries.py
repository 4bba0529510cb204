"""Reading the source and the target image of a manifest entry."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import read_image, read_labels, resize, resize_labels
from translate.images.corpus.groups import INSTANCE
from translate.images.resize import bicubic
from translate.models.base import ImageModel


def read_source(entry: Entry, entries: Sequence[Entry], config: ImageModel) -> tuple[np.ndarray, dict[str, Any]]:
    """Read the image or label map of `entry` for `ImageConverter.convert`.

    Images of a manifest are resized to the size of training (`images.size`); an image without a domain, as one named on
    the command line, keeps its size.

    Args:
        entry: entry of the source domain. Super-resolution also takes one of the target domain and shrinks it.
        entries: entries of the manifest, for finding the instance map.
        config: configuration of the model.

    Returns:
        The image (H, W, C) uint8 or uint16, or label map (H, W) int32; and further arguments of `convert`: `instances`
        (H, W), `attributes` {name: 0 or 1}.

    Raises:
        UserError: an unreadable file, or no instance map where one is needed.
    """
    images = config.images
    condition: dict[str, Any] = {}
    if entry.attributes is not None:
        condition["attributes"] = dict(entry.attributes)
    size = images.size if entry.domain else None
    if images.labels is not None:
        labels = read_labels(entry.path, images.palette, entry.part)
        if images.instances and entry.domain:
            condition["instances"] = resize_map(_read_instances(entry, entries), size)
        return resize_map(labels, size), condition
    picture = read_image(entry.path, entry.part)
    if images.scale > 1 and config.data.domains and entry.domain == config.data.domains[-1]:
        return bicubic(crop_to_multiple(picture, images.scale), 1 / images.scale), condition
    if images.scale > 1 or size is None:
        return picture, condition
    return resize(picture, size), condition


def read_target(entry: Entry, config: ImageModel) -> np.ndarray:
    """Read the image that a conversion is compared with, at the same size, (H, W, C)."""
    images = config.images
    picture = read_image(entry.path, entry.part)
    if images.scale > 1:
        return crop_to_multiple(picture, images.scale)
    return picture if images.size is None else resize(picture, images.size)


def crop_to_multiple(picture: np.ndarray, scale: int) -> np.ndarray:
    """Cut off the last rows and columns that make no whole pixel of the smaller image."""
    return picture[: picture.shape[0] // scale * scale, : picture.shape[1] // scale * scale]


def resize_map(labels: np.ndarray, size: int | Sequence[int] | None) -> np.ndarray:
    """Resize a label or instance map to `size`; None leaves it as it is."""
    return labels if size is None else resize_labels(labels, size)


def _read_instances(entry: Entry, entries: Sequence[Entry]) -> np.ndarray:
    for other in entries:
        if other.domain == INSTANCE and other.pair == entry.pair:
            return read_labels(other.path, part=other.part)
    raise UserError(f"{entry.path}: the manifest has no entry of the domain `instance` with the pair `{entry.pair}`")
