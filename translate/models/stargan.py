"""StarGAN (Choi, Choi, Kim, Ha, Kim, Choo, CVPR 2018; arXiv 1711.09020): one generator for many domains.

A step of the trainer is one turn of the discriminator, every fifth also one of the generator, as the paper's public
code counts its 200,000 iterations. What `data.domains` names:

    network.exclusive=false  attributes, any number of which a picture has (CelebA: hair, gender, age)
    network.exclusive=true   classes, of which a picture has one (RaFD: expressions; one folder per domain)

Several data sets that label different domains train together with `network.sets`, for example

    data.domains: [Black_Hair, Blond_Hair, Male, angry, happy]
    network.sets: [[Black_Hair, Blond_Hair, Male], [angry, happy]]

Deviations from the paper:
    - The learning rate decays with every step; the public code lowers it every 1,000 steps.
    - Crops are taken at random from the picture whose short side is `images.size`; the public code cuts out the
      middle 178 pixels of CelebA before resizing.
    - A batch mixes the data sets; the paper alternates between them. All of them label attributes, or all classes;
      the paper has CelebA's attributes beside RaFD's classes (which can be attributes of one exclusive group).
    - Crops above 128 pixels: the discriminator stops at six strided convolutions, as in the public code.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, ImageConfig, PlayerConfig, Section, SystemConfig, TrainConfig, Weight
from translate.errors import UserError
from translate.games.base import read_weights
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.networks.star import SMALLEST, StarDiscriminator, StarGenerator, is_judgeable

TASK = "image translation among many domains"
PAPER = "Choi et al. 2018, arXiv 1711.09020"


class Network(Section):
    channels: int = Field(64, ge=4)                                 # of both networks' first convolutions
    blocks: int = Field(6, ge=1)                                    # residual blocks
    exclusive: bool = False                                         # a picture has exactly one domain
    exclusive_groups: list[list[str]] = Field([])                   # attributes of which a picture has one
    sets: list[list[str]] = Field([])                               # domains that are labelled together; empty: all
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "wgan"
    discriminator_steps: int = Field(5, ge=1)                       # per step of the generator


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    classification: Weight = 1.0
    cycle: Weight = 10.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0
    classification: Weight = 1.0
    gradient_penalty: Weight = 10.0


class Generator(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
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
    images: ImageConfig = ImageConfig(size=128)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=16, crop=128)


def build(config: Config) -> StarGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    check_images(config)
    network, domains, planes = config.network, config.data.domains, config.images.target_channels
    check_domains(domains, network.exclusive, network.sets, network.exclusive_groups)
    sets = len(network.sets) if len(network.sets) > 1 else 0
    return StarGame(
        domains=domains,
        generator=StarGenerator(planes, len(domains) + sets, network.channels, network.blocks),
        discriminator=StarDiscriminator(planes, len(domains), config.train.crop, network.channels),
        weights=read_weights(config.players),
        exclusive=network.exclusive,
        adversarial=network.adversarial,
        discriminator_steps=network.discriminator_steps,
        sets=network.sets,
        exclusive_groups=network.exclusive_groups,
    )


def check_images(config: Config) -> None:
    """Raise `UserError` where pictures are no square crops of the discriminator's sizes, or change their kind."""
    images, crop = config.images, config.train.crop
    if not is_judgeable(crop):
        nearest = max(SMALLEST, 1 << (crop.bit_length() - 1))
        raise UserError(
            f"`train.crop` is {crop}: StarGAN's discriminator takes powers of two from {SMALLEST}; try {nearest}"
        )
    if images.aspect != 1:
        raise UserError(f"`images.aspect` is {images.aspect}: StarGAN's discriminator takes square crops; set it to 1")
    if images.source_planes != images.target_channels or images.labels is not None or images.scale != 1:
        raise UserError(
            "`images`: StarGAN's pictures have the same channels and size in all domains; set images.source_channels "
            "and images.target_channels to the same number, images.labels to null and images.scale to 1"
        )
