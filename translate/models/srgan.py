"""SRGAN (Ledig et al., CVPR 2017; arXiv 1609.04802): super-resolution judged by VGG's features and an opponent.

Train SRResNet first and start from it (`train.start_from`), or the opponent wins at once. The defaults are those of
SRGAN-VGG54 (eq. 3 and 5, section 3.2): distance in relu5_4 of VGG19, divided by 12.75, and 1e-3 times the adversarial
loss. Where VGG's weights cannot be had, SRGAN-MSE is the paper's other variant, chosen by hand:

    players.generator.losses.perceptual=0 players.generator.losses.l2=1

Deviations from the paper:
    - The rate is constant for `train.decay_from` of the steps and falls linearly to 0 from then on; the paper takes
      10^5 steps at 1e-4 and 10^5 at 1e-5.
    - The discriminator pools to the 6 x 6 that crops of 96 pixels give, so that other crops work.
    - One step of each player in turn, the generator first; so is the paper's (k = 1), in the other order.
"""

from pydantic import Field

from translate.config import DataConfig, Section, SystemConfig, TrainConfig, VggConfig, Weight
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.losses.perceptual import PerceptualLoss
from translate.models.srresnet import Network as SrresnetNetwork
from translate.models.srresnet import SrImageConfig, SrPlayer, make_generator
from translate.networks.srresnet import SrDiscriminator

TASK = "super-resolution"
PAPER = "Ledig et al. 2017, arXiv 1609.04802"


class Network(SrresnetNetwork):
    discriminator_channels: int = Field(64, ge=1)                   # of the first convolution; the others follow


class GeneratorLosses(Section):
    perceptual: Weight = 1.0
    adversarial: Weight = 1e-3
    l2: Weight = 0.0
    l1: Weight = 0.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0


class Generator(SrPlayer):
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(SrPlayer):
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    images: SrImageConfig = SrImageConfig()
    vgg: VggConfig = VggConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=16, crop=96, decay_from=0.5)


def build(config: Config) -> PairedGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    return PairedGame(
        domains=config.data.pair(),
        generator={"map": make_generator(config.network, config.images, config.train.crop)},
        discriminator=SrDiscriminator(config.images.target_channels, config.network.discriminator_channels),
        weights=read_weights(config.players),
        adversarial="nonsaturating",
        conditional=False,
        distances={"perceptual": PerceptualLoss({"relu5_4": 1.0}, config.vgg.weights, distance="l2", scale=1 / 12.75)},
    )
