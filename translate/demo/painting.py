"""Paintings as label maps: the functions behind the painting tab.

A painting has one colour per class. Strokes have soft edges, where blended colours could resemble a third class. So
each layer is read by itself, and a pixel counts as painted where it is more than half opaque.
"""

import html
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from skimage.measure import label

from translate.config import ImageConfig
from translate.demo.example_images import read_label_maps
from translate.demo.limits import Limits
from translate.demo.models import Offer
from translate.demo.pictures import read_picture, show, tell
from translate.errors import UserError
from translate.images.arrays import find_size, resize, resize_labels, snap_colours
from translate.images.corpus.mini import CLASSES

USUAL, DRAWN, PHOTOGRAPH, BY_CLASS = "usual", "drawn", "photograph", "class"  # styles, see `list_styles`
SIDE = 128                                                          # pixels, where the model has no size
CANVAS = 512                                                        # pixels; smallest short side of a start map
MOST = 12                                                           # largest number of classes with a control each
UNKNOWN = (128, 128, 128)                                           # colour of unlabelled pixels
STEPS = (0.819173, 0.671044, 0.549700)                              # steps that fill the cube of colours evenly:
#                                                                     powers of 1 / 1.220744, the root of x^4 = x + 1


# --- classes and colours ----------------------------------------------------------------------------------


def is_built_in(images: ImageConfig) -> bool:
    """Return whether these are taken for the classes of the built-in corpus: as many, without colours of their own."""
    return images.labels == CLASSES and not images.palette


def choose_colours(images: ImageConfig) -> list[tuple[int, int, int]]:
    """Return [r, g, b] of every class, 0 to 255; then of unlabelled pixels, where the model has them.

    Colours are those of the run; else dark to light for the classes of the built-in corpus; else spread evenly.
    """
    count = images.labels or 0
    if images.palette:
        colours = [(r, g, b) for r, g, b in images.palette[:count]]
    elif is_built_in(images):
        scale = colormaps["viridis"](np.linspace(0, 1, count), bytes=True)
        colours = [(int(r), int(g), int(b)) for r, g, b, _ in scale]
    else:
        spread = np.rint(255 * ((0.25 + np.arange(count)[:, None] * STEPS) % 1)).astype(int)
        colours = [(r, g, b) for r, g, b in spread.tolist()]
    return colours + [UNKNOWN] * (images.unknown is not None)


def name_classes(images: ImageConfig) -> list[str]:
    """Return the names of the classes for the legend, in the order of `choose_colours`."""
    names = [f"class {number}" for number in range(images.labels or 0)]
    if is_built_in(images):
        names[0], names[-1] = f"{names[0]}, darkest", f"{names[-1]}, lightest"
    return names + ["unlabelled"] * (images.unknown is not None)


def make_legend(images: ImageConfig) -> str:
    """Make the legend in HTML: every class with its colour."""
    box = "display:inline-block;width:1.1em;height:1.1em;vertical-align:-0.2em;border:1px solid #888;border-radius:3px"
    entries = [
        f'<span style="white-space:nowrap;margin-right:1.2em"><span style="{box};background:rgb{colour}"></span> '
        f"{html.escape(name)}</span>"
        for colour, name in zip(choose_colours(images), name_classes(images), strict=True)
    ]
    return f'<div role="note" aria-label="Colours of the classes">{" ".join(entries)}</div>'


def list_start_maps(images: ImageConfig) -> list[np.ndarray]:
    """Make coloured start maps, (H, W, 3) uint8: held-out ones of the built-in corpus, and one of all classes."""
    colours = np.array(choose_colours(images), np.uint8)
    maps = read_label_maps() if is_built_in(images) else []
    across = int(np.ceil(np.sqrt(len(colours))))
    squares = np.arange(across * across).reshape(across, across) % len(colours)
    return [colours[_enlarge(labels)] for labels in (*maps, squares)]


# --- from painting to photograph --------------------------------------------------------------------------


def read_painting(painting: Mapping[str, Any] | None, images: ImageConfig) -> np.ndarray:
    """Read the label map (H, W) int32 of a painting; unpainted pixels are of the first class.

    Args:
        painting: `background` (H, W, 4) uint8 or None, and `layers`, a list of such arrays, from `gradio.ImageEditor`.
        images: settings of classes and colours.

    Raises:
        UserError: nothing was painted, or layers of different sizes.
    """
    layers = [] if painting is None else [painting["background"], *painting["layers"]]
    layers = [layer for layer in layers if layer is not None]
    if not layers:
        raise UserError("no painting yet: choose a map to start from")
    colours, labels = choose_colours(images), np.zeros(layers[0].shape[:2], np.int32)
    for layer in layers:
        if layer.shape[:2] != labels.shape:
            raise UserError("the painting's layers differ in size: choose a map to start from, and paint again")
        labels = np.where(layer[..., 3] > 127, snap_colours(layer[..., :3], colours), labels)
    return labels if images.unknown is None else np.where(labels == images.labels, images.unknown, labels)


