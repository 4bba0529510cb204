"""The building blocks against what they claim to be."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from translate.layers.gated import GatedConvolution, GatedResidual
from translate.layers.norm import instance_norm
from translate.layers.padding import pad_to_multiple
from translate.layers.shuffle import PixelShuffle1d
from translate.layers.wide import WideConvolution


def test_pixel_shuffle_interleaves_a_ramp():
    even, odd = torch.arange(0.0, 8.0, 2), torch.arange(1.0, 8.0, 2)
    shuffled = PixelShuffle1d(2)(torch.stack([even, odd])[None])
    assert shuffled.shape == (1, 1, 8)
    assert shuffled[0, 0].tolist() == list(range(8))


def test_pixel_shuffle_follows_its_formula():
    x = torch.randn(2, 6, 5)
    out = PixelShuffle1d(3)(x)
    for c in range(2):
        for k in range(3):
            assert torch.equal(out[:, c, k::3], x[:, 3 * c + k])


def test_gate_is_sigmoid_times_value_of_separate_convolutions():
    """One convolution split in two is the value and the gate convolution of the papers."""
    torch.manual_seed(0)
    layer = GatedConvolution(1, 3, 4, 5)
    x = torch.randn(2, 3, 20)
    weight, bias = layer.convolution.weight, layer.convolution.bias

    def branch(rows):
        y = functional.conv1d(x, weight[rows], bias[rows], padding=2).detach().numpy()
        y = (y - y.mean(axis=2, keepdims=True)) / np.sqrt(y.var(axis=2, keepdims=True) + 1e-5)
        return y

    value, gate = branch(slice(0, 4)), branch(slice(4, 8))
    np.testing.assert_allclose(layer(x).detach().numpy(), value / (1 + np.exp(-gate)), atol=1e-5)


@pytest.mark.parametrize(("rank", "shape"), [(1, (2, 4, 24)), (2, (2, 4, 8, 24))])
def test_gated_convolution_halves_and_doubles(rank, shape):
    down = GatedConvolution(rank, 4, 6, 5, stride=2)
    up = GatedConvolution(rank, 6, 5, 5, upsample=True)
    halved = down(torch.randn(shape))
    assert halved.shape == (2, 6, *(s // 2 for s in shape[2:]))
    assert up(halved).shape == (2, 5, *shape[2:])


def test_residual_adds_to_its_input():
    block = GatedResidual(1, 4, 8)
    nn.init.zeros_(block.norm.weight)
    nn.init.zeros_(block.norm.bias)
    x = torch.randn(1, 4, 16)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 6), (6, 1)])
def test_wide_convolution_is_the_plain_one(inputs, outputs):
    torch.manual_seed(0)
    wide = WideConvolution(inputs, outputs, (5, 15)).double()
    plain = nn.Conv2d(inputs, outputs, (5, 15), padding=(2, 7)).double()
    plain.load_state_dict(wide.state_dict())
    x = torch.randn(2, inputs, 9, 31, dtype=torch.double, requires_grad=True)
    ours, theirs = wide(x), plain(x)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)  # one output is summed in float32
    gradient = torch.randn_like(theirs)
    for parameter in ("weight", "bias"):
        a = torch.autograd.grad(ours, getattr(wide, parameter), gradient, retain_graph=True)[0]
        b = torch.autograd.grad(theirs, getattr(plain, parameter), gradient, retain_graph=True)[0]
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [(36, 128), (35, 127), (1, 1), (25, 3)])
def test_padding_repeats_the_edge_and_keeps_the_rest(size):
    x = torch.randn(1, 2, *size)
    padded = pad_to_multiple(x, 4, dims=2)
    assert all(s % 4 == 0 and 0 <= s - t < 4 for s, t in zip(padded.shape[2:], size, strict=True))
    assert torch.equal(padded[..., : size[0], : size[1]], x)
    assert torch.equal(padded[..., -1, -1], x[..., -1, -1])


def test_padding_leaves_multiples_alone():
    x = torch.randn(1, 2, 8)
    assert pad_to_multiple(x, 4, dims=1) is x


@pytest.mark.parametrize("shape", [(2, 6, 15), (2, 6, 5, 7)])
def test_instance_norm_is_torchs(shape):
    x = torch.randn(shape)
    ours, theirs = instance_norm(6), (nn.InstanceNorm1d if len(shape) == 3 else nn.InstanceNorm2d)(6, affine=True)
    weights = {"weight": torch.randn(6), "bias": torch.randn(6)}
    ours.load_state_dict(weights)
    theirs.load_state_dict(weights)
    torch.testing.assert_close(ours(x), theirs(x))
