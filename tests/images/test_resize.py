"""Bicubic resizing against its formula, against Pillow, and against published low-resolution files."""

import math

import numpy as np
import pytest
from PIL import Image

from translate.images.resize import bicubic, bicubic_matrix

RNG = np.random.default_rng(0)


def resize_row(values, factor):
    """The definition, one output at a time."""
    stretch, result = max(1 / factor, 1), []
    for i in range(math.ceil(len(values) * factor - 1e-9)):
        centre, total, weights = (i + 0.5) / factor - 0.5, 0.0, 0.0
        for j in range(math.floor(centre - 2 * stretch), math.ceil(centre + 2 * stretch) + 1):
            t = abs(centre - j) / stretch
            w = 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0
            total, weights = total + w * values[min(max(j, 0), len(values) - 1)], weights + w
        result.append(total / weights)
    return result


@pytest.mark.parametrize("factor", [1 / 8, 1 / 4, 1 / 3, 0.4, 1 / 2, 1, 1.5, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 5, 24])
def test_equals_its_definition(size, factor):
    values = RNG.normal(size=size)
    np.testing.assert_allclose(bicubic_matrix(size, factor) @ values, resize_row(values, factor), atol=1e-12)


def test_rows_and_columns_by_matrices():
    image = RNG.normal(size=(12, 20, 3))
    rows, columns = bicubic_matrix(12, 0.25).toarray(), bicubic_matrix(20, 0.25).toarray()
    np.testing.assert_allclose(bicubic(image, 0.25), np.einsum("ih,hwc,jw->ijc", rows, image, columns), atol=1e-12)


@pytest.mark.parametrize("factor", [0.25, 0.5, 3])
def test_equals_pillow_away_from_the_edges(factor):
    """Pillow shares the kernel and the antialiasing; at the edges it leaves pixels out instead of repeating them."""
    image = RNG.uniform(size=(48, 60)).astype(np.float32)
    size = round(60 * factor), round(48 * factor)
    expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    edge = max(2, math.ceil(2 * factor))
    inside = (slice(edge, -edge), slice(edge, -edge))
    np.testing.assert_allclose(bicubic(image, factor)[inside], expected[inside], atol=1e-5)


@pytest.mark.parametrize(("size", "factor", "expected"), [
    ((9, 10), 0.25, (3, 3)), ((255, 256), 1 / 3, (85, 86)), ((7, 3), 4, (28, 12)), ((5, 6), 1, (5, 6)),
])  # fmt: skip
def test_sizes_are_rounded_up(size, factor, expected):
    assert bicubic(np.zeros(size), factor).shape == expected
    assert bicubic(np.zeros((*size, 3)), factor).shape == (*expected, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_types_and_constants_are_kept(dtype):
    resized = bicubic(np.full((9, 13, 2), 200, dtype), 0.4)
    assert resized.dtype == dtype
    np.testing.assert_allclose(resized, 200, rtol=1e-6)


def test_integers_are_clipped_where_floats_overshoot():
    edge = np.repeat(np.array([[0], [255]]), 8, 0) * np.ones((1, 4))
    assert bicubic(edge, 4).max() > 260
    whole = bicubic(edge.astype(np.uint8), 4)
    assert (whole.min(), whole.max()) == (0, 255)
    np.testing.assert_allclose(whole, np.clip(bicubic(edge, 4), 0, 255), atol=1)


@pytest.mark.parametrize(("shape", "factor"), [((4, 4), 0), ((4, 4), -1), ((4, 4), float("nan")), ((4,), 2)])
def test_bad_arguments(shape, factor):
    with pytest.raises(ValueError, match=r"expected a factor above 0 and \(H, W\[, C\]\)"):
        bicubic(np.zeros(shape), factor)


@pytest.mark.parametrize("corpus", ["set5", "set14"])
def test_every_pixel_of_the_published_files(real_data, corpus):
    highs = sorted((real_data / "super_resolution" / corpus).glob("*_HR.png"))
    assert highs
    for high in highs:
        low = np.asarray(Image.open(high.with_name(high.name.replace("_HR", "_LR"))))
        np.testing.assert_array_equal(bicubic(np.asarray(Image.open(high)), 1 / 4), low, err_msg=high.name)
