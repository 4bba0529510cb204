"""Equalised learning rates, against the formula in NumPy."""

import math

import numpy as np
import pytest
import torch

from translate.layers.equalised import EqualisedConv2d, EqualisedLinear


def convolve(x, weight, gain):
    """Of a picture (C, H, W), surrounded by zeros."""
    _, inputs, width, _ = weight.shape
    padded = np.pad(x, [(0, 0), (width // 2,) * 2, (width // 2,) * 2])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width), axis=(1, 2))
    return gain / np.sqrt(inputs * width * width) * np.einsum("chwij,ocij->ohw", windows, weight)


@pytest.mark.parametrize(("width", "gain"), [(3, 2**0.5), (1, 1.0)])
def test_a_convolution_by_hand(width, gain):
    torch.manual_seed(0)
    layer, x = EqualisedConv2d(5, 4, width, gain), torch.randn(2, 5, 6, 7)
    torch.nn.init.normal_(layer.bias)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.stack([convolve(one, weight, gain) for one in x.numpy()]) + bias[:, None, None]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_a_linear_layer_by_hand(rate):
    torch.manual_seed(0)
    layer, x = EqualisedLinear(50, 30, rate=rate), torch.randn(3, 50)
    torch.nn.init.normal_(layer.bias)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = x.numpy() @ (weight * rate * np.sqrt(2 / 50)).T + rate * bias
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    assert layer.weight.std().item() == pytest.approx(1 / rate, rel=0.05)


def test_variances():
    """The variance behind a layer of gain sqrt(2) is 2; the second moment behind the rectifier 1.04 (a = 0.2)."""
    torch.manual_seed(0)
    for layer in (EqualisedLinear(512, 512), EqualisedLinear(512, 512, rate=0.01)):
        y = layer(torch.randn(400, 512))
        assert y.var().item() == pytest.approx(2, rel=0.03)
        assert torch.nn.functional.leaky_relu(y, 0.2).square().mean().item() == pytest.approx(1.04, rel=0.03)
    y = EqualisedConv2d(64, 64, 3)(torch.randn(8, 64, 16, 16))[:, :, 1:-1, 1:-1]
    assert y.var().item() == pytest.approx(2, rel=0.05)


def test_layers_of_all_widths_learn_equally_fast():
    """A step of Adam moves every stored weight by the rate, and the function by the same relative amount."""
    torch.manual_seed(0)
    for inputs in (16, 1024):
        layer = EqualisedLinear(inputs, 8)
        assert layer.weight.std().item() == pytest.approx(1, rel=0.1)
        before = layer.weight.detach().clone()
        optimiser = torch.optim.Adam(layer.parameters(), lr=1e-3)
        layer(torch.randn(4, inputs)).sum().backward()
        optimiser.step()
        assert (layer.weight - before).abs().median().item() == pytest.approx(1e-3, rel=0.01)
        assert layer.scale == pytest.approx(math.sqrt(2 / inputs))


def test_the_rate_scales_what_a_step_does():
    """Of Adam's steps: the function of a layer with rate 0.01 moves a hundredth as far."""
    moved = []
    for rate in (1.0, 0.01):
        torch.manual_seed(0)
        layer, x = EqualisedLinear(32, 8, rate=rate), torch.randn(4, 32)
        before = layer(x).detach()
        optimiser = torch.optim.Adam(layer.parameters(), lr=1e-4, eps=1e-30)
        layer(x).sum().backward()
        optimiser.step()
        moved.append((layer(x) - before).abs().mean().item())
    assert moved[1] == pytest.approx(0.01 * moved[0], rel=0.01)
