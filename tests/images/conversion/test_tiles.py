"""Tiles: exact where the receptive field is bounded, without gaps and seams elsewhere."""

import itertools

import pytest
import torch
from torch import nn

from translate.errors import UserError
from translate.images.conversion.tiles import convert_tiled, cut, fade


@pytest.fixture(scope="module")
def picture():
    return torch.rand(2, 3, 150, 203, generator=torch.Generator().manual_seed(0)) * 2 - 1


def stack(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers).eval()


@torch.inference_mode()
def difference(network, x, tile, overlap, scale=1):
    tiled = convert_tiled(network, x, tile, overlap, scale)
    assert tiled.shape == (len(x), 4, x.shape[2] * scale, x.shape[3] * scale)
    return (tiled - network(x)).abs().max().item()


def test_equal_to_the_whole_when_the_overlap_covers_the_receptive_field(picture):
    network = stack(nn.Conv2d(3, 8, 5, 1, 2), nn.BatchNorm2d(8), nn.Tanh(), nn.Conv2d(8, 4, 7, 1, 3))  # radius 5
    for tile, overlap in ((48, 5), (64, 8), (90, 20), (151, 5)):
        assert difference(network, picture, tile, overlap) < 1e-5
    assert difference(network, picture, 48, 4) > 1e-4               # one pixel short


def test_strided_networks_see_the_same_phase(picture):
    """Two strides of 2 and back: radius 4 + 4, only where tiles start at multiples of 4."""
    network = stack(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 4 * 16, 3, 1, 1),
        nn.PixelShuffle(4),
    )  # fmt: skip
    x = picture[..., :148, :200]
    assert difference(network, x, 96, 12) < 1e-5


@pytest.mark.parametrize("scale", [2, 4])
def test_super_resolution(picture, scale):
    network = stack(nn.Conv2d(3, 8, 3, 1, 1), nn.PReLU(), nn.Conv2d(8, 4 * scale**2, 3, 1, 1), nn.PixelShuffle(scale))
    assert difference(network, picture, 40, 2, scale) < 1e-5


def test_no_seam_where_tiles_disagree():
    """Every tile comes out with another brightness: neighbouring pixels stay close to each other."""
    levels = itertools.cycle([1.0, -1.0, 0.5])
    y = convert_tiled(lambda part: torch.full_like(part, next(levels)), torch.zeros(1, 1, 200, 200), 100, 12)
    assert y.max() - y.min() > 1
    for axis in (2, 3):
        assert y.diff(dim=axis).abs().max() < 0.3                   # a hard edge would be 2


def test_small_pictures_go_through_whole(picture):
    seen = []
    convert_tiled(lambda part: seen.append(part.shape[2:]) or part, picture, 256, 32)
    assert seen == [(150, 203)]
    convert_tiled(lambda part: seen.append(part.shape[2:]) or part, picture, 128, 16)
    assert max(max(shape) for shape in seen[1:]) <= 128
    assert len(seen) == 1 + 2 * 3


@pytest.mark.parametrize(
    ("size", "tile", "overlap"), [(1, 1, 0), (100, 100, 33), (101, 100, 33), (1000, 97, 32), (1023, 64, 0), (500, 7, 2)]
)
def test_spans_and_weights(size, tile, overlap):
    spans = cut(size, tile, overlap)
    assert (spans[0][0], spans[-1][1]) == (0, size)
    assert all(0 < stop - start <= tile for start, stop in spans)
    assert all(before[1] - after[0] >= 3 * overlap for before, after in itertools.pairwise(spans))
    total = torch.zeros(2 * size)
    for (start, stop), weights in zip(spans, fade(spans, overlap, 2), strict=True):
        total[2 * start : 2 * stop] += weights
        assert not weights[: 2 * overlap if start else 0].any()
    torch.testing.assert_close(total, torch.ones(2 * size))


@pytest.mark.parametrize(("tile", "overlap"), [(96, 32), (0, 0), (64, -1)])
def test_tiles_too_small(picture, tile, overlap):
    with pytest.raises(UserError, match=f"tile is {tile} with an overlap of {overlap}: .* expected at least"):
        convert_tiled(lambda part: part, picture, tile, overlap)
