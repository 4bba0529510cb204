"""CycleGAN-VC (Kaneko and Kameoka, EUSIPCO 2018; arXiv 1711.11293): non-parallel voice conversion.

The 1-D gated generator, a discriminator that judges the whole crop, one-step least-squares losses, cycle
consistency, and an identity-mapping loss for the first 10,000 iterations.

Deviations from the paper:
    - The default codec is WORLD's mel-band DCT with 24 coefficients (`features.codec=sptk` gives mel-cepstra).
    - Value and gate of a gated linear unit are one convolution, split in two; with instance norm this is the
      same map (see `translate.layers.gated`).
    - The discriminator's 6x3 layer keeps the height by padding 2 above and 3 below; the paper does not say.
"""

from pydantic import Field

from translate.config import (
    DataConfig,
    LossWeight,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    Weight,
    WorldConfig,
)
from translate.games.base import read_weights
from translate.games.cycle import CycleGame
from translate.networks.cnn1d import Generator1d
from translate.networks.spectral import FullDiscriminator

TASK = "voice conversion, unpaired"
PAPER = "Kaneko and Kameoka 2018, arXiv 1711.11293"


class Network(Section):
    channels: int = Field(128, ge=1)                                # after the first gate; the others follow
    blocks: int = Field(6, ge=1)                                    # residual blocks
    pool: int = Field(0, ge=0)                                      # fakes remembered for the discriminators


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    cycle: Weight = 10.0
    identity: Weight = LossWeight(weight=5.0, until=10_000)


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
    features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=24)
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=128)


def build(config: Config) -> CycleGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, dimensions = config.network, config.features.dimensions
    return CycleGame(
        domains=config.data.pair(),
        make_generator=lambda: Generator1d(dimensions, network.channels, network.blocks),
        make_discriminator=lambda: FullDiscriminator(dimensions, config.train.crop, network.channels),
        weights=read_weights(config.players),
        pool=network.pool,
    )
