"""Pictures and label maps: files to arrays and back, channels, ranges, sizes and planes.

Images are arrays (H, W, C) of 8 or 16 bits with 1 channel (gray), 2 (gray, alpha), 3 (colour) or 4 (colour, alpha);
networks see floats in [-1, 1]. Label and instance maps are arrays (H, W) of whole numbers.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from translate.config import ImageConfig
from translate.errors import UserError
from translate.files import replacing
from translate.images.decoding import decode

IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".gif"}
LUMA = (0.299, 0.587, 0.114)                                        # ITU-R BT.601
JPEG_QUALITY = 95


# --- files ------------------------------------------------------------------------------------------------


def read_image(path: str | os.PathLike[str], part: str | None = None) -> np.ndarray:
    """Read an image, rotated by its EXIF orientation, with its palette expanded to colours.

    Args:
        path: path of a PNG, JPEG, TIFF, WebP, ...; if it holds several images, the first is read.
        part: "left" or "right" half of two images side by side; None: the whole.

    Returns:
        (H, W, C) uint8 or uint16, 1 to 4 channels.

    Raises:
        UserError: the file is missing, unreadable, neither 8 nor 16 bits deep, or cannot be halved.
    """
    array, mode = decode(path, pictures=True)
    if mode == "1":
        array = array.astype(np.uint8) * 255
    if array.dtype == np.int32 and array.min() >= 0 and array.max() <= 65535:
        array = array.astype(np.uint16)                             # 16-bit gray, in some versions of Pillow
    if array.dtype not in (np.uint8, np.uint16):
        raise UserError(f"{path}: samples of kind {array.dtype}; expected a picture of 8 or 16 bits: export it again")
    return take_part(array if array.ndim == 3 else array[..., None], part, path)


def read_labels(
    path: str | os.PathLike[str], palette: Sequence[Sequence[int]] = (), part: str | None = None
) -> np.ndarray:
    """Read a label or instance map; a palette PNG gives its indices.

    Args:
        path: path of a file with one channel of whole numbers; or with colours where `palette` is given.
        palette: colours [r, g, b] of the classes; every pixel gets the class of the nearest, because JPEG blurs them.
        part: part of the image, as in `read_image`.

    Returns:
        (H, W) int32.

    Raises:
        UserError: the file is missing or unreadable, or has colours but there is no palette.
    """
    array, _ = decode(path, pictures=bool(palette))
    if array.dtype.kind == "f":
        raise UserError(f"{path}: a label map of fractions; expected whole numbers")
    if array.ndim == 3 and array.shape[2] < 3:
        array = array[..., 0]                                       # without alpha
    if array.ndim == 3 and palette:
        array = snap_colours(array[..., :3], palette)
    elif array.ndim == 3:
        if (array[..., :1] != array[..., 1:3]).any():
            raise UserError(f"{path}: a coloured label map; list the colours of its classes in images.palette")
        array = array[..., 0]
    return take_part(array.astype(np.int32), part, path)


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write an image or a label map, whole or not at all; the suffix decides the format.

    Args:
        path: path of the file; `.png` for label maps and 16 bits.
        image: array (H, W) or (H, W, C), 1 to 4 channels: uint8, uint16, other whole numbers 0 to 65535, or floats in
            [-1, 1], which become 8 bits.

    Raises:
        UserError: no such format, a format that cannot hold the image, or the file cannot be written.
    """
    image = np.asarray(image)
    if image.dtype.kind == "f":
        image = to_uint8(image)
    elif image.dtype not in (np.uint8, np.uint16):
        image = image.astype(np.uint8 if image.max() < 256 else np.uint16)
    image = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    file_format = Image.registered_extensions().get(Path(path).suffix.lower())
    if file_format is None:
        raise UserError(f"{path}: no picture format has this suffix; expected .png, .jpg, .tif, ...")
    if image.ndim == 3 and image.dtype == np.uint16:
        raise UserError(f"{path}: pictures with several channels are written with 8 bits, label maps with one channel")
    if image.dtype == np.uint16 and file_format not in ("PNG", "TIFF"):
        raise UserError(f"{path}: {file_format} has no 16 bits; give the file the suffix .png")
    with replacing(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, file_format, quality=JPEG_QUALITY)


def take_part(array: np.ndarray, part: str | None, path: str | os.PathLike[str]) -> np.ndarray:
    """Return the "left" or "right" half of (H, W, ...); the whole for None."""
    if part is None:
        return array
    if array.shape[1] % 2:
        raise UserError(f"{path}: {array.shape[1]} pixels wide; two pictures side by side need an even width")
    half = array.shape[1] // 2
    return array[:, :half] if part == "left" else array[:, half:]


# --- samples ----------------------------------------------------------------------------------------------


