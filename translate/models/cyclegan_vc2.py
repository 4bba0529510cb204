"""CycleGAN-VC2 (Kaneko, Kameoka, Tanaka, Hojo, ICASSP 2019; arXiv 1904.04631): non-parallel voice conversion.

Three things are new against CycleGAN-VC, and each can be switched alone, as in the paper's ablation (Table 1):

    network.adversarial_steps   1 | 2             one-step or two-step adversarial losses (sec. 3.1)
    network.generator           1d | 2d | 2-1-2d  (sec. 3.2)
    network.discriminator       full | patch      (sec. 3.3)

Deviations from the paper:
    - The default codec is WORLD's mel-band DCT with 36 coefficients at 22.05 kHz; the paper uses 34 mel-cepstra
      and c0 (`features.codec=sptk features.dimensions=35`).
    - The 2d generator keeps the sampling layers of the 2-1-2d and replaces its middle by 3x3 residual blocks; the
      paper gives no table for it.
    - The 1d generator and the full discriminator are those of CycleGAN-VC, at its widths.
"""

from typing import Literal

from pydantic import Field
from torch import nn

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
from translate.networks.cnn212 import Generator2d
from translate.networks.spectral import FullDiscriminator, PatchDiscriminator

TASK = "voice conversion, unpaired"
PAPER = "Kaneko et al. 2019, arXiv 1904.04631"


class Network(Section):
    generator: Literal["1d", "2d", "2-1-2d"] = "2-1-2d"
    discriminator: Literal["full", "patch"] = "patch"
    channels: int = Field(128, ge=4, multiple_of=4)                 # of the first convolution; the others follow
    blocks: int = Field(6, ge=1)                                    # residual blocks
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "lsgan"
    adversarial_steps: Literal[1, 2] = 2                            # 2: the cycled output is judged, too
    discriminators: Literal[1, 2] = 2                               # per domain; 2: the cycled output has its own
    pool: int = Field(0, ge=0)                                      # fakes remembered for the discriminators


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    second_adversarial: Weight = 1.0
    cycle: Weight = 10.0
    identity: Weight = LossWeight(weight=5.0, until=10_000)


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0
    second_adversarial: Weight = 1.0


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
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=36)
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=128)


def build(config: Config) -> CycleGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network = config.network
    return CycleGame(
        domains=config.data.pair(),
        make_generator=lambda: make_generator(config),
        make_discriminator=lambda: make_discriminator(config),
        weights=read_weights(config.players, without=() if network.adversarial_steps == 2 else ("second_adversarial",)),
        adversarial=network.adversarial,
        adversarial_steps=network.adversarial_steps,
        discriminators=network.discriminators,
        pool=network.pool,
    )


def make_generator(config: Config) -> nn.Module:
    network, dimensions = config.network, config.features.dimensions
    if network.generator == "1d":
        return Generator1d(dimensions, network.channels, network.blocks)
    return Generator2d(dimensions, network.channels, network.blocks, middle=1 if network.generator == "2-1-2d" else 2)


def make_discriminator(config: Config) -> nn.Module:
    if config.network.discriminator == "full":
        return FullDiscriminator(config.features.dimensions, config.train.crop, config.network.channels)
    return PatchDiscriminator(config.network.channels)
