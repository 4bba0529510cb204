"""The measures of one converted image and of its baselines."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from translate.config import ImageConfig
from translate.errors import UserError
from translate.images.arrays import convert_channels, read_image, resize, snap_colours, to_uint8
from translate.images.conversion.entries import read_source, read_target
from translate.images.measures.baselines import Baselines
from translate.images.measures.classifier import shrink_picture
from translate.images.measures.distances import (
    count_classes,
    measure_l1,
    measure_psnr,
    measure_psnr_y,
    measure_sharpness,
    measure_ssim,
    measure_ssim_y,
)
from translate.images.measures.items import Item
from translate.images.resize import bicubic
from translate.models.base import ImageModel

Measure = Callable[[np.ndarray, np.ndarray], float | None]

ASPECT = 0.02                                                       # relative difference of shapes allowed in a pair
MEASURES: dict[str, dict[str, Measure]] = {                         # measures with a target, by kind of model
    "paired": {"l1": measure_l1, "psnr": measure_psnr, "ssim": measure_ssim},
    "unpaired": {"l1": measure_l1, "psnr": measure_psnr},
    "domains": {},
    "super-resolution": {
        "psnr_y": measure_psnr_y,
        "ssim_y": measure_ssim_y,
        "psnr": measure_psnr,
        "ssim": measure_ssim,
        "sharpness": measure_sharpness,
    },
}


@dataclass
class Scores:
    """The measures of one item, by row: `converted`, `input`, ...

    Attributes:
        values: values, row -> measure -> value; None where the image is too small for the measure.
        confusions: confusions, row -> (K, K), where the targets are label maps.
        small: images as the domain classifier sees them, by row.
        resized: whether the target had another size and was resized.
    """

    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    confusions: dict[str, np.ndarray] = field(default_factory=dict)
    small: dict[str, np.ndarray] = field(default_factory=dict)
    resized: bool = False


def name_kind(config: ImageModel) -> str:
    """Return the kind of a model, which decides its measures: a key of `MEASURES`."""
    if _images(config).scale > 1:
        return "super-resolution"
    return {"labelled": "domains"}.get(config.data.batches, config.data.batches)


def score_item(item: Item, config: ImageModel, baselines: Baselines, lpips: Measure | None = None) -> Scores:
    """Measure one converted image, and every baseline in the same way.

    Raises:
        UserError: an unreadable file, or a target of another shape.
    """
    kind = name_kind(config)
    rows, reference, resized = collect_pictures(item, config, baselines)
    scores = Scores(resized=resized)
    measures = dict(MEASURES[kind]) | ({"lpips": lpips} if lpips and kind in ("paired", "super-resolution") else {})
    palette = _images(config).palette if baselines.constant is not None else []
    truth = snap_colours(reference, palette) if reference is not None and palette else None
    for row, picture in rows.items():
        values: dict[str, float | None] = {}
        if reference is not None:
            values |= {name: measure(picture, reference) for name, measure in measures.items()}
        if truth is not None:
            scores.confusions[row] = count_classes(snap_colours(picture, palette), truth, len(palette))
        if kind in ("unpaired", "domains") and "input" in rows:
            values["change"] = measure_l1(picture, rows["input"])
            scores.small[row] = shrink_picture(picture)
        scores.values[row] = values
    return scores


def collect_pictures(
    item: Item, config: ImageModel, baselines: Baselines
) -> tuple[dict[str, np.ndarray], np.ndarray | None, bool]:
    """Collect the images of an item, all uint8 of the converted one's size and the target's channels, without alpha.

    Returns:
        rows: images by row: `converted`, and every baseline.
        reference: target; None where it is not known.
        resized: whether the target had another size and was resized.

    Raises:
        UserError: an unreadable file, or a target of another shape.
    """
    images = _images(config)
    converted = to_uint8(read_image(item.converted))
    reference = None if item.target is None else to_uint8(read_target(item.target, config))
    channels = 3 if (converted if reference is None else reference).shape[2] > 2 else 1
    size, resized = converted.shape[:2], False
    if reference is not None:
        resized = reference.shape[:2] != size
        if resized and (images.scale > 1 or not _fits(reference, size)):
            raise UserError(
                f"{item.converted}: {size[1]} x {size[0]} pixels, its target {item.target.path} "  # type: ignore[union-attr]
                f"{reference.shape[1]} x {reference.shape[0]}; convert the evaluation's manifest again"
            )
    rows = {"converted": converted}
    if images.labels is None:
        source = to_uint8(read_source(item.source, (), config)[0])
        if images.scale > 1:
            rows["bicubic"] = bicubic(source, images.scale)
        elif _fits(source, size):
            rows["input"] = source
        if baselines.neighbour is not None:
            rows["nearest neighbour"] = baselines.neighbour(source)
    if baselines.constant is not None:
        rows["constant class"] = np.broadcast_to(baselines.constant, (*size, 3))
    if baselines.mean is not None:
        rows["mean target"] = baselines.mean
    rows = {row: resize(convert_channels(picture, channels), size) for row, picture in rows.items()}
    return rows, None if reference is None else resize(convert_channels(reference, channels), size), resized


def _fits(picture: np.ndarray, size: tuple[int, ...]) -> bool:
    """Return whether an image has the aspect of `size` (height, width)."""
    return abs(picture.shape[1] * size[0] / (picture.shape[0] * size[1]) - 1) <= ASPECT


def _images(config: ImageModel) -> ImageConfig:
    return config.images
