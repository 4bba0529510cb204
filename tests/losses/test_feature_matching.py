"""Feature matching against NumPy and against the weights of pix2pixHD's code."""


import numpy as np
import pytest
import torch

from translate.losses import Judgement, feature_matching

SHAPES = {                                                              # per scale and layer
    "1-D": [[(2, 4, 16), (2, 8, 8), (2, 8, 4)], [(2, 4, 8), (2, 8, 4), (2, 8, 2)]],
    "2-D": [[(2, 4, 8, 6), (2, 8, 4, 3)], [(2, 4, 4, 3), (2, 8, 2, 2)], [(2, 4, 2, 2), (2, 8, 1, 1)]],
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def make_judgement(shapes):
    return Judgement([], [[torch.randn(shape, requires_grad=True) for shape in scale] for scale in shapes])


def mean_errors(real, fake):
    """(scales, layers) NumPy."""
    pairs = [zip(r, f, strict=True) for r, f in zip(real.features, fake.features, strict=True)]
    return np.array([[np.mean(np.abs((r - f).detach().numpy())) for r, f in scale] for scale in pairs])


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_equals_its_definition(shapes):
    real, fake = make_judgement(shapes), make_judgement(shapes)
    value = feature_matching(real, fake)
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value.detach(), mean_errors(real, fake).mean(), rtol=1e-5)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_forty_times_the_mean_is_pix2pixhd(layers):
    """The code: 10 * 4 / (layers + 1) / scales, times the sum over scales and layers + 1 features."""
    shapes = [[(1, 2, 8)] * (layers + 1)] * 2
    real, fake = make_judgement(shapes), make_judgement(shapes)
    code = 10 * 4 / (layers + 1) / 2 * mean_errors(real, fake).sum()
    np.testing.assert_allclose(40 * feature_matching(real, fake).detach(), code, rtol=1e-5)


def test_only_the_fake_side_takes_gradients():
    real, fake = make_judgement(SHAPES["2-D"]), make_judgement(SHAPES["2-D"])
    feature_matching(real, fake).backward()
    assert all(feature.grad is None for scale in real.features for feature in scale)
    assert all(feature.grad.abs().sum() > 0 for scale in fake.features for feature in scale)


def test_bfloat16_features_give_a_float32_loss():
    features = [[torch.randn(2, 4, 8).bfloat16()]]
    assert feature_matching(Judgement([], features), Judgement([], features)).dtype == torch.float32


@pytest.mark.parametrize("features", [[], [[]]])
def test_a_discriminator_without_features_is_told(features):
    with pytest.raises(ValueError, match="no features"):
        feature_matching(Judgement([], features), Judgement([], features))


def test_unequal_judgements_are_errors():
    one, two = make_judgement(SHAPES["1-D"]), make_judgement(SHAPES["2-D"])
    with pytest.raises(ValueError, match="shape"):
        feature_matching(one, two)
