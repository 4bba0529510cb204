"""The five games against NumPy, their optima against theory, and whose turn the gradients obey."""

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.stats import norm
from torch import nn

from translate.losses import (
    AdversarialLoss,
    Judgement,
    frozen,
    judge_both,
    judge_frozen,
    judge_together,
    mixes_samples,
)

KINDS = ["saturating", "nonsaturating", "lsgan", "wgan", "hinge"]
SHAPES = {                                                              # of the logits at each scale
    "vector": [(4, 1)],
    "1-D": [(4, 1, 9), (4, 1, 5), (4, 1, 3)],
    "2-D": [(4, 1, 6, 5), (4, 1, 3, 2)],
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class Discriminator(nn.Module):
    """Two scales on (B, 2, *S), `rank` dimensions in S; a condition (B, 3) is added to every position."""

    def __init__(self, rank, normalise=None):
        super().__init__()
        convolution = [nn.Conv1d, nn.Conv2d, nn.Conv3d][rank - 1]
        layers = [convolution(2, 4, 3, padding=1), nn.LeakyReLU(0.2)]
        self.hidden = nn.Sequential(*layers, *([normalise(4)] if normalise else []))
        self.out = convolution(4, 1, 3, stride=2)
        self.embed = nn.Linear(3, 2)
        self.inputs = []
        self.register_forward_hook(lambda module, inputs, output: self.inputs.append(inputs))

    def forward(self, x, condition=None):
        if condition is not None:
            embedded = self.embed(condition)
            x = x + embedded.reshape(*embedded.shape, *[1] * (x.dim() - 2))
        features = [self.hidden(x), self.hidden(x[..., ::2])]
        return Judgement([self.out(f) for f in features], [[f] for f in features])


class Deviation(nn.Module):
    """Adds the deviation over the batch to every sample, as a minibatch deviation tells it to a discriminator."""

    mixes_samples = True

    def __init__(self, channels):
        super().__init__()

    def forward(self, x):
        return x + x.std(dim=0)


class Fixed(nn.Module):
    """A discriminator known in closed form: logits are a function of the sample."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return Judgement([self.function(x)], [[]])


def make_samples(rank):
    size = (4, 2, *[(16,), (8, 10), (6, 5, 7)][rank - 1])
    return torch.randn(size), torch.randn(size)


def make_judgements(shapes):
    return [Judgement([3 * torch.randn(shape) for shape in shapes], []) for _ in range(2)]


# --- Formulas ---------------------------------------------------------------------------------------------


def expected_losses(kind, real, fake):
    """(discriminator, generator) of one scale by the definitions, in NumPy float64."""
    sigmoid = lambda logit: 1 / (1 + np.exp(-logit))  # noqa: E731
    mean, real_d, fake_d = np.mean, sigmoid(real), sigmoid(fake)
    vanilla = -mean(np.log(real_d)) - mean(np.log(1 - fake_d))
    return {
        "saturating": (vanilla, mean(np.log(1 - fake_d))),
        "nonsaturating": (vanilla, -mean(np.log(fake_d))),
        "lsgan": (mean((real - 1) ** 2) + mean(fake**2), mean((fake - 1) ** 2)),
        "wgan": (mean(fake) - mean(real), -mean(fake)),
        "hinge": (mean(np.maximum(0, 1 - real)) + mean(np.maximum(0, 1 + fake)), -mean(fake)),
    }[kind]


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_terms_equal_their_definition(kind, shapes):
    real, fake = make_judgements(shapes)
    arrays = [(r.double().numpy(), f.double().numpy()) for r, f in zip(real.logits, fake.logits, strict=True)]
    scales = np.array([expected_losses(kind, r, f) for r, f in arrays])   # (scales, 2)
    loss = AdversarialLoss(kind)
    terms = [loss.discriminator_term(real, fake), loss.generator_term(fake)]
    assert [term.shape for term in terms] == [(), ()]
    np.testing.assert_allclose(torch.stack(terms), scales.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_methods_judge_and_apply_the_terms(kind, rank):
    discriminator, (real, fake), loss = Discriminator(rank), make_samples(rank), AdversarialLoss(kind)
    torch.testing.assert_close(
        loss.discriminator(discriminator, real, fake),
        loss.discriminator_term(discriminator(real), discriminator(fake)),
    )
    torch.testing.assert_close(loss.generator(discriminator, fake), loss.generator_term(discriminator(fake)))


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match=r"'ls-gan'.*lsgan"):
        AdversarialLoss("ls-gan")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits_stay_finite(kind, logit):
    logits = torch.full((2, 1, 3), logit, requires_grad=True)
    judgement, loss = Judgement([logits], []), AdversarialLoss(kind)
    for value in [loss.generator_term(judgement), loss.discriminator_term(judgement, judgement)]:
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.isfinite()
        assert gradient.isfinite().all()


# --- Optima: N(0, 1) is real, N(2, 1) is fake -------------------------------------------------------------

GRID = np.linspace(-12, 14, 20_001)
REAL_DENSITY, FAKE_DENSITY = norm.pdf(GRID, 0), norm.pdf(GRID, 2)
MIXTURE = (REAL_DENSITY + FAKE_DENSITY) / 2


def integrate(values):
    return trapezoid(values, GRID)


JENSEN_SHANNON = 0.5 * integrate(
    REAL_DENSITY * np.log(REAL_DENSITY / MIXTURE) + FAKE_DENSITY * np.log(FAKE_DENSITY / MIXTURE)
)
TOTAL_VARIATION = 0.5 * integrate(abs(REAL_DENSITY - FAKE_DENSITY))
OPTIMA = {                                                              # best logits, the loss there
    "saturating": (lambda x: 2 - 2 * x, np.log(4) - 2 * JENSEN_SHANNON),            # log p / q
    "nonsaturating": (lambda x: 2 - 2 * x, np.log(4) - 2 * JENSEN_SHANNON),
    "lsgan": (lambda x: torch.sigmoid(2 - 2 * x), integrate(REAL_DENSITY * FAKE_DENSITY / (2 * MIXTURE))),
    "wgan": (lambda x: -x, -2.0),                                                   # minus Wasserstein-1
    "hinge": (lambda x: torch.sign(1 - x), 2 * (1 - TOTAL_VARIATION)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimal_discriminator_reaches_the_divergence(kind):
    quantiles = norm.ppf((np.arange(100_000) + 0.5) / 100_000)          # one sample per stratum
    real = torch.tensor(quantiles, dtype=torch.float32)[:, None]
    logits, expected = OPTIMA[kind]
    loss = AdversarialLoss(kind).discriminator(Fixed(logits), real, real + 2)
    assert loss.item() == pytest.approx(expected, abs=1e-4)


def test_the_divergences_are_the_published_ones():
    assert OPTIMA["saturating"][1] == pytest.approx(0.71263, abs=1e-5)
    assert OPTIMA["hinge"][1] == pytest.approx(0.63462, abs=1e-5)


# --- Turns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_generators_turn_leaves_the_discriminator_alone(kind, rank):
    discriminator, (_, fake) = Discriminator(rank), make_samples(rank)
    discriminator.hidden[0].bias.requires_grad_(False)
    before = [parameter.requires_grad for parameter in discriminator.parameters()]
    AdversarialLoss(kind).generator(discriminator, fake.requires_grad_()).backward()
    assert fake.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    assert [parameter.requires_grad for parameter in discriminator.parameters()] == before


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_discriminators_turn_leaves_the_generator_alone(kind, rank):
    discriminator, (real, fake) = Discriminator(rank), make_samples(rank)
    condition = torch.rand(4, 3, requires_grad=True)
    AdversarialLoss(kind).discriminator(discriminator, real, fake.requires_grad_(), condition).backward()
    assert fake.grad is None
    assert condition.grad is None
    weights = [p for name, p in discriminator.named_parameters() if name.endswith("weight")]
    assert all(weight.grad.abs().sum() > 0 for weight in weights)


def test_frozen_restores_after_an_exception():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="shapes"), frozen(layer):
        layer(torch.zeros(1, 3))
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


def test_judging_real_samples_frozen_builds_no_graph():
    judgement = judge_frozen(Discriminator(1), make_samples(1)[0])
    assert not judgement.logits[0].requires_grad
    assert not judgement.features[0][0].requires_grad


# --- Passes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
def test_real_and_fake_are_judged_in_one_pass(rank):
    discriminator, (real, fake), condition = Discriminator(rank), make_samples(rank), torch.rand(4, 3)
    judgements = judge_both(discriminator, real, fake, condition)
    assert len(discriminator.inputs) == 1
    torch.testing.assert_close(discriminator.inputs[0][1], torch.cat([condition, condition]))
    for judgement, alone in zip(judgements, [real, fake], strict=True):
        torch.testing.assert_close(judgement.logits, discriminator(alone, condition).logits)


def test_samples_of_other_lengths_take_two_passes():
    discriminator, real, fake = Discriminator(1), torch.randn(4, 2, 16), torch.randn(3, 2, 32)
    judgements = judge_both(discriminator, real, fake, None)
    assert [x.shape for x, _ in discriminator.inputs] == [real.shape, fake.shape]
    for judgement, alone in zip(judgements, [real, fake], strict=True):
        torch.testing.assert_close(judgement.logits, discriminator(alone).logits)


@pytest.mark.parametrize(("normalise", "dimensions", "passes"), [
    (nn.BatchNorm1d, 1, 2), (nn.BatchNorm2d, 2, 2), (nn.BatchNorm3d, 3, 2), (Deviation, 1, 2),
    (nn.InstanceNorm1d, 1, 1),
])  # fmt: skip
def test_what_mixes_samples_never_sees_real_and_fake_together(normalise, dimensions, passes):
    discriminator, (real, fake) = Discriminator(dimensions, normalise), make_samples(dimensions)
    judgements = judge_both(discriminator, real, fake + 5)
    assert len(discriminator.inputs) == passes
    torch.testing.assert_close(judgements[0].logits, discriminator(real).logits)


@pytest.mark.parametrize(("module", "mixes"), [
    (nn.SyncBatchNorm(3), True), (nn.LazyBatchNorm2d(), True), (nn.LazyBatchNorm3d(), True), (Deviation(3), True),
    (nn.InstanceNorm2d(3, track_running_stats=True), False), (nn.GroupNorm(3, 3), False), (nn.LayerNorm(3), False),
    (nn.utils.spectral_norm(nn.Linear(3, 3)), False),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_which_networks_mix_the_samples_of_a_batch(module, mixes):
    assert mixes_samples(nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"deep": nn.Sequential(module)}))) is mixes


def test_real_and_fake_may_have_conditions_of_their_own():
    discriminator, (real, fake), conditions = Discriminator(1), make_samples(1), torch.rand(2, 4, 3)
    judgements = judge_together(discriminator, (real, conditions[0]), (fake, conditions[1]))
    assert len(discriminator.inputs) == 1
    for judgement, x, condition in zip(judgements, [real, fake], conditions, strict=True):
        torch.testing.assert_close(judgement.logits, discriminator(x, condition).logits)


# --- Mixed precision --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_float32_under_autocast(kind):
    discriminator, (real, fake), loss = Discriminator(2), make_samples(2), AdversarialLoss(kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert discriminator(real).logits[0].dtype == torch.bfloat16
        assert loss.generator(discriminator, fake).dtype == torch.float32
        assert loss.discriminator(discriminator, real, fake).dtype == torch.float32


def test_both_turns_may_share_one_autocast():
    """Autocast caches its bfloat16 weights: a copy made in the generator's turn must not cut the gradient."""
    discriminator, (real, fake), loss = Discriminator(1), make_samples(1), AdversarialLoss("hinge")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss.generator(discriminator, fake.requires_grad_())
        cost = loss.discriminator(discriminator, real, fake)
    cost.backward()
    assert discriminator.hidden[0].weight.grad.abs().sum() > 0
