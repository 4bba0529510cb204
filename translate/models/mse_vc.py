"""Parallel voice conversion by the mean squared error: what the adversarial systems are measured against.

No paper of its own: a gated 1-D convolutional network maps aligned frames of one speaker to those of another and
minimises the squared error alone, as statistical converters do (Desai et al. 2010, IEEE TASLP 18(5), has the
perceptron). Of all targets that fit a source it learns the mean, so its spectra are over-smoothed: the global variance
of the upper coefficients collapses. That makes it the base of the postfilter recipes, which give the variance back.

Choices:
    - The network is the 1-D generator of CycleGAN-VC, narrower and shorter.
    - Sentences are aligned by dynamic time warping before training; converted speech keeps the source's timing.
"""

from pydantic import Field

from translate.config import DataConfig, PlayerConfig, Section, SystemConfig, TrainConfig, Weight, WorldConfig
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.networks.cnn1d import Generator1d

TASK = "voice conversion, paired"
PAPER = "mean squared error, as Desai et al. 2010"


class Network(Section):
    channels: int = Field(64, ge=1)                                 # after the first gate; the others follow
    blocks: int = Field(2, ge=1)                                    # residual blocks


class GeneratorLosses(Section):
    l2: Weight = 1.0


class Generator(PlayerConfig):
    learning_rate: float = Field(5e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Players(Section):
    generator: Generator = Generator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    features: WorldConfig = WorldConfig(sample_rate=22050, codec="sptk", dimensions=35)
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=10_000, batch_size=8, crop=128)


def build(config: Config) -> PairedGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network = config.network
    return PairedGame(
        domains=config.data.pair(),
        generator={"map": Generator1d(config.features.dimensions, network.channels, network.blocks)},
        discriminator=None,
        weights=read_weights(config.players),
    )
