"""From an entry of a manifest to what a converter takes, and to the target that it should have made."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import read_image, read_labels, resize, resize_labels
from translate.images.corpus.groups import INSTANCE
from translate.images.resize import bicubic
from translate.models.base import Model


def read_source(entry: Entry, entries: Sequence[Entry], config: Model) -> tuple[np.ndarray, dict[str, Any]]:
    """The picture or label map of `entry` as `ImageConverter.convert` takes it.

    Entries of a manifest come at the size at which the model was trained (`images.size`); a picture that belongs to
    no domain, as one named on the command line, comes as it is.

    Args:
        entry: of the source domain. Super-resolution also takes one of the target domain and makes it small.
        entries: of the same manifest, among which the instance map is found.
        config: of the model.

    Returns:
        (H, W, C) uint8 or uint16, or (H, W) int32 for label maps; and what `convert` wants besides: `instances`
        (H, W), `attributes` {name: 0 or 1}.

    Raises:
        UserError: an unreadable file, or no instance map where one is needed.
    """
    images = config.images  # type: ignore[attr-defined]
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


def read_target(entry: Entry, config: Model) -> np.ndarray:
    """The picture that a conversion is compared with, at the same size: (H, W, C)."""
    images = config.images  # type: ignore[attr-defined]
    picture = read_image(entry.path, entry.part)
    if images.scale > 1:
        return crop_to_multiple(picture, images.scale)
    return picture if images.size is None else resize(picture, images.size)


def crop_to_multiple(picture: np.ndarray, scale: int) -> np.ndarray:
    """Without the last rows and columns that make no whole pixel of the smaller picture."""
    return picture[: picture.shape[0] // scale * scale, : picture.shape[1] // scale * scale]


def resize_map(labels: np.ndarray, size: int | Sequence[int] | None) -> np.ndarray:
    """A label or instance map at `size`; None leaves it."""
    return labels if size is None else resize_labels(labels, size)


def _read_instances(entry: Entry, entries: Sequence[Entry]) -> np.ndarray:
    for other in entries:
        if other.domain == INSTANCE and other.pair == entry.pair:
            return read_labels(other.path, part=other.part)
    raise UserError(f"{entry.path}: the manifest has no entry of the domain `instance` with the pair `{entry.pair}`")
