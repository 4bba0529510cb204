"""Objectives and penalties against values known in closed form: optima, divergences, gradients, a game of two numbers.

Expectations are integrals over a fine grid where a formula has no sampling error.
"""

import math
from statistics import NormalDist

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from translate.losses import (
    AdversarialLoss,
    Judgement,
    clip_weights,
    drift_penalty,
    gradient_penalty,
    orthogonal_penalty,
    r1_penalty,
)
from translate.losses.adversarial import TERMS

GRID = torch.linspace(-14, 16, 60_001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def density(mean):
    return torch.exp(-((GRID - mean) ** 2) / 2) / math.sqrt(2 * math.pi)


P, Q = density(0.0), density(2.0)                                           # real N(0, 1), generated N(2, 1)


def expect_loss(kind, logits):
    """E over real samples + E over generated ones of the discriminator's terms."""
    terms = TERMS[kind]
    return float(STEP * (P * terms.real(logits) + Q * terms.fake(logits)).sum())


def divergence(p, q):
    """KL(p || q)."""
    return float(STEP * (p * torch.log(p / q)).nan_to_num().sum())


class Critic(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return Judgement([self.network(x)])


# --- the discriminator's optimum --------------------------------------------------------------------------


def test_cross_entropy_at_its_optimum_is_the_jensen_shannon_divergence():
    """Goodfellow et al. 2014, theorem 1: log 4 - 2 JSD, at D = log p/q."""
    middle = (P + Q) / 2
    jsd = (divergence(P, middle) + divergence(Q, middle)) / 2
    assert jsd == pytest.approx(0.33683, abs=1e-5)
    best = expect_loss("nonsaturating", torch.log(P / Q))
    assert best == pytest.approx(math.log(4) - 2 * jsd, abs=1e-6)
    assert best == pytest.approx(0.71263, abs=1e-5)
    for shift in (-0.1, 0.1):
        assert expect_loss("nonsaturating", torch.log(P / Q) + shift) > best


def test_a_fitted_logit_is_the_log_density_ratio():
    """Of N(0, 1) to N(2, 1): 2 - 2 x."""
    slope, bias = (torch.zeros((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.LBFGS([slope, bias], max_iter=100, line_search_fn="strong_wolfe")

    def close():
        optimiser.zero_grad()
        logits, terms = slope * GRID + bias, TERMS["nonsaturating"]
        loss = STEP * (P * terms.real(logits) + Q * terms.fake(logits)).sum()
        loss.backward()
        return loss

    optimiser.step(close)
    assert slope.item() == pytest.approx(-2, abs=1e-3)
    assert bias.item() == pytest.approx(2, abs=1e-3)


def test_equal_distributions_have_the_logit_zero():
    """With logsigmoid(1 - d) in the place of logsigmoid(-d) it would be 0.5."""
    logit = torch.zeros(1, requires_grad=True)
    loss = AdversarialLoss("nonsaturating").discriminator_term(Judgement([logit]), Judgement([logit]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(4), abs=1e-6)
    assert logit.grad.item() == 0


def test_gradients_never_end():
    """log(x + eps) of a probability would: a generator that is seen through gets none."""
    for kind in ("nonsaturating", "saturating"):
        logit = torch.tensor([-200.0 if kind == "nonsaturating" else 200.0], requires_grad=True)
        AdversarialLoss(kind).generator_term(Judgement([logit])).backward()
        assert logit.grad.item() == pytest.approx(-1)


def test_hinge_at_its_optimum_is_twice_the_overlap():
    """2 (1 - TV) = 4 Phi(-1), at D = sign(p - q)."""
    assert expect_loss("hinge", torch.sign(P - Q)) == pytest.approx(4 * NormalDist().cdf(-1), abs=1e-3)
    assert 4 * NormalDist().cdf(-1) == pytest.approx(0.63462, abs=1e-5)


def test_least_squares_at_its_optimum():
    """Targets 0 and 1, halved as in the paper: 1/2 integral of pq / (p + q), at D = p / (p + q)."""
    best = 0.5 * expect_loss("lsgan", P / (P + Q))
    assert best == pytest.approx(float(0.5 * STEP * (P * Q / (P + Q)).nan_to_num().sum()), abs=1e-6)
    assert best == pytest.approx(0.11240, abs=1e-5)


def test_the_critic_of_a_wgan_measures_the_distance():
    """With slope 1 the loss is minus the distance of the means, 2."""
    assert expect_loss("wgan", -GRID) == pytest.approx(-2, abs=1e-6)


# --- penalties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_the_gradient_penalty_lets_the_slope_exceed_one(shift):
    """max of s shift - 10 (s - 1)^2: 1 + shift / 20."""
    slope = torch.ones((), requires_grad=True)
    real, fake = torch.zeros(64, 1), torch.full((64, 1), shift)
    critic = lambda x: Judgement([-slope * x])  # noqa: E731
    optimiser = torch.optim.SGD([slope], 0.04)
    for _ in range(100):
        loss = AdversarialLoss("wgan").discriminator_term(critic(real), critic(fake))
        optimiser.zero_grad()
        (loss + 10 * gradient_penalty(critic, real, fake)).backward()
        optimiser.step()
    assert slope.item() == pytest.approx(1 + shift / 20, abs=1e-4)


def test_the_gradient_penalty_is_taken_per_sample():
    """64 samples of slope 1: a norm over the whole batch would give (8 - 1)^2."""
    critic = Critic(nn.Linear(3, 1))
    nn.init.constant_(critic.network.weight, 1 / math.sqrt(3))
    assert gradient_penalty(critic, torch.randn(64, 3), torch.randn(64, 3)).item() == pytest.approx(0, abs=1e-9)
    nn.init.constant_(critic.network.weight, 2.5 / math.sqrt(3))
    assert gradient_penalty(critic, torch.randn(64, 3), torch.randn(64, 3)).item() == pytest.approx(2.25, abs=1e-5)
    assert 10 * r1_penalty(critic, torch.randn(64, 3)).item() == pytest.approx(31.25, abs=1e-4)


def test_drift_is_the_mean_square_over_samples_then_scales():
    judgement = Judgement([torch.tensor([[1.0], [3.0]]), torch.full((2, 1, 4), 2.0)])
    assert drift_penalty(judgement).item() == pytest.approx((5 + 4) / 2)
    assert drift_penalty(Judgement([torch.full((2, 1), 3.0).bfloat16()])).dtype == torch.float32


def test_a_clipped_critic_measures_the_l1_distance_of_the_means():
    """A linear critic in the box [-c, c]^d: c |difference of the means|_1."""
    torch.manual_seed(0)
    real, shift = torch.randn(500, 5), torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
    critic = Critic(nn.Linear(5, 1))
    optimiser = torch.optim.RMSprop(critic.parameters(), 1e-3)
    for _ in range(200):
        loss = AdversarialLoss("wgan").discriminator(critic, real, real + shift)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        clip_weights(critic, 0.01)
    loss = AdversarialLoss("wgan").discriminator(critic, real, real + shift)
    assert -loss.item() == pytest.approx(0.01 * shift.abs().sum().item(), abs=1e-5)


def test_the_orthogonal_penalty_has_the_gradient_of_the_written_formula():
    """BigGAN's code applies half of it: 2 (W W^T * (1 - I)) W."""
    torch.manual_seed(0)
    layer = nn.Linear(7, 4, dtype=torch.float32)
    orthogonal_penalty(layer).backward()
    weight = layer.weight.detach()
    product = weight @ weight.T
    direct = 2 * (product - product.diag().diag()) @ weight
    torch.testing.assert_close(layer.weight.grad, 2 * direct)


def test_spectral_norm_approaches_one():
    """The largest singular value after power iterations, from a poor start."""
    torch.manual_seed(0)
    layer = spectral_norm(nn.Linear(60, 40))
    found = []
    for count in (1, 30, 300):
        for _ in range(count):
            layer(torch.zeros(1, 60))
        found.append(torch.linalg.matrix_norm(layer.weight.detach(), 2).item())
    assert found[0] >= found[1] - 1e-4 >= found[2] - 2e-4
    assert found[2] == pytest.approx(1, abs=1e-4)


def test_spectral_norm_bounds_a_convolution_by_its_kernels_size_only():
    """It divides by the norm of the reshaped kernel; that of the convolution is up to sqrt(9) times as large."""
    torch.manual_seed(0)
    kernel = torch.randn(8, 6, 3, 3)
    convolution = nn.Conv2d(6, 8, 3, padding=1, padding_mode="circular", bias=False)
    convolution.weight.data = kernel / torch.linalg.matrix_norm(kernel.flatten(1), 2)
    x = torch.randn(1, 6, 16, 16)
    for _ in range(300):                                                    # power iterations of the convolution itself
        x = (x / x.norm()).requires_grad_()
        y = convolution(x)
        (x,) = torch.autograd.grad(y, x, y.detach())
    assert 1 < y.norm().item() < 3


# --- a game of two numbers (Mescheder et al. 2018, the Dirac-GAN) ------------------------------------------


def play_dirac(kind, steps=500, rate=0.1, r1=0.0):
    """Simultaneous gradient steps of a generated point and of the discriminator's slope; real samples are at 0."""
    point, slope = torch.tensor(1.0, requires_grad=True), torch.tensor(-1.0, requires_grad=True)
    judge = lambda x: Judgement([(slope * x).view(1, 1)])  # noqa: E731
    loss, zero = AdversarialLoss(kind), torch.zeros(1, 1)
    for _ in range(steps):
        unmask = loss.discriminator_term(judge(zero), judge(point.detach()))
        if r1:
            unmask = unmask + r1 * r1_penalty(judge, zero)
        (down,) = torch.autograd.grad(unmask, slope)
        (move,) = torch.autograd.grad(loss.generator_term(Judgement([(slope.detach() * point).view(1, 1)])), point)
        with torch.no_grad():
            point -= rate * move
            slope -= rate * down
    return math.hypot(point.item(), slope.item())


def test_the_dirac_game_spirals_outwards_unless_it_is_damped():
    assert play_dirac("wgan") == pytest.approx(math.sqrt(2) * 1.01**250, rel=1e-4)
    assert play_dirac("wgan") == pytest.approx(17.016, abs=1e-2)
    assert play_dirac("saturating") == pytest.approx(2.25, abs=5e-3)        # from sqrt(2)
    assert play_dirac("saturating", r1=1.0) < 1e-3
