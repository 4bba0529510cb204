"""StarGAN (Choi, Choi, Kim, Ha, Kim, Choo, CVPR 2018; arXiv 1711.09020): one generator for many domains.

A step of the trainer is one turn of the discriminator, every fifth also one of the generator, as the paper's public
code counts its 200,000 iterations. The meaning of `data.domains`:

    network.exclusive=false  attributes, of which an image has any number (CelebA: hair, gender, age)
    network.exclusive=true   classes, of which an image has one (RaFD: expressions; one folder per domain)

Several data sets that label different domains train together with `network.sets`, for example

    data.domains: [Black_Hair, Blond_Hair, Male, angry, happy]
    network.sets: [[Black_Hair, Blond_Hair, Male], [angry, happy]]

Deviations from the paper:
    - The learning rate decays with every step; the public code lowers it every 1,000 steps.
    - Crops are taken at random from images resized to a short side of `images.size`; the public code crops CelebA to
      its middle 178 pixels before resizing.
    - A batch mixes the data sets; the paper alternates between them. All of them label attributes, or all classes;
      the paper has CelebA's attributes beside RaFD's classes (which can be attributes of one exclusive group).
    - Crops above 128 pixels: the discriminator stops at six strided convolutions, as in the public code.
"""

from pydantic import Field

from translate.config import DataConfig, ImageConfig, Section, TrainConfig
from translate.errors import UserError
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.models.base import Adversarial, ImageModel, Players, player
from translate.networks.star import SMALLEST, StarDiscriminator, StarGenerator, is_judgeable


class Network(Section):
    channels: int = Field(64, ge=4)                                 # channels of both networks' first convolutions
    blocks: int = Field(6, ge=1)                                    # residual blocks
    exclusive: bool = False                                         # an image has exactly one domain
    exclusive_groups: list[list[str]] = Field([])                   # groups of mutually exclusive attributes
    sets: list[list[str]] = Field([])                               # domains that are labelled together; empty: all
    adversarial: Adversarial = "wgan"
    discriminator_steps: int = Field(5, ge=1)                       # steps per step of the generator


class StarGan(ImageModel):
    title = "StarGAN"
    task = "image translation among many domains"
    paper = "Choi et al. 2018, arXiv 1711.09020"
    tiny = {**ImageModel.tiny, "data": {"domains": ["low", "middle", "high"]}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=128)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=16, crop=128)
    players: Players = {
        "generator": player(1e-4, adversarial=1, classification=1, cycle=10),
        "discriminator": player(1e-4, adversarial=1, classification=1, gradient_penalty=10),
    }

    def build(self) -> StarGame:
        self.check_images()
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        check_domains(domains, n.exclusive, n.sets, n.exclusive_groups)
        sets = len(n.sets) if len(n.sets) > 1 else 0
        return StarGame(
            domains,
            StarGenerator(planes, len(domains) + sets, n.channels, n.blocks),
            StarDiscriminator(planes, len(domains), self.train.crop, n.channels),
            self.weights(),
            n.exclusive,
            n.adversarial,
            n.discriminator_steps,
            n.sets,
            n.exclusive_groups,
        )

    def check_images(self) -> None:
        """Raise `UserError` unless crops are square, of a size for the discriminator, and alike in all domains."""
        images, crop = self.images, self.train.crop
        nearest = max(SMALLEST, 1 << (crop.bit_length() - 1))
        powers = f"StarGAN's discriminator takes powers of two from {SMALLEST}; try {nearest}"
        self.refuse(not is_judgeable(crop), "train.crop", powers)
        self.refuse(images.aspect != 1, "images.aspect", "StarGAN's discriminator takes square crops; set it to 1")
        if images.source_planes != images.target_channels or images.labels is not None or images.scale != 1:
            raise UserError(
                "`images`: StarGAN's pictures have the same channels and size in all domains; set "
                "images.source_channels and images.target_channels to the same number, images.labels to null and "
                "images.scale to 1"
            )
