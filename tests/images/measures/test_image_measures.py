"""Measures of pictures against definitions, other implementations and published numbers."""

from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn

from translate.errors import UserError
from translate.images.arrays import read_image
from translate.images.measures import deep as deep_images
from translate.images.measures.distances import (
    convert_luma,
    count_classes,
    measure_l1,
    measure_psnr,
    measure_psnr_y,
    measure_sharpness,
    measure_ssim,
    measure_ssim_y,
    score_classes,
)
from translate.images.resize import bicubic


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    one = np.cumsum(rng.normal(size=(40, 52, 3)), axis=1) * 12 + 128
    return tuple(np.clip(p, 0, 255).astype(np.uint8) for p in (one, one + 20 * rng.normal(size=one.shape)))


def test_distances(pair):
    one, other = pair
    assert measure_l1(one, one) == 0
    assert measure_l1(one, other) == pytest.approx(np.abs(one.astype(float) - other).mean())
    flat = np.full((8, 8, 1), 100, np.uint8)
    assert measure_l1(flat, flat + 10) == 10
    assert measure_psnr(flat, flat + 10) == pytest.approx(20 * np.log10(25.5))
    assert measure_psnr(flat, flat) == 100
    assert measure_psnr(flat.astype(float), flat + 1e-9) == 100     # never above that of equal pictures
    with pytest.raises(ValueError, match="of one shape"):
        measure_l1(one, other[:-1])


def test_ssim_is_that_of_scikit_image(pair):
    structural_similarity = pytest.importorskip("skimage.metrics").structural_similarity
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert measure_ssim(*pair) == pytest.approx(structural_similarity(*pair, channel_axis=2, **options), abs=1e-12)
    assert measure_ssim(pair[0], pair[0]) == 1
    assert measure_ssim(pair[0][:10], pair[1][:10]) is None
    luma = [convert_luma(p)[4:-4, 4:-4, 0] for p in pair]
    assert measure_ssim_y(*pair) == pytest.approx(structural_similarity(*luma, **options), abs=1e-12)


def test_luma():
    colours = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    np.testing.assert_allclose(convert_luma(colours)[0, :, 0], [16, 235, 81.481, 144.553, 40.966], atol=1e-9)
    assert convert_luma(np.full((1, 1, 1), 255, np.uint8)).item() == 255
    gray = np.zeros((20, 20, 3), np.uint8)
    assert measure_psnr_y(gray, gray + 10) == pytest.approx(20 * np.log10(255 / (10 * 219 / 255)))
    framed = gray.copy()
    framed[:4], framed[:, -4:] = 255, 255                           # outside of what counts
    assert measure_psnr_y(gray, framed) == 100


@pytest.mark.parametrize(("name", "published"), [("set5", 28.43), ("set14", 26.00)])
def test_bicubic_has_its_published_number(real_data, name, published):
    values = []
    for path in sorted((real_data / "super_resolution" / name).glob("*_HR.png")):
        low = read_image(path.with_name(path.name.replace("_HR", "_LR")))
        values.append(measure_psnr_y(bicubic(low, 4), read_image(path)))
    assert len(values) == {"set5": 5, "set14": 14}[name]
    assert np.mean(values) == pytest.approx(published, abs=0.005)


def test_sharpness(pair):
    one = pair[0].astype(float)
    blurred = (one + np.roll(one, 1, axis=0) + np.roll(one, 2, axis=0)) / 3
    assert measure_sharpness(one, one) == 1
    assert measure_sharpness(blurred, one) < 0.9
    assert measure_sharpness(0.5 * one, one) == pytest.approx(0.5, abs=0.02)


def test_label_scores():
    truth = np.array([[0, 0, 0, 1], [1, 1, 2, 2]])
    guess = np.array([[0, 0, 1, 1], [1, 1, 2, 1]])
    confusion = count_classes(guess, truth, 5)
    assert confusion.sum() == 8
    assert confusion[0, 1] == confusion[2, 1] == 1
    accuracy, iou = score_classes(confusion)
    assert accuracy == 6 / 8
    assert iou == pytest.approx(np.mean([2 / 3, 3 / 5, 1 / 2]))     # classes 3 and 4 occur nowhere
    assert score_classes(count_classes(truth, truth, 5)) == (1, 1)


# --- with networks ----------------------------------------------------------------------------------------


class Colours(nn.Module):
    """In Inception's place: mean colours and contrasts."""

    def forward(self, x):
        return torch.cat([x.float().mean(dim=(2, 3)), x.float().std(dim=(2, 3))], dim=1) / 64


def test_distances_of_sets():
    rng = np.random.default_rng(0)

    def draw(mean, count):
        shapes = [(20 + number % 3, 24, 3) for number in range(count)]
        return [np.clip(rng.normal(mean, 40) + rng.normal(0, 20, s), 0, 255).astype(np.uint8) for s in shapes]

    real, alike, other = draw(120, 20), draw(120, 16), draw(200, 16)
    assert deep_images.measure_fid(real, real, Colours()) == pytest.approx(0, abs=1e-3)
    assert deep_images.measure_fid(other, real, Colours()) > 5 * deep_images.measure_fid(alike, real, Colours())
    kids = [deep_images.measure_kid(fakes, real, Colours()) for fakes in (alike, other)]
    assert kids[1] > 10 * abs(kids[0])
    assert deep_images.measure_kid(other, real, Colours()) == kids[1]
    with pytest.raises(ValueError, match="at least two pictures"):
        deep_images.measure_kid(real[:1], real, Colours())


def test_without_weights(monkeypatch):
    def fail(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    monkeypatch.setattr("torchmetrics.image.lpip.LearnedPerceptualImagePatchSimilarity", fail)
    monkeypatch.setattr("torchmetrics.image.fid.FrechetInceptionDistance", fail)
    with pytest.raises(UserError, match=r"^LPIPS: weights not available \(.*no network.*\); connect once"):
        deep_images.Lpips()
    with pytest.raises(UserError, match=r"^FID: weights not available"):
        deep_images.measure_fid([], [])
