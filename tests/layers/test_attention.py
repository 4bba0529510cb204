"""Self-attention against its formula in NumPy, and what follows from it."""

import numpy as np
import pytest
import torch

from translate.layers.attention import SelfAttention

HEIGHT, WIDTH = 4, 6                                                # no square: exchanged axes would be found


@pytest.fixture
def layer():
    torch.manual_seed(0)
    made = SelfAttention(16).double()
    torch.nn.init.constant_(made.gain, 0.7)
    return made


def attend(layer, x):
    """One picture (C, H, W), the softmax over the keys of q^T k; keys and values are maxima of cells of 2 x 2."""
    project = {n: np.einsum("oc,chw->ohw", f.weight.detach()[:, :, 0, 0], x) for n, f in layer.named_children()
               if n != "output"}  # fmt: skip
    key, value = (
        project[n].reshape(-1, HEIGHT // 2, 2, WIDTH // 2, 2).max(axis=(2, 4)).reshape(len(project[n]), -1)
        for n in ("key", "value")
    )
    scores = np.exp(project["query"].reshape(len(key), -1).T @ key)
    mixed = value @ (scores / scores.sum(axis=1, keepdims=True)).T
    return x + layer.gain.item() * (layer.output.weight.detach().numpy()[:, :, 0, 0] @ mixed).reshape(x.shape)


def test_the_formula(layer):
    x = 3 * torch.randn(2, 16, HEIGHT, WIDTH, dtype=torch.float64)
    expected = np.stack([attend(layer, value) for value in x.numpy()])
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-12)
    assert np.abs(expected - x.numpy()).mean() > 0.05


def test_it_begins_as_the_identity_and_learns_its_gain():
    layer, x = SelfAttention(16), torch.randn(2, 16, HEIGHT, WIDTH)
    y = layer(x)
    assert torch.equal(y, x)
    y.square().sum().backward()
    assert layer.gain.grad.abs() > 0


def test_cells_have_no_order(layer):
    """Exchanged cells of 2 x 2 positions: the output is exchanged likewise, for there are no coordinates."""
    x = torch.randn(1, 16, HEIGHT, WIDTH, dtype=torch.float64)
    order = torch.randperm(HEIGHT * WIDTH // 4)

    def exchange(x):
        cells = x.unfold(2, 2, 2).unfold(3, 2, 2).flatten(2, 3)[:, :, order]    # (1, C, cells, 2, 2)
        return cells.unflatten(2, (HEIGHT // 2, WIDTH // 2)).transpose(3, 4).flatten(4, 5).flatten(2, 3)

    assert not torch.equal(exchange(x), x)
    torch.testing.assert_close(layer(exchange(x)), exchange(layer(x)))


def test_a_position_hears_the_farthest(layer):
    x = torch.randn(1, 16, HEIGHT, WIDTH, dtype=torch.float64)
    moved = x.clone()
    moved[:, :, 0, 0] += 3
    assert not torch.allclose(layer(moved)[:, :, -1, -1], layer(x)[:, :, -1, -1])


@pytest.mark.parametrize(("channels", "few", "half"), [(64, 8, 32), (4, 1, 2), (1, 1, 1)])
def test_widths(channels, few, half):
    layer = SelfAttention(channels)
    assert [f.out_channels for f in (layer.query, layer.key, layer.value, layer.output)] == [few, few, half, channels]
    assert all(f.bias is None for f in (layer.query, layer.key, layer.value, layer.output))
    assert layer(torch.randn(1, channels, HEIGHT, WIDTH)).shape == (1, channels, HEIGHT, WIDTH)
