"""Images of any type to the input of a network, and back to the type that was given."""

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from translate.config import ImageConfig
from translate.errors import UserError
from translate.images.arrays import convert_channels, encode_labels, snap_colours, to_float, to_uint8

Picture = Image.Image | np.ndarray | Tensor

BRIGHTEST = 1.5                                                     # largest |value|: bicubic overshoot, but not 0..255
KNOWN_MODES = {"L", "LA", "RGB", "RGBA", "I;16", "I"}               # modes of Pillow that need no conversion


def prepare_picture(image: Picture, config: ImageConfig, instances: Any = None, name: object = "the picture") -> Tensor:
    """Convert an image or label map to the input of a network.

    Args:
        image: a PIL image; whole numbers (H, W) or (H, W, C), 8 or 16 bits; floats in [-1, 1], (C, H, W) or
            (B, C, H, W); arrays or tensors. Where `config.labels` is set, whole numbers (H, W), the classes, or colours
            of `config.palette`.
        config: channels and classes of the network.
        instances: instance ids (H, W), whole numbers, where `config.instances`.
        name: name of the image, with which error messages open.

    Returns:
        (B, C, H, W) float32 in [-1, 1]; in [0, 1] where `config.scale` > 1.

    Raises:
        UserError: an image that is empty, not finite, out of range or of another shape.
    """
    array = _open(image, config.labels is not None) if isinstance(image, Image.Image) else _detach(image)
    if array.size == 0:
        raise UserError(f"{name}: holds no pixel, its shape is {array.shape}")
    if config.labels is not None:
        planes = _encode(array, config, None if instances is None else _detach(instances), name)[None]
    elif array.dtype.kind == "f":
        planes = _check_floats(array, config.source_channels, name)
    else:
        array = array[..., None] if array.ndim == 2 else array
        if array.ndim != 3 or array.shape[2] > 4 or array.dtype not in (np.uint8, np.uint16):
            raise UserError(
                f"{name}: expected uint8 or uint16 (H, W) or (H, W, C), up to 4 channels, or floats in [-1, 1]; found "
                f"{array.dtype} {array.shape}"
            )
        planes = np.moveaxis(to_float(convert_channels(array, config.source_channels)), 2, 0)[None]
    x = torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))
    return (x + 1) / 2 if config.scale > 1 else x


def prepare_style(style: Any, channels: int) -> Any:
    """Convert images to tensors (1, channels, H, W) in [-1, 1], vectors to (1, N); return anything else unchanged."""
    array = _open(style, False) if isinstance(style, Image.Image) else style
    if not isinstance(array, np.ndarray):
        return array
    if array.dtype.kind != "f":
        array = array[..., None] if array.ndim == 2 else array
        array = np.moveaxis(to_float(convert_channels(array, channels)), 2, 0)
    array = array[None] if array.ndim in (1, 3) else array
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def give_back(y: Tensor, like: Picture, deep: bool = True) -> Any:
    """Convert (B, C, H, W) in [-1, 1] to the type of `like`: PIL image, (H, W[, C]), or floats in [-1, 1].

    Whole numbers get 16 bits where `like` has 16 and `deep` is true, else 8.
    """
    y = y.clamp(-1, 1)
    if isinstance(like, Tensor):
        return (y if like.ndim == 4 else y[0]).to(like.device)
    array = y.cpu().numpy()
    if isinstance(like, np.ndarray) and like.dtype.kind == "f":
        return array if like.ndim == 4 else array[0]
    array = np.moveaxis(array[0], 0, 2)
    array = array[..., 0] if array.shape[2] == 1 else array
    if isinstance(like, np.ndarray) and like.dtype == np.uint16 and deep:
        return np.rint((array.astype(np.float64) + 1) * 32767.5).astype(np.uint16)
    return Image.fromarray(to_uint8(array)) if isinstance(like, Image.Image) else to_uint8(array)


def to_pixels(picture: Picture) -> np.ndarray:
    """Convert a result of `give_back` to samples (H, W[, C]): whole numbers, or floats in [-1, 1].

    Raises:
        ValueError: a batch of several images.
    """
    array = np.asarray(picture) if isinstance(picture, Image.Image) else _detach(picture)
    if array.dtype.kind != "f":
        return array
    if array.ndim == 4 and len(array) != 1:
        raise ValueError(f"expected one picture, got a batch of {len(array)}")
    return np.moveaxis(array[0] if array.ndim == 4 else array, 0, 2)


def _detach(image: np.ndarray | Tensor) -> np.ndarray:
    return image.detach().cpu().numpy() if isinstance(image, Tensor) else np.asarray(image)


def _open(image: Image.Image, labels: bool) -> np.ndarray:
    """Return upright samples (H, W) or (H, W, C); a palette gives indices for label maps and colours for images."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "P" and not labels:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in KNOWN_MODES and image.mode != "P":
        image = image.convert("RGB")
    array = np.asarray(image)
    if array.dtype == np.int32 and not labels and array.min() >= 0 and array.max() <= 65535:
        return array.astype(np.uint16)                              # 16-bit gray, in some versions of Pillow
    return array


def _encode(array: np.ndarray, config: ImageConfig, instances: np.ndarray | None, name: object) -> np.ndarray:
    """Encode a label map, perhaps coloured, as (planes, H, W)."""
    if array.ndim == 3 and config.palette and array.dtype == np.uint8:
        array = snap_colours(convert_channels(array, 3), config.palette)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise UserError(
            f"{name}: this model takes label maps, (H, W) whole numbers; found {array.dtype} {array.shape}; for "
            "coloured maps list the colours in images.palette"
        )
    return encode_labels(array, config, instances, str(name))


def _check_floats(array: np.ndarray, channels: int, name: object) -> np.ndarray:
    """Check floats (C, H, W) or (B, C, H, W), and convert them to (B, channels, H, W)."""
    if array.ndim not in (3, 4) or array.shape[-3] > 4:
        raise UserError(f"{name}: expected floats (C, H, W) or (B, C, H, W), up to 4 channels; found {array.shape}")
    if not np.isfinite(array).all():
        raise UserError(f"{name}: NaN or infinite values")
    if np.abs(array).max() > BRIGHTEST:
        raise UserError(f"{name}: values reach {np.abs(array).max():.4g}; expected floats in [-1, 1]")
    batch = array if array.ndim == 4 else array[None]
    if batch.shape[1] == channels:
        return batch
    return np.stack([np.moveaxis(convert_channels(np.moveaxis(one, 0, 2), channels), 2, 0) for one in batch])
