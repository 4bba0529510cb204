"""A built-in corpus of images: tiles of the photographs and textures that come with scikit-image.

Nothing is downloaded. Tiles for training are from the left of every image, those for evaluation from the right; the two
never overlap. The photographs are in the public domain (astronaut, rocket: NASA, SpaceX; chelsea, coffee, brick,
grass, gravel: CC0).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage
from skimage.color import rgb2lab
from skimage.filters import gaussian, sobel
from skimage.measure import label
from skimage.segmentation import slic
from sklearn.cluster import KMeans

from translate.errors import UserError
from translate.images.arrays import convert_channels, read_image, write_image

TEXTURES = ("brick", "grass", "gravel")                             # gray, 512 x 512
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")          # colour, 300 to 640 pixels
TILE = 128                                                          # pixels, both ways
STRIDE = 96                                                         # tiles of one split overlap
TRAINING = 0.7                                                      # fraction of the width
CLASSES = 6                                                         # classes of the label maps
SEGMENTS = 150                                                      # superpixels per photograph
EDGE_SIGMA, EDGE_GAIN = 1.0, 8.0                                    # pixels; edges of strength 1 / gain are black


def make_images(folder: str | os.PathLike[str]) -> None:
    """Write a corpus in each layout; the files are the same every time.

        folder/unpaired/{trainA,trainB,testA,testB}/            brick (A) and grass (B), gray
        folder/domains/{brick,grass,gravel}/{train,test}/       gray
        folder/pairs/{train,val}/                               edges left, photograph right
        folder/labels/{train,val}_{label,inst,img}/             6 classes of colour, 16-bit instances, photographs
        folder/high/{train,test}/                               photographs

    Args:
        folder: output folder, made when missing.

    Raises:
        UserError: the folder cannot be written, or scikit-image came without its images.
    """
    folder = Path(folder)
    for texture in TEXTURES:
        for split, name, tile in _cut(texture, _read(texture)):
            write_image(folder / "domains" / texture / split / f"{name}.png", tile)
            if texture in ("brick", "grass"):
                side = "A" if texture == "brick" else "B"
                write_image(folder / "unpaired" / f"{split}{side}" / f"{name}.png", tile)
    photographs = {name: _read(name) for name in PHOTOGRAPHS}
    labels = _segment(photographs)
    for name, photograph in photographs.items():
        instances = 1000 * labels[name] + _number(labels[name])
        maps = np.concatenate([photograph, _draw_edges(photograph)], axis=2)
        planes = np.stack([labels[name], instances], axis=2)
        for (split, id, tile), (_, _, plane) in zip(_cut(name, maps), _cut(name, planes), strict=True):
            photo, edges = tile[..., :3], tile[..., 3:]
            held_out = "val" if split == "test" else split
            write_image(folder / "high" / split / f"{id}.png", photo)
            write_image(folder / "pairs" / held_out / f"{id}.png", np.concatenate([edges, photo], axis=1))
            write_image(folder / "labels" / f"{held_out}_img" / f"{id}.png", photo)
            write_image(folder / "labels" / f"{held_out}_label" / f"{id}.png", plane[..., 0].astype(np.uint8))
            write_image(folder / "labels" / f"{held_out}_inst" / f"{id}.png", plane[..., 1].astype(np.uint16))


def _read(name: str) -> np.ndarray:
    """Read an image of the installed package, (H, W, C) uint8."""
    folder = Path(skimage.__file__).parent / "data"
    path = next(iter(sorted(folder.glob(f"{name}.*"))), None)
    if path is None:
        raise UserError(f"{folder}: scikit-image came without its picture `{name}`; install scikit-image from PyPI")
    return read_image(path)


def _cut(name: str, picture: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (split, id, tile) of all tiles of an image (H, W, C)."""
    height, width = picture.shape[:2]
    border = int(TRAINING * width)
    for split, left, right in (("train", 0, border), ("test", border, width)):
        for y in range(0, height - TILE + 1, STRIDE):
            for x in range(left, right - TILE + 1, STRIDE):
                yield split, f"{name}_{y:03d}_{x:03d}", picture[y : y + TILE, x : x + TILE]


def _draw_edges(photograph: np.ndarray) -> np.ndarray:
    """Draw the edges (Sobel and Feldman 1968) of a photograph dark on white, (H, W, 3) uint8."""
    gray = gaussian(convert_channels(photograph, 1)[..., 0] / 255, EDGE_SIGMA)
    strength = np.minimum(EDGE_GAIN * sobel(gray), 1)
    return np.repeat(np.rint(255 * (1 - strength)).astype(np.uint8)[..., None], 3, axis=2)


def _segment(photographs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make label maps (H, W): superpixels (Achanta et al. 2012), clustered by colour, numbered dark to light."""
    segments = {n: slic(p, SEGMENTS, compactness=20, start_label=0) for n, p in photographs.items()}
    means = {name: _average(rgb2lab(photograph), segments[name]) for name, photograph in photographs.items()}
    clusters = KMeans(CLASSES, n_init=4, random_state=0).fit(np.concatenate(list(means.values())))
    order = np.argsort(np.argsort(clusters.cluster_centers_[:, 0]))
    return {name: order[clusters.predict(mean)][segments[name]] for name, mean in means.items()}


def _average(picture: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the mean (S, C) of (H, W, C) in every segment 0 to S - 1."""
    counts = np.bincount(segments.ravel())
    sums = [np.bincount(segments.ravel(), plane.ravel()) for plane in np.moveaxis(picture, 2, 0)]
    return np.stack(sums, axis=1) / counts[:, None]


def _number(labels: np.ndarray) -> np.ndarray:
    """Number the connected regions of each class from 0, (H, W)."""
    regions = label(labels, background=-1, connectivity=1)
    numbers = np.zeros_like(labels)
    for value in np.unique(labels):
        inside = labels == value
        numbers[inside] = np.unique(regions[inside], return_inverse=True)[1]
    return numbers
