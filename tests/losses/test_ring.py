"""Eight Gaussians on a ring: each stabilised game must train a generator that misses none of them."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from translate.losses import AdversarialLoss, Judgement, gradient_penalty, r1_penalty

MODES, RADIUS, DEVIATION = 8, 2.0, 0.15     # neighbours are 1.53 apart, ten deviations
NOISE, WIDTH, BATCH, STEPS, CRITIC_STEPS = 4, 64, 128, 1200, 2

ANGLES = torch.arange(MODES) * (2 * math.pi / MODES)
CENTRES = RADIUS * torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1)     # (8, 2)


class Discriminator(nn.Module):
    def __init__(self, normalise):
        super().__init__()
        hidden = [normalise(nn.Linear(2, WIDTH)), nn.LeakyReLU(0.2)]
        hidden += [normalise(nn.Linear(WIDTH, WIDTH)), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*hidden, normalise(nn.Linear(WIDTH, 1)))

    def forward(self, x):                                               # (B, 2) -> (B, 1)
        return Judgement([self.net(x)])


def sample_ring(random):
    modes = torch.randint(MODES, (BATCH,), generator=random)
    return CENTRES[modes] + DEVIATION * torch.randn(BATCH, 2, generator=random)


def train(kind, normalise, penalise, seed):
    """4000 samples (4000, 2) of a generator trained from `seed`."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    loss = AdversarialLoss(kind)
    generator = nn.Sequential(
        nn.Linear(NOISE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2)
    )
    discriminator = Discriminator(normalise)
    generator_optimiser = torch.optim.Adam(generator.parameters(), 1e-3, betas=(0.0, 0.9))
    discriminator_optimiser = torch.optim.Adam(discriminator.parameters(), 2e-3, betas=(0.0, 0.9))

    def generate(size):
        return generator(torch.randn(size, NOISE, generator=random))

    for _ in range(STEPS):
        for _ in range(CRITIC_STEPS):
            real, fake = sample_ring(random), generate(BATCH)
            cost = loss.discriminator(discriminator, real, fake) + penalise(discriminator, real, fake, random)
            discriminator_optimiser.zero_grad()
            cost.backward()
            discriminator_optimiser.step()
        cost = loss.generator(discriminator, generate(BATCH))
        generator_optimiser.zero_grad()
        cost.backward()
        generator_optimiser.step()
    with torch.no_grad():
        return generate(4000)


GAMES = {
    "WGAN-GP": (
        "wgan",
        lambda layer: layer,
        lambda judge, real, fake, random: gradient_penalty(judge, real, fake, generator=random),
    ),
    "hinge, spectral norm": ("hinge", spectral_norm, lambda *_: 0.0),
    "non-saturating, R1": (
        "nonsaturating",
        lambda layer: layer,
        lambda judge, real, fake, random: r1_penalty(judge, real),
    ),
}


@pytest.mark.parametrize(
    "game", [name if name.startswith("hinge") else pytest.param(name, marks=pytest.mark.slow) for name in GAMES]
)
def test_every_mode_is_covered(game):
    distances, nearest = torch.cdist(train(*GAMES[game], seed=0), CENTRES).min(dim=1)
    close = distances < 3 * DEVIATION
    shares = torch.bincount(nearest[close], minlength=MODES) / len(close)   # 1/8 each would be ideal
    assert shares.min() > 0.01
    assert close.float().mean() > 0.5
