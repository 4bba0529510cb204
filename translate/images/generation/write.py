"""Writing generated pictures: files, a contact sheet, the latent vectors, and interpolations as a strip and a GIF."""

import json
import os
import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from translate.errors import UserError
from translate.files import replacing
from translate.folders import replace_folder, settle_folder
from translate.images.arrays import convert_channels, to_uint8, write_image
from translate.images.generation.maker import LATENTS, ImageMaker, Order
from translate.images.measures.contact import SMALLEST, draw_sheet
from translate.images.options import ImageGeneration

COLUMNS, SHOWN = 8, 64                                              # columns of the contact sheet, pictures at most
FRAME = 100                                                         # milliseconds of a picture in a GIF


def write_pictures(maker: ImageMaker, out: Path, options: ImageGeneration) -> dict[str, float]:
    """Write pictures into the folder `out`, which appears whole or not at all.

        00.png, 01.png, ...     the pictures by their numbers
        sheet.png               the first 64 of them
        latents.safetensors     `latents` (N, Z) and `labels` (N, K) float32; `latents=FILE` makes the same pictures
        strip.png, strip.gif    with `between`: the way from one picture to the other

    The memory needed does not depend on their number.

    Args:
        maker: maker from `translate.load`.
        out: output folder; one that this function wrote is replaced.
        options: section `ImageGeneration`.

    Returns:
        Number of images, and seconds of the network.

    Raises:
        UserError: `out` holds something else or cannot be written, or an option that does not fit.
    """
    out = Path(os.path.abspath(out))
    count, orders = maker.plan(options)
    check_output(out)
    draft = out.with_name(f".{out.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)                        # left by a killed process of the same number
    try:
        draft.mkdir(parents=True)
        spent = _fill(draft, maker, count, orders, path=options.between is not None)
        replace_folder(draft, out)
    except OSError as error:
        raise UserError(f"{out}: cannot write ({error.strerror or error})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {"images": float(count), "network": spent}


def check_output(out: Path) -> None:
    """Raise `UserError` unless `out` is missing, empty, or a folder that `write_pictures` wrote."""
    settle_folder(out)
    if not os.path.lexists(out):
        return
    if not out.is_dir():
        raise UserError(f"{out}: is a file; expected a folder for the pictures")
    names = {path.name for path in out.iterdir()}
    ours = all(name.endswith((".png", ".gif")) or name == LATENTS for name in names)
    if names and not (LATENTS in names and ours):
        raise UserError(f"{out}: holds something else than generated pictures; give a new folder")


def _fill(folder: Path, maker: ImageMaker, count: int, orders: Iterator[Order], path: bool) -> float:
    """Write all files; return the seconds that the network took."""
    digits, spent, begin = len(str(count - 1)), 0.0, 0
    shown: list[np.ndarray] = []
    vectors = None
    for order in orders:
        started = time.perf_counter()
        pictures = maker.make(order)
        spent += time.perf_counter() - started
        if vectors is None:
            vectors = VectorFile(folder / LATENTS, count, order.latents.shape[1], order.codes.shape[1])
        vectors.add(order.latents, order.codes)
        for number, picture in enumerate(pictures, begin):
            write_image(folder / f"{number:0{digits}}.png", picture)
        begin += len(pictures)
        shown += list(pictures if path else pictures[: max(0, SHOWN - len(shown))])
    if vectors is not None:
        vectors.close()
    if path:
        draw_strip(folder / "strip.png", shown)
        draw_animation(folder / "strip.gif", shown)
    rows = [shown[place : place + COLUMNS] for place in range(0, min(len(shown), SHOWN), COLUMNS)]
    draw_sheet(folder / "sheet.png", rows, [""] * min(COLUMNS, len(shown)))
    return spent


class VectorFile:
    """A safetensors file of `latents` (N, Z) and `labels` (N, K) float32 that is written part by part.

    The format is a header of JSON behind its length in 8 bytes, then the tensors' bytes; the sizes are known before.
    """

    def __init__(self, path: Path, count: int, size: int, labels: int):
        sizes = {"latents": (count, size), "labels": (count, labels)}
        header, self.places, end = {}, [], 0
        for name, shape in sizes.items():
            begin, end = end, end + 4 * shape[0] * shape[1]
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
            self.places.append(begin)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)                             # tensors begin at a multiple of 8 bytes
        self.file = path.open("wb")
        self.file.write(struct.pack("<Q", len(text)) + text)
        self.places = [8 + len(text) + place for place in self.places]
        self.file.truncate(8 + len(text) + end)

    def add(self, latents: Tensor, codes: Tensor) -> None:
        """Write the next vectors."""
        for number, values in enumerate((latents, codes)):
            data = values.contiguous().numpy().astype("<f4").tobytes()
            self.file.seek(self.places[number])
            self.file.write(data)
            self.places[number] += len(data)

    def close(self) -> None:
        self.file.close()


def draw_strip(path: Path, pictures: list[np.ndarray]) -> None:
    """Write pictures (H, W, C) side by side as one PNG."""
    write_image(path, np.concatenate(pictures, axis=1))


def draw_animation(path: Path, pictures: list[np.ndarray]) -> None:
    """Write pictures (H, W, C) as an endless GIF, to and fro; small ones are enlarged, unsmoothed."""
    height, width = pictures[0].shape[:2]
    factor = max(1, SMALLEST // max(height, width))
    frames = [
        Image.fromarray(to_uint8(convert_channels(picture, 3))).resize((factor * width, factor * height), 0)
        for picture in [*pictures, *pictures[-2:0:-1]]
    ]
    with replacing(path) as temporary:
        frames[0].save(temporary, "GIF", save_all=True, append_images=frames[1:], duration=FRAME, loop=0)