def find_regions(labels: np.ndarray) -> np.ndarray:
    """Return instance ids (H, W) from 1: one per connected region of one class."""
    return label(labels, background=-1, connectivity=1).astype(np.int32)


def list_styles(model: Offer) -> list[tuple[str, str]]:
    """List the styles to choose from: (text, one of `USUAL`, `DRAWN`, `PHOTOGRAPH`, `BY_CLASS`)."""
    if not getattr(model.config.network, "encoder", False):
        return [("usual", USUAL)]
    choices = [("usual", USUAL), ("random, by number", DRAWN), ("from a photograph", PHOTOGRAPH)]
    return choices + [("chosen by class", BY_CLASS)] * any(count_clusters(model))


def count_clusters(model: Offer) -> list[int]:
    """Return the number of styles of each class; empty with styles of whole images, or with too many classes."""
    styles = getattr(model.converter.translator, "styles", None)
    counts = [] if styles is None else (styles.shares > 0).sum(dim=1).tolist()
    return counts if len(counts) <= MOST else []


def list_sides(images: ImageConfig) -> list[int]:
    """List short sides of the photograph to choose from, in pixels, that of training first."""
    size = SIDE if images.size is None else images.size
    side = size if isinstance(size, int) else min(size)
    return [side, side * 3 // 2, side * 2]


def convert_painting(
    model: Offer,
    painting: Mapping[str, Any] | None,
    limits: Limits,
    side: int = SIDE,
    style: str = USUAL,
    seed: int = 0,
    photograph: str | None = None,
    clusters: Sequence[int] = (),
) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    """Translate a painting.

    Args:
        model: model of label maps.
        painting: painting, see `read_painting`.
        limits: limits of a request.
        side: short side in pixels to which the painting is resized first; smaller where `limits` require it.
        style: one of `list_styles`.
        seed: seed of drawn styles.
        photograph: file whose style is taken.
        clusters: style of the objects of every class, by number; 0 is the most frequent.

    Returns:
        The coloured label map and the photograph, both (H, W, 3) uint8, and a line on the conversion.

    Raises:
        UserError: nothing painted, or a style that the model does not have.
    """
    images: ImageConfig = model.config.images  # type: ignore[attr-defined]
    labels = read_painting(painting, images)
    size = find_size(labels.shape, side)
    if size[0] * size[1] > limits.max_pixels:
        raise UserError(f"{size[1]} × {size[0]} pixels are too many; expected up to {limits.max_pixels:,} in all")
    labels = resize_labels(labels, size)
    regions = find_regions(labels)
    ids = regions if images.instances else labels
    asked: Any = {USUAL: None, DRAWN: seed}.get(style)
    if style == PHOTOGRAPH:
        asked = read_picture(photograph, limits)[0]
        if count_clusters(model) or getattr(model.converter.translator, "styles", None) is not None:
            asked = resize(asked, labels.shape)                     # an object's style is read at its own place
    elif style == BY_CLASS:
        asked = _give_styles(labels, ids, clusters)
    converter = model.converter
    begin = time.perf_counter()
    output = converter.convert(
        labels.astype(np.uint16), instances=regions if images.instances else None, style=asked, name="the painting"
    )
    spent = time.perf_counter() - begin
    coloured = np.array(choose_colours(images), np.uint8)[_index(labels, images)]
    return (coloured, show(output)), tell(output, spent, f"{regions.max()} regions")


def _give_styles(labels: np.ndarray, ids: np.ndarray, clusters: Sequence[int]) -> dict[int, int]:
    """Return {id: cluster} of the objects whose class has a style other than the most frequent."""
    chosen: dict[int, int] = {}
    for number, cluster in enumerate(clusters):
        if cluster:
            chosen |= {int(id): int(cluster) for id in np.unique(ids[labels == number])}
    return chosen


def _index(labels: np.ndarray, images: ImageConfig) -> np.ndarray:
    """Map classes to indices in `choose_colours`."""
    return labels if images.unknown is None else np.where(labels == images.unknown, images.labels or 0, labels)


def _enlarge(labels: np.ndarray) -> np.ndarray:
    """Enlarge pixels to squares, so that the short side is at least `CANVAS`."""
    times = -(-CANVAS // min(labels.shape))
    return labels.repeat(times, axis=0).repeat(times, axis=1)
