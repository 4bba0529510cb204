"""Example images and label maps: parts of scikit-image's photographs that no network of `pretrained/` saw.

Models trained on the built-in corpus (`translate.images.corpus.mini`) saw the left of these images; examples are from
the right.
"""

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import skimage.data

from translate.images.arrays import read_labels, write_image
from translate.images.corpus.mini import PHOTOGRAPHS, TEXTURES, TRAINING, make_images
from translate.images.resize import bicubic

HEIGHT = 256                                                        # pixels at most
MAPS = ("astronaut_192_358", "chelsea_000_315", "coffee_192_420", "rocket_288_448")  # tiles of three classes and two


@lru_cache(maxsize=1)
def make_examples() -> dict[str, list[Path]]:
    """Write the examples to a temporary folder, once; it is deleted when the program ends.

    Returns:
        The files of `photographs`, in colour; of `small`, the same at half the size, for super-resolution; and of
        `textures`, gray.
    """
    folder = Path(tempfile.mkdtemp(prefix="translate-examples-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    parts = {name: _cut(getattr(skimage.data, name)()) for name in (*PHOTOGRAPHS, *TEXTURES)}
    return {
        "photographs": [_write(folder / f"{name}.png", parts[name]) for name in PHOTOGRAPHS],
        "small": [_write(folder / f"{name}_small.png", bicubic(parts[name], 0.5)) for name in PHOTOGRAPHS],
        "textures": [_write(folder / f"{name}.png", parts[name]) for name in TEXTURES],
    }


@lru_cache(maxsize=1)
def read_label_maps() -> list[np.ndarray]:
    """Read held-out label maps of the built-in corpus: (128, 128) int32 each, classes 0 (darkest) to 5."""
    with tempfile.TemporaryDirectory(prefix="translate-examples-") as folder:
        make_images(folder)
        return [read_labels(Path(folder, "labels", "val_label", f"{name}.png")) for name in MAPS]


def _cut(picture: np.ndarray) -> np.ndarray:
    """Cut out the held-out right of an image, its middle rows."""
    height, width = picture.shape[:2]
    top = max(0, height - HEIGHT) // 2
    return picture[top : top + HEIGHT, int(TRAINING * width) :]


def _write(path: Path, picture: np.ndarray) -> Path:
    write_image(path, picture)
    return path
