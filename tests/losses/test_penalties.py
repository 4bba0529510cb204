"""Penalties where their value is known in closed form."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal, spectral_norm

from translate.losses import clip_weights, gradient_penalty, orthogonal_penalty, r1_penalty

SHAPES = [(4, 6), (4, 2, 9), (4, 2, 5, 3)]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class Critic(nn.Module):
    """A logit known in closed form, `function(x)` of shape (B, ...) at every scale."""

    def __init__(self, *functions):
        super().__init__()
        self.functions = functions
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, *condition):
        return SimpleNamespace(logits=[self.scale * f(x, *condition) for f in self.functions])


def slope(size):
    """A linear critic whose gradient has the norm `size`, at any rank."""
    return lambda x: size * x.flatten(1).sum(1) / math.sqrt(x[0].numel())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("size", "target", "penalty"), [(1, 1, 0), (3, 1, 4), (3, 0, 9), (0, 1, 1)])
def test_gradient_penalty_of_linear_critics(shape, size, target, penalty):
    value = gradient_penalty(Critic(slope(size)), torch.randn(shape), torch.randn(shape), target=target)
    assert (value.dtype, value.shape) == (torch.float32, ())
    assert value.item() == pytest.approx(penalty, abs=1e-5)


def test_patches_and_scales_of_a_sample_are_summed():
    """Two scales of 1/3 slope, one of them in five patches of 1/3: six thirds."""
    patches = lambda x: slope(1 / 3)(x)[:, None].expand(-1, 5)  # noqa: E731
    value = gradient_penalty(Critic(patches, slope(1 / 3)), torch.randn(4, 2, 9), torch.randn(4, 2, 9))
    assert value.item() == pytest.approx((2 - 1) ** 2, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_points_lie_between_real_and_fake_with_one_weight_per_sample(shape):
    """||x||^2 / 2 has the gradient x: the penalty tells the points that were drawn."""
    real, fake = torch.randn(2, *shape)
    seeded = lambda: torch.Generator().manual_seed(7)  # noqa: E731
    u = torch.rand(4, generator=seeded()).reshape(4, *[1] * (len(shape) - 1))
    norms = np.linalg.norm((u * real + (1 - u) * fake).flatten(1).numpy(), axis=1)
    half_square = Critic(lambda x: x.flatten(1).square().sum(1) / 2)
    value = gradient_penalty(half_square, real, fake, generator=seeded())
    np.testing.assert_allclose(value.detach(), np.mean((norms - 1) ** 2), rtol=1e-5)


def test_gradient_penalty_trains_the_critic_alone_and_sees_conditions():
    """Logit = scale * c * slope-1 critic: the penalty is (scale * c - 1)^2."""
    critic = Critic(lambda x, c: c * slope(1)(x))
    real, fake = (torch.randn(4, 2, 9, requires_grad=True) for _ in range(2))
    condition = torch.full((4,), 3.0, requires_grad=True)
    value = gradient_penalty(critic, real, fake, condition)
    value.backward()
    assert value.item() == pytest.approx(4, abs=1e-5)
    assert critic.scale.grad.item() == pytest.approx(2 * (3 - 1) * 3, abs=1e-4)
    assert (real.grad, fake.grad, condition.grad) == (None, None, None)


def test_a_flat_critic_has_finite_gradients():
    critic = Critic(slope(0))
    gradient_penalty(critic, torch.randn(4, 2, 9), torch.randn(4, 2, 9)).backward()
    assert critic.scale.grad.isfinite()


def test_gradient_penalty_needs_one_shape():
    with pytest.raises(ValueError, match=r"\(4, 2, 9\) and \(4, 2, 8\)"):
        gradient_penalty(Critic(slope(1)), torch.randn(4, 2, 9), torch.randn(4, 2, 8))


@pytest.mark.parametrize("shape", SHAPES)
def test_r1_of_a_quadratic_critic(shape):
    """||x||^2 has the gradient 2x, so R1 = 2 E||x||^2; and R1 is quadratic in the critic's scale."""
    critic, real = Critic(lambda x: x.flatten(1).square().sum(1)), torch.randn(shape, requires_grad=True)
    value = r1_penalty(critic, real)
    value.backward()
    expected = 2 * np.mean(np.sum(real.detach().flatten(1).numpy() ** 2, axis=1))
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-5)
    np.testing.assert_allclose(critic.scale.grad, 2 * expected, rtol=1e-5)
    assert real.grad is None


