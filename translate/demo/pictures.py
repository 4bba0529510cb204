"""Uploaded images: reading, checking, scaling down; common to the two image tabs."""

import math
import os
from abc import ABCMeta
from pathlib import Path
from typing import Any

import gradio
import numpy as np
from PIL import Image

from translate.demo.limits import Limits, Refusal
from translate.demo.uploads import is_inside
from translate.errors import UserError
from translate.images.arrays import read_image, resize, to_uint8
from translate.images.decoding import UNREADABLE, is_light, open_picture

DECODED, HEAVY = 8, 2                                               # times `max_pixels`: largest files decoded; and
#                                                                     the same for those with alpha or 16 bits
SMALLEST = 16                                                       # pixels; smallest side
FORMATS = "PNG, JPEG, WebP, TIFF, BMP or GIF"


class Quiet(type(gradio.Image)):  # type: ignore[misc]
    """A metaclass that makes components as Gradio's own, but writes no `.pyi` file beside the source."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        return ABCMeta.__new__(cls, name, bases, attributes)


class PictureUpload(gradio.Image, metaclass=Quiet):
    """A `gradio.Image` that passes the file on unopened.

    Gradio would open it itself, and answer a file that is not an image with a stack trace in the server's log.
    """

    is_template = True                                              # the page renders it like its base class

    def preprocess(self, payload: Any) -> Any:
        if payload is None or not payload.path:
            return None
        if not is_inside(payload.path):                             # the page checked the owner; other pages may not
            raise Refusal("not your file: upload it")
        return payload.path


def read_picture(path: str | os.PathLike[str] | None, limits: Limits, scale: int = 1) -> tuple[np.ndarray, str]:
    """Read an uploaded image, upright, with 8 bits.

    An image that is too large is scaled down, but for super-resolution it is refused: scaling it down and then up would
    gain nothing.

    Args:
        path: path of the file; None where nothing was given.
        limits: limits, of which `max_pixels` bounds the output.
        scale: size of the model's output over size of its input.

    Returns:
        The image (H, W, C) uint8, and a note on scaling, "" for none.

    Raises:
        UserError: no file, no image, or one that is too large or too small.
    """
    if not path:
        raise UserError("no image yet: upload one or choose an example")
    _check_header(path, limits)
    picture = to_uint8(read_image(path))
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise UserError(f"{path}: is {width} × {height} pixels; expected {SMALLEST} or more each way")
    if height * width * scale**2 <= limits.max_pixels:
        return picture, ""
    if scale > 1:
        side = math.isqrt(limits.max_pixels) // scale
        raise UserError(
            f"{path}: is {width} × {height} pixels; ×{scale} takes up to {side} × {side} here (or as many pixels in "
            "another shape): cut out a part"
        )
    smaller = shrink(picture, limits.max_pixels)
    return smaller, f"scaled down from {width} × {height} to {smaller.shape[1]} × {smaller.shape[0]} pixels"


def shrink(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Scale (H, W, C) down to at most `pixels` pixels, keeping the aspect as far as whole numbers allow."""
    height, width = picture.shape[:2]
    factor = min(1.0, math.sqrt(pixels / (height * width)))
    return resize(picture, (max(1, int(height * factor)), max(1, int(width * factor))))


def show(picture: np.ndarray) -> np.ndarray:
    """Convert (H, W[, C]) uint8 for display: (H, W) gray or (H, W, 3), without alpha."""
    if picture.ndim == 2 or picture.shape[2] == 3:
        return picture
    return picture[..., 0] if picture.shape[2] < 3 else picture[..., :3]


def tell(picture: np.ndarray, seconds: float, *notes: str) -> str:
    """Format the line below a result: its size, the time taken, and notes."""
    size = f"{picture.shape[1]} × {picture.shape[0]} pixels in {seconds:.2f} s"
    return "; ".join([size, *(note for note in notes if note)]) + "."


def _check_header(path: str | os.PathLike[str], limits: Limits) -> None:
    """Refuse an image whose samples would fill the memory, by its header."""
    try:
        with open_picture(path) as image:
            width, height = image.size
            most = (DECODED if is_light(image) else HEAVY) * limits.max_pixels
    except Image.DecompressionBombError:
        raise UserError(f"{path}: has too many pixels; expected up to {DECODED * limits.max_pixels:,}") from None
    except UNREADABLE:
        raise UserError(f"{Path(path).name}: cannot be read as an image; give {FORMATS}") from None
    if width * height > most:
        raise UserError(f"{path}: is {width} × {height} pixels; expected up to {most:,} in all: scale it down")
