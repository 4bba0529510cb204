"""Classification against NumPy, and the games in which the discriminator is told the domains."""


import numpy as np
import pytest
import torch
from torch import nn

from translate.losses import (
    AdversarialLoss,
    Judgement,
    attribute_classification,
    domain_classification,
    judge_frozen,
    judge_together,
    tell_domains,
)

SHAPES = [(4, 3), (4, 3, 7), (4, 3, 5, 2)]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def flatten(logits):
    """(B, K, *S) -> (B * positions, K) NumPy float64, and how often each sample repeats."""
    array = logits.double().flatten(2).movedim(1, -1).reshape(-1, logits.shape[1]).numpy()
    return array, len(array) // len(logits)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("soft", [False, True])
def test_domain_classification_is_cross_entropy(shape, soft):
    logits = 3 * torch.randn(shape)
    target = torch.rand(4, 3).softmax(1) if soft else torch.eye(3)[[0, 2, 1, 2]]
    array, positions = flatten(logits.reshape(*shape, 1))
    probabilities = np.exp(array) / np.exp(array).sum(1, keepdims=True)
    expected = -np.sum(target.numpy().repeat(positions, 0) * np.log(probabilities), 1).mean()
    value = domain_classification(logits, target)
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_an_unknown_domain_costs_nothing():
    logits = torch.randn(2, 3, requires_grad=True)
    domain_classification(logits, torch.tensor([[0.0, 0, 0], [0, 1, 0]])).backward()
    assert logits.grad[0].abs().sum() == 0
    assert logits.grad[1].abs().sum() > 0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("masked", [False, True])
def test_attribute_classification_sums_over_attributes(shape, masked):
    logits, target = 3 * torch.randn(shape), torch.rand(4, 3)
    mask = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]]) if masked else torch.ones(4, 3)
    array, positions = flatten(logits.reshape(*shape, 1))
    s, t, m = 1 / (1 + np.exp(-array)), target.numpy().repeat(positions, 0), mask.numpy().repeat(positions, 0)
    expected = np.sum(m * (-t * np.log(s) - (1 - t) * np.log(1 - s)), 1).mean()
    value = attribute_classification(logits, target, mask if masked else None)
    assert (value.dtype, value.shape) == (torch.float32, ())
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("classify", [domain_classification, attribute_classification])
def test_extreme_and_bfloat16_logits(classify):
    logits = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    value = classify(logits.bfloat16(), torch.tensor([[1.0, 0.0, 0.0]]))
    value.backward()
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert logits.grad.isfinite().all()
    half, target = torch.randn(4, 3).bfloat16(), torch.eye(3)[[0, 2, 1, 2]]
    assert classify(half, target) == classify(half.float(), target)


@pytest.mark.parametrize("classify", [domain_classification, attribute_classification])
def test_targets_must_fit(classify):
    with pytest.raises(ValueError, match=r"expected vectors \(4, 3\).*got \(4, 2\)"):
        classify(torch.zeros(4, 3, 7), torch.zeros(4, 2))


# --- What the discriminator is told -----------------------------------------------------------------------


class Projection(nn.Module):
    """Logit = <x, source V + target W>: a bilinear discriminator that NumPy repeats in one line."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Parameter(torch.randn(3, 8)), nn.Parameter(torch.randn(3, 8))
        self.passes = 0

    def forward(self, x, source, target):
        self.passes += 1
        projection = source @ self.source + target @ self.target
        return Judgement([(x.flatten(1) * projection).sum(1, keepdim=True)])

    def logits(self, x, source, target):
        v, w = self.source.detach().numpy(), self.target.detach().numpy()
        return np.sum(x.flatten(1).numpy() * (source.numpy() @ v + target.numpy() @ w), 1)


@pytest.mark.parametrize("shape", [(5, 2, 4), (5, 2, 2, 2)])
def test_source_and_target_game(shape):
    """Kaneko et al. 2019 (StarGAN-VC2), section 3.1, in its least-squares form."""
    discriminator, loss = Projection(), AdversarialLoss("lsgan")
    real, fake = torch.randn(2, *shape)
    source, target = torch.eye(3)[[0, 1, 2, 0, 1]], torch.rand(5, 3).softmax(1)     # one-hot and soft
    of_real, of_fake = tell_domains("source_target", source, target)

    real_logits = discriminator.logits(real, target, source)            # as if it came back: target -> source
    fake_logits = discriminator.logits(fake, source, target)
    expected = np.mean((real_logits - 1) ** 2) + np.mean(fake_logits**2)
    value = loss.discriminator_term(*judge_together(discriminator, (real, *of_real), (fake, *of_fake)))
    np.testing.assert_allclose(value.detach(), expected, rtol=1e-4)
    assert discriminator.passes == 1

    fake.requires_grad_()
    value = loss.generator_term(judge_frozen(discriminator, fake, *of_fake))
    np.testing.assert_allclose(value.detach(), np.mean((fake_logits - 1) ** 2), rtol=1e-4)
    value.backward()
    assert fake.grad.abs().sum() > 0
    assert discriminator.source.grad is None


def test_other_games():
    source, target = torch.eye(3)[[0, 1]], torch.eye(3)[[2, 0]]
    assert tell_domains("plain", source, target) == ((), ())
    (of_real,), (of_fake,) = tell_domains("target", source, target)     # Kameoka et al. 2018: D(x, c), D(G(x, c'), c')
    assert of_real is source
    assert of_fake is target
    with pytest.raises(ValueError, match="game 'sources': expected one of plain, target, source_target"):
        tell_domains("sources", source, target)
