"""Contact sheets: rows of images in labelled columns, as one PNG."""

import colorsys
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from translate.files import replacing
from translate.images.arrays import convert_channels, to_uint8

LONGER_SIDE = 256                                                   # pixels of an image's longer side in a sheet
SMALLEST = 64                                                       # smaller images are enlarged to it, unsmoothed
GAP, TITLE, LETTERS = 6, 20, 13                                     # pixels: gap, height of the title, of its letters
BACKGROUND, INK = (255, 255, 255), (60, 60, 60)


def draw_sheet(
    path: str | os.PathLike[str], rows: Sequence[Sequence[np.ndarray | None]], titles: Sequence[str]
) -> None:
    """Draw rows of images under the titles of their columns.

    Args:
        path: path of the PNG.
        rows: images (H, W, C) or (H, W), uint8, uint16 or floats in [-1, 1], of any sizes; None leaves a place empty.
            All images of a row get the size of its largest, at most 256 pixels.
        titles: titles of the columns.

    Raises:
        ValueError: no row, a row without images, or one longer than the titles.
        UserError: the sheet cannot be written.
    """
    sizes = [_find_size(row) for row in rows]
    if not rows or any(len(row) > len(titles) for row in rows):
        raise ValueError(f"expected rows of up to {len(titles)} pictures")
    font = ImageFont.load_default(LETTERS)
    widest = max(width for _, width in sizes)
    column = max([widest, *(round(font.getlength(title)) for title in titles)])
    height = TITLE + GAP + sum(height + GAP for height, _ in sizes)
    sheet = Image.new("RGB", (GAP + len(titles) * (column + GAP), height), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for number, title in enumerate(titles):
        pen.text((GAP + number * (column + GAP), GAP // 2), title, INK, font)
    top = TITLE + GAP
    for row, size in zip(rows, sizes, strict=True):
        for number, picture in enumerate(row):
            if picture is not None:
                sheet.paste(_fit(picture, size), (GAP + number * (column + GAP), top))
        top += size[0] + GAP
    with replacing(path) as temporary:
        sheet.save(temporary, "PNG", optimize=True)


def colour_labels(labels: np.ndarray, palette: Sequence[Sequence[int]] = ()) -> np.ndarray:
    """Colour classes (H, W) as (H, W, 3) uint8: by the palette, and beyond it by distinct colours."""
    golden = (5**0.5 - 1) / 2
    last = max(int(labels.max()) + 1, len(palette))
    colours = [colorsys.hsv_to_rgb(golden * n % 1, 0.5 + 0.3 * (n % 2), 0.6 + 0.15 * (n % 3)) for n in range(last)]
    table = np.rint(255 * np.array(colours)).astype(np.uint8)
    table[: len(palette)] = np.array(palette, np.uint8).reshape(-1, 3)
    return table[labels]


def _find_size(row: Sequence[np.ndarray | None]) -> tuple[int, int]:
    """Return (height, width) for all images of a row."""
    shapes = [picture.shape[:2] for picture in row if picture is not None]
    if not shapes:
        raise ValueError("expected at least one picture in every row")
    height, width = max(shapes)
    longer = max(height, width)
    factor = min(max(longer, SMALLEST), LONGER_SIDE) / longer
    return max(1, round(height * factor)), max(1, round(width * factor))


def _fit(picture: np.ndarray, size: tuple[int, int]) -> Image.Image:
    array = picture[..., None] if picture.ndim == 2 else picture
    image = Image.fromarray(to_uint8(convert_channels(array, 3)))
    grows = image.height < size[0]
    return image.resize(size[::-1], Image.Resampling.NEAREST if grows else Image.Resampling.LANCZOS)
