"""GAN-VC (Kaneko, Kameoka, Hiramatsu, Kashino, Interspeech 2017): parallel conversion with a learned similarity.

A converter that minimises an error frame by frame averages over all that could have been said, and over the errors of
the alignment: it over-smooths. Here the error is measured in the activations of a discriminator, which learns what
distinguishes natural speech and does not mind a shift by a frame; the adversarial loss makes the result natural.

Deviations from the paper, and what it leaves open to us:
    - Networks: the 1-D gated generator of CycleGAN-VC and the patch discriminator of CycleGAN-VC2, both by the same
      authors.
    - Similarity: absolute differences, averaged over all layers of the discriminator (`losses/features.py`); the paper
      squares those of one layer.
    - Weights of the losses, learning rates, batch and steps are guesses.
    - Sentences are aligned by dynamic time warping before training; converted speech keeps the source's timing.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, PlayerConfig, Section, SystemConfig, TrainConfig, Weight, WorldConfig
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.networks.cnn1d import Generator1d
from translate.networks.spectral import PatchDiscriminator

TASK = "voice conversion, paired"
PAPER = "Kaneko et al. 2017, Interspeech"


class Network(Section):
    channels: int = Field(128, ge=4, multiple_of=4)                 # of both first layers; the others follow
    blocks: int = Field(6, ge=1)                                    # residual blocks
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "nonsaturating"


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    features: Weight = 10.0


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
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=100_000, batch_size=4, crop=128)


def build(config: Config) -> PairedGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network = config.network
    return PairedGame(
        domains=config.data.pair(),
        generator={"map": Generator1d(config.features.dimensions, network.channels, network.blocks)},
        discriminator=PatchDiscriminator(network.channels),
        weights=read_weights(config.players),
        adversarial=network.adversarial,
        conditional=False,
    )