def to_float(image: np.ndarray) -> np.ndarray:
    """Convert uint8 or uint16 to float32 in [-1, 1], black to -1, white to 1; floats stay as they are."""
    if image.dtype.kind == "f":
        return image.astype(np.float32)
    return (image / np.float32(np.iinfo(image.dtype).max / 2) - 1).astype(np.float32)


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Convert floats in [-1, 1] (clipped), or uint16, to the nearest uint8."""
    if image.dtype == np.uint8:
        return image
    return np.clip(np.rint((to_float(image).astype(np.float64) + 1) * 127.5), 0, 255).astype(np.uint8)


def convert_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Convert the channels: colour to gray by BT.601, gray repeated, alpha dropped or opaque.

    Args:
        image: array (H, W, C), uint8, uint16 or floats in [-1, 1], 1 to 4 channels.
        channels: number of channels: 1 gray, 2 gray and alpha, 3 colour, 4 colour and alpha.
    """
    if image.shape[2] == channels:
        return image
    samples, alpha = (image, None) if image.shape[2] in (1, 3) else (image[..., :-1], image[..., -1:])
    if channels < 3 and samples.shape[2] == 3:
        gray = samples @ np.array(LUMA)
        gray = gray if image.dtype.kind == "f" else np.rint(gray)
        samples = gray.astype(image.dtype)[..., None]
    elif channels > 2 and samples.shape[2] == 1:
        samples = np.repeat(samples, 3, axis=2)
    if channels in (1, 3):
        return samples
    if alpha is None:
        opaque = 1 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
        alpha = np.full((*image.shape[:2], 1), opaque, image.dtype)
    return np.concatenate([samples, alpha], axis=2)


def resize(image: np.ndarray, size: int | Sequence[int]) -> np.ndarray:
    """Resize an image by bicubic interpolation, antialiased where it shrinks.

    Args:
        image: array (H, W, C), uint8, uint16 or floats.
        size: length of the short side, or (height, width), in pixels.

    Returns:
        An array (h, w, C) of the same type.
    """
    height, width = find_size(image.shape[:2], size)
    if (height, width) == image.shape[:2]:
        return image
    if image.dtype == np.uint8 and image.shape[2] in (1, 3):
        whole = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        resized = np.asarray(whole.resize((width, height), Image.Resampling.BICUBIC))
        return resized.reshape(height, width, image.shape[2])
    planes = [
        Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        for plane in np.moveaxis(image, 2, 0)
    ]
    resized = np.stack([np.asarray(plane) for plane in planes], axis=2)
    if image.dtype.kind == "f":
        return resized.astype(image.dtype)
    return np.clip(np.rint(resized), 0, np.iinfo(image.dtype).max).astype(image.dtype)


def resize_labels(labels: np.ndarray, size: int | Sequence[int]) -> np.ndarray:
    """Resize a map (H, W) by the nearest pixel, so that no new class appears."""
    shape = labels.shape[:2]
    rows, columns = (
        (np.arange(new) * old + old // 2) // new for new, old in zip(find_size(shape, size), shape, strict=True)
    )
    return labels[rows[:, None], columns]


def find_size(shape: Sequence[int], size: int | Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of an image of `shape` whose short side becomes `size`; or `size` where it has both."""
    if not isinstance(size, int):
        return size[0], size[1]
    short = min(shape[:2])
    return round(shape[0] * size / short), round(shape[1] * size / short)


# --- label maps -------------------------------------------------------------------------------------------


def snap_colours(image: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Map (H, W, 3) uint8 to the indices of the nearest colours, (H, W) int32; of equally near ones, the first."""
    pixels = image.astype(np.int32)
    nearest, best = np.zeros(image.shape[:2], np.int32), np.full(image.shape[:2], np.iinfo(np.int32).max)
    for index, colour in enumerate(palette):
        distance = np.square(pixels - np.array(colour, np.int32)).sum(axis=2)
        nearest[distance < best] = index
        best = np.minimum(best, distance)
    return nearest


def find_boundaries(instances: np.ndarray) -> np.ndarray:
    """Find the pixels, (H, W) bool, one of whose 4 neighbours is of another instance."""
    edges = np.zeros(instances.shape, bool)
    beside, below = instances[:, 1:] != instances[:, :-1], instances[1:] != instances[:-1]
    edges[:, 1:] |= beside
    edges[:, :-1] |= beside
    edges[1:] |= below
    edges[:-1] |= below
    return edges


def check_labels(labels: np.ndarray, config: ImageConfig, where: object = "label map") -> None:
    """Raise `UserError` for a value that is neither a class of `config.labels` nor `config.unknown`."""
    known = (labels >= 0) & (labels < (config.labels or 0))
    if config.unknown is not None:
        known |= labels == config.unknown
    if not known.all():
        unknown = "" if config.unknown is None else f" or {config.unknown} (images.unknown)"
        raise UserError(
            f"{where}: label {labels[~known].flat[0]} is out of range; "
            f"expected 0 to {(config.labels or 0) - 1}{unknown}: set images.labels and images.unknown"
        )


def encode_labels(
    labels: np.ndarray, config: ImageConfig, instances: np.ndarray | None = None, where: object = "label map"
) -> np.ndarray:
    """Encode a label map as planes: one per class, then by `config` one for unknown pixels, one for boundaries.

    Args:
        labels: classes (H, W), whole numbers.
        config: settings, of which `labels`, `unknown` and `instances` are used.
        instances: instance ids (H, W), whole numbers; needed when `config.instances`.
        where: name of the map for error messages, e.g. its file.

    Returns:
        (config.source_planes, H, W) float32 of 0 and 1.

    Raises:
        UserError: a label out of range, or no instance map of the same size where one is needed.
    """
    check_labels(labels, config, where)
    planes = [labels == label for label in range(config.labels or 0)]
    if config.unknown is not None:
        unknown = labels == config.unknown
        planes = [plane & ~unknown for plane in planes] + [unknown]
    if config.instances:
        if instances is None:
            raise UserError(f"{where}: needs an instance map beside it (images.instances); give --instances")
        if instances.shape != labels.shape:
            raise UserError(f"{where}: is {_show(labels)}, its instance map {_show(instances)}; expected the same size")
        planes.append(find_boundaries(instances))
    return np.stack(planes).astype(np.float32)


def _show(array: np.ndarray) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
