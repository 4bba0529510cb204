"""Decoding of image files, without loss: every depth, channel count, palette and orientation."""

import os
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile

from translate.errors import UserError

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "PPM", "TGA")  # which Pillow reads itself; a JPEG may be an MPO
DEEP_PNG = {"LA;16B": "RGBA", "RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}  # see `_read_deep_png`
UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)  # exceptions of Pillow
BITS, SAMPLES, ORIENTATION = 258, 277, 274                          # tags of TIFF and EXIF


def open_picture(file: str | os.PathLike[str] | IO[bytes]) -> ImageFile.ImageFile:
    """Open an image file and read its header; samples are decoded on access. All image files are opened here.

    By default Pillow recognises any of its fifty formats by content, whatever the name of the file. Some of them start
    another program: a PostScript file goes to Ghostscript. So only `FORMATS` are allowed.

    Raises:
        One of `UNREADABLE`: no file, or no image of these formats.
    """
    return Image.open(file, formats=FORMATS)  # an ImageFile, where there is a file


def decode(path: str | os.PathLike[str], pictures: bool) -> tuple[np.ndarray, str]:
    """Read the samples of a file, upright.

    Args:
        path: path of a file in one of `FORMATS`, recognised by content, not by name.
        pictures: whether to expand palettes to colours; else samples are their indices.

    Returns:
        samples: array (H, W) or (H, W, C), of the type in the file.
        mode: Pillow's name for their arrangement.

    Raises:
        UserError: the file is missing or unreadable.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such picture")
    try:
        with open_picture(path) as image:
            array = _read_samples(image, path, pictures)
            orientation = image.getexif().get(ORIENTATION, 1)
            return _turn(array, orientation), image.mode
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0].removesuffix(f" {str(path)!r}").rstrip(".") or type(error).__name__
        raise UserError(f"{path}: cannot read as a picture ({reason})") from None


def is_light(image: ImageFile.ImageFile) -> bool:
    """Return whether an image has 8 bits and no alpha by its header: decoded, it takes up to 3 bytes per pixel."""
    plain = image.mode in ("1", "L", "P", "RGB", "YCbCr") and "transparency" not in image.info
    return plain and not _is_deep_png(image) and not _is_deep_tiff(image)


def _is_deep_png(image: ImageFile.ImageFile) -> bool:
    return image.format == "PNG" and bool(image.tile) and str(image.tile[0][3]) in DEEP_PNG


def _is_deep_tiff(image: ImageFile.ImageFile) -> bool:
    """Return whether a TIFF has several channels of more than 8 bits."""
    if image.format != "TIFF":
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    return max(tags.get(BITS, (8,))) > 8 and tags.get(SAMPLES, 1) > 1


def _read_samples(image: ImageFile.ImageFile, path: str | os.PathLike[str], pictures: bool) -> np.ndarray:
    """Read the samples as stored in the file, not rotated, (H, W) or (H, W, C)."""
    if _is_deep_png(image):
        return _read_deep_png(image, path, str(image.tile[0][3]))
    if _is_deep_tiff(image):
        import tifffile

        return tifffile.imread(path, key=0)
    if image.mode in ("P", "PA") and pictures:
        alpha = image.mode == "PA" or "transparency" in image.info
        return np.array(image.convert("RGBA" if alpha else "RGB"))
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX", "RGBa", "La"):
        return np.array(image.convert({"RGBa": "RGBA", "La": "LA"}.get(image.mode, "RGB")))
    return np.array(image)


def _read_deep_png(image: ImageFile.ImageFile, path: str | os.PathLike[str], packing: str) -> np.ndarray:
    """Read 16 bits in 2 to 4 channels, of which Pillow keeps the upper 8, as (H, W, C) uint16.

    The file is decoded as if its samples were little-endian, which gives the lower 8 bits; two 16-bit channels are
    decoded as if they were four of 8 bits.
    """
    codec, box, offset = image.tile[0][:3]
    if packing == "LA;16B":
        image.tile = [ImageFile._Tile(codec, box, offset, DEEP_PNG[packing])]
        halves = np.array(image).reshape(image.height, image.width, 2, 2)
        return halves[..., 0].astype(np.uint16) << 8 | halves[..., 1]
    upper = np.array(image).astype(np.uint16)
    with open_picture(path) as again:
        again.tile = [ImageFile._Tile(codec, box, offset, DEEP_PNG[packing])]
        return upper << 8 | np.array(again)


def _turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """Rotate (H, W, ...) upright from one of EXIF's 8 orientations."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
