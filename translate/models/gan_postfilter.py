"""GAN postfilter (Kaneko, Kameoka, Hojo, Ijima, Hiramatsu, Kashino, ICASSP 2017): texture for smooth mel-cepstra.

Statistical synthesis and conversion average over all that could have been said, and give mel-cepstra whose fine
structure is gone. The postfilter learns from pairs (synthetic, natural), aligned frame by frame, to add a residual to
the synthetic ones that makes them look natural to a discriminator. Noise beside the input makes it a sampler: one
smooth utterance has many natural ones, and `translate(..., seed=...)` draws one of them.

Deviations from the paper, and what it leaves open:
    - Noise has as many values as the features, one each (open). Conversion takes a fixed seed unless told another, so
      that it can be repeated.
    - The generator's adversarial loss is the non-saturating binary cross entropy (open).
    - Convolutions of the discriminator are padded, and it judges patches: any number of coefficients, any crop.
    - The coefficients that pass through, c0, are hidden from both networks: neither could do anything about them.
    - `network.conditional` lets the discriminator see the synthetic features beside the sample, as in pix2pix.
    - `network.strength` below 1 adds a part of the residual only, in conversion: natural variance costs accuracy.
    - Losses `features` (feature matching) and `l2`, both 0 by default, hold the result near the natural utterance when
      training is short.
    - Both domains are normalised by the natural speech's statistics (`data.normalise: target`): else the normalisation
      itself would undo the loss of variance, whatever the cause.
    - Learning rates, batch, crop and steps are guesses.
"""

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from translate.config import DataConfig, PlayerConfig, Section, SystemConfig, TrainConfig, Weight, WorldConfig
from translate.errors import UserError
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator

TASK = "postfilter, paired"
PAPER = "Kaneko et al. 2017, ICASSP"


class Filter(Section):
    """What both postfilters have."""

    channels: int = Field(128, ge=1)                                # of the generator's first layer
    discriminator_channels: int = Field(64, ge=1)                   # of the discriminator's first layer
    conditional: bool = False                                       # the discriminator sees the source, too
    strength: float = Field(1.0, ge=0, le=1)                        # share of the residual that conversion adds
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "nonsaturating"


class Network(Filter):
    keep: int = Field(1, ge=0)                                      # first coefficients that pass through; 1: c0


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    features: Weight = 0.0
    l2: Weight = 0.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0


class Generator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    features: WorldConfig = WorldConfig(sample_rate=22050, codec="sptk", dimensions=35)
    data: DataConfig = DataConfig(batches="paired", normalise="target")
    train: TrainConfig = TrainConfig(steps=50_000, batch_size=16, crop=64)


class PostfilterGame(PairedGame):
    """A `PairedGame` whose map takes noise: drawn anew in every step of the training, from a seed afterwards.

    Args:
        strength: share of the residual that conversion adds: 0 leaves the source as it is.
        others: of `PairedGame`.
    """

    def __init__(self, *others: Any, strength: float = 1.0, **named: Any):
        super().__init__(*others, **named)
        self.strength = strength

    def translate(
        self,
        x: Tensor,
        source: str,
        target: str,
        seed: int | None = None,
        noise: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """One sample of what the natural features of `x` (B, Q, T) could be, (B, Q, T).

        Args:
            x: normalised.
            source, target: the domains, in the direction that was trained.
            seed: which sample; None is 0. The same seed gives the same sample on every device.
            noise: (B, Q, T) from N(0, 1) instead of a seed.
        """
        self.check_direction(source, target)
        if noise is None:
            draw = torch.Generator().manual_seed(0 if seed is None else seed)
            noise = torch.randn(x.shape, generator=draw).to(x)
        return torch.lerp(x, self.generator["map"](x, noise), self.strength)


def build(config: Config) -> PostfilterGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, dimensions = config.network, config.features.dimensions
    if network.keep >= dimensions:
        raise UserError(
            f"`network.keep` is {network.keep}: nothing is left to filter of {dimensions} coefficients "
            "(`features.dimensions`); take fewer"
        )
    return PostfilterGame(
        domains=config.data.pair(),
        generator={"map": PostfilterGenerator(network.channels, network.keep)},
        discriminator=PostfilterDiscriminator(
            network.discriminator_channels, network.keep, planes=1 + network.conditional
        ),
        weights=read_weights(config.players),
        adversarial=network.adversarial,
        conditional=network.conditional,
        strength=network.strength,
    )
