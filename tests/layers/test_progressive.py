"""Pixel norm, the deviation over a minibatch, blur, doubling and halving."""

import numpy as np
import pytest
import torch

from translate.layers.progressive import MinibatchDeviation, blur, double, halve, pixel_norm
from translate.losses.judgement import mixes_samples


def test_pixel_norm():
    torch.manual_seed(0)
    assert pixel_norm(torch.randn(9, 512)).norm(dim=1).numpy() == pytest.approx(22.627, abs=1e-3)
    x = 5 * torch.randn(2, 7, 3, 4)
    expected = x.numpy() / np.sqrt((x.numpy() ** 2).mean(axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(pixel_norm(x).numpy(), expected, rtol=1e-5)
    assert torch.equal(pixel_norm(torch.zeros(1, 4, 2, 2)), torch.zeros(1, 4, 2, 2))


def deviate(x, group):
    """The extra channel's numbers, a number per sample."""
    grouped = x.reshape(group, -1, *x.shape[1:])
    numbers = np.sqrt(grouped.var(axis=0) + 1e-8).mean(axis=(1, 2, 3))
    return np.tile(numbers, group)


@pytest.mark.parametrize(("count", "group", "used"), [
    (8, 4, 4), (12, 4, 4), (4, 4, 4), (3, 4, 3), (14, 4, 2), (6, 4, 3), (5, 4, 1), (1, 4, 1), (6, 100, 6),
])  # fmt: skip
def test_the_deviation_by_hand(count, group, used):
    torch.manual_seed(0)
    x = torch.randn(count, 3, 2, 5)
    y = MinibatchDeviation(group)(x)
    assert y.shape == (count, 4, 2, 5)
    assert torch.equal(y[:, :3], x)
    expected = np.broadcast_to(deviate(x.numpy(), used)[:, None, None], (count, 2, 5))
    np.testing.assert_allclose(y[:, 3].numpy(), expected, rtol=1e-5)


def test_the_deviation_of_known_batches():
    x = torch.randn(1, 3, 4, 4)
    assert MinibatchDeviation()(x.expand(4, -1, -1, -1))[:, 3].numpy() == pytest.approx(1e-4, rel=1e-4)
    apart = torch.tensor([0.7, -0.7, 0.7, -0.7]).view(4, 1, 1, 1).expand(-1, 3, 4, 4)
    assert MinibatchDeviation()(apart)[:, 3].numpy() == pytest.approx(0.7, rel=1e-5)
    assert mixes_samples(torch.nn.Sequential(MinibatchDeviation()))


def test_gradients_of_identical_samples_are_finite():
    """Without the epsilon inside the root they would be 0 / 0, and once more in a penalty on gradients."""
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(MinibatchDeviation()(x)[:, 2].sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert gradient.isfinite().all()
    assert x.grad.isfinite().all()


def test_blur_keeps_the_sum_and_spreads_a_point():
    point = torch.zeros(1, 2, 5, 5)
    point[0, 1, 2, 2] = 16
    expected = torch.zeros(1, 2, 5, 5)
    expected[0, 1, 1:4, 1:4] = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    torch.testing.assert_close(blur(point), expected)


def test_double_and_halve():
    x = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(halve(double(x)), x)
    assert torch.equal(double(x)[:, :, 1::2, ::2], x)
    assert torch.equal(halve(torch.arange(4.0).view(1, 1, 2, 2)), torch.tensor([[[[1.5]]]]))