def test_gradient_penalties_ignore_autocast():
    network = nn.Sequential(nn.Conv1d(2, 8, 3), nn.LeakyReLU(0.2), nn.Conv1d(8, 1, 3))
    critic, real, fake = Critic(lambda x, c: network(x + c)), torch.randn(4, 2, 9), torch.randn(4, 2, 9)
    condition = torch.randn(4, 2, 1).bfloat16()

    def penalise(fake, condition):
        random = torch.Generator().manual_seed(0)
        penalty = gradient_penalty(critic, real, fake, condition, generator=random)
        return penalty, r1_penalty(critic, real, condition)

    plain = penalise(fake.bfloat16().float(), condition.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = penalise(fake.bfloat16(), condition)            # as a network under autocast leaves them
    assert mixed == plain
    assert mixed[0].dtype == torch.float32


def test_clip_weights():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    before = [parameter.detach().clone() for parameter in network.parameters()]
    clip_weights(network, 0.01)
    for parameter, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old.clamp(-0.01, 0.01))
    with pytest.raises(ValueError, match="above 0, got 0"):
        clip_weights(network, 0)


LAYERS = [
    nn.Linear(7, 5),
    nn.Conv1d(3, 5, 4),
    nn.Conv2d(3, 5, 2),
    nn.ConvTranspose1d(3, 5, 4),
    nn.ConvTranspose2d(3, 5, 2),
    spectral_norm(nn.Linear(7, 5)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_orthogonal_penalty_sums_squared_products_of_filters(layer):
    value = orthogonal_penalty(layer.eval())
    weight = layer.weight.detach().numpy()
    filters = [(weight[:, i] if "Transpose" in type(layer).__name__ else weight[i]).ravel() for i in range(5)]
    expected = sum(np.dot(filters[i], filters[j]) ** 2 for i in range(5) for j in range(5) if i != j)
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-4)


@pytest.mark.parametrize(("filters", "entries"), [(40, 3), (3, 40), (7, 7), (5, 1)])
def test_orthogonal_penalty_of_more_filters_than_entries(filters, entries):
    """From the smaller of two products; value and gradient are those of the written sum."""
    layer = nn.Linear(entries, filters)
    orthogonal_penalty(layer).backward()
    weight = layer.weight.detach().clone().requires_grad_()
    written = ((weight @ weight.T) * (1 - torch.eye(filters))).square().sum()
    written.backward()
    torch.testing.assert_close(orthogonal_penalty(layer), written)
    torch.testing.assert_close(layer.weight.grad, weight.grad)


def test_orthogonal_penalty_has_twice_the_gradient_of_biggans_code():
    """Which adds beta (W W^T * (1 - I)) W 2 to the gradients; the gradient of the written penalty is twice that."""
    layer = nn.Linear(6, 4)
    orthogonal_penalty(layer).backward()
    weight = layer.weight.detach()
    direct = 2 * ((weight @ weight.T) * (1 - torch.eye(4))) @ weight
    torch.testing.assert_close(layer.weight.grad, 2 * direct)


def test_a_first_layer_of_paper_size_needs_no_square_of_its_filters():
    """24,576 filters of 20 entries: their products among one another would take 2.4 GB."""
    layer = nn.Linear(20, 24_576)
    assert orthogonal_penalty(layer).isfinite()


def test_orthogonal_filters_cost_nothing_at_any_norm():
    network = nn.Sequential(orthogonal(nn.Linear(6, 6)), nn.Conv1d(2, 4, 3))
    with torch.no_grad():
        network[1].weight.copy_(3 * torch.linalg.qr(torch.randn(6, 4))[0].T.reshape(4, 2, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert orthogonal_penalty(network).item() == pytest.approx(0, abs=1e-9)


def test_orthogonal_penalty_needs_a_matrix():
    with pytest.raises(ValueError, match="Embedding"):
        orthogonal_penalty(nn.Embedding(3, 4))
