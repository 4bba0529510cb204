"""pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017; arXiv 1611.07004): paired image translation.

The parts of the paper that can be switched:

    network.depth                    8 for 256 pixels (U-Net-256), 7 for 128
    network.layers                   1 to 6: patches of 16, 34, 70, 142, 286 or 574 pixels (sec. 3.2.2 and 4.4)
    network.conditional              whether the discriminator sees the source (Table 1: cGAN or GAN)
    players.generator.losses.l1 and .adversarial; either may be 0 (Table 1)
    network.test_dropout, test_norm  what dropout and batch norm do at test time (sec. 3.2.1 and 3.3)
    players.discriminator.losses.adversarial
                                     0.5: the paper halves the discriminator's objective to slow it down (sec. 3.3)

The defaults train the facades: 400 pairs, 200 epochs, batches of one: 80,000 steps, the rate falling over the second
half. Other sets of the paper take epochs x pairs steps (maps: 1,096 pairs, 200 epochs: 219,200).

Deviations from the paper and its code:
    - The generator moves first, then the discriminator judges the same fakes; the code has it the other way round.
    - In evaluation `test_norm: batch` normalises every picture by itself, so that a picture's translation does not
      depend on its neighbours; the paper's test batches hold one picture, which is the same.
    - Training pictures are resized to 286 x 286 whatever their shape, as in the code; translation keeps the shape and
      the size of its input (the code squeezes it to 256 x 256).
    - Dropout is in the three innermost levels of the decoder, as in the paper and the Lua code; the later PyTorch code
      leaves out the innermost.
    - Crops are square unless `images.aspect` says otherwise.
    - Pictures of any size are translated: odd levels are padded by a row or column and cropped.
"""

from typing import Literal

from pydantic import Field

from translate.config import (
    DataConfig,
    ImageConfig,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    Weight,
)
from translate.errors import UserError
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.networks.patch import PatchGan
from translate.networks.unet import UNet

TASK = "image translation, paired"
PAPER = "Isola et al. 2017, arXiv 1611.07004"


class Network(Section):
    channels: int = Field(64, ge=1)                                 # of the first layer of both networks
    depth: int = Field(8, ge=3, le=10)                              # levels of the U-Net; 2^depth is about the crop
    layers: int = Field(3, ge=1, le=6)                              # strided ones of the discriminator; 3: 70 pixels
    conditional: bool = True                                        # the discriminator sees the source, too
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "nonsaturating"
    dropout: bool = True                                            # the generator's only noise
    test_dropout: bool = True                                       # on at test time: outputs vary with the seed
    test_norm: Literal["batch", "running"] = "batch"                # a picture's own statistics, or the training's


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    l1: Weight = 100.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 0.5


class Generator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    images: ImageConfig = ImageConfig(size=[286, 286])
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=80_000, batch_size=1, crop=256, decay_from=0.5)


def build(config: Config) -> PairedGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, images = config.network, config.images
    check_crop(config)
    planes = images.source_planes
    return PairedGame(
        domains=config.data.pair(),
        generator={
            "map": UNet(
                planes,
                images.target_channels,
                network.channels,
                network.depth,
                network.dropout,
                network.test_dropout,
                network.test_norm,
            )
        },
        discriminator=PatchGan(
            images.target_channels + (planes if network.conditional else 0), network.channels, network.layers
        ),
        weights=read_weights(config.players),
        adversarial=network.adversarial,
        conditional=network.conditional,
    )


def check_crop(config: Config) -> None:
    """Raise `UserError` for training crops that the networks cannot take in."""
    crop, depth, layers = config.train.crop, config.network.depth, config.network.layers
    side = min(crop, round(crop * config.images.aspect))
    if config.images.scale != 1:
        raise UserError(f"`images.scale` is {config.images.scale}: pix2pix keeps the size; take 1, or srresnet")
    if side <= 2 ** (depth - 1):
        raise UserError(
            f"`network.depth` is {depth}, too deep for crops of {side} pixels: "
            f"at most {max(3, (side - 1).bit_length())} (or raise `train.crop`)"
        )
    if side < 3 * 2**layers:
        raise UserError(
            f"`network.layers` is {layers}: its patches take crops of at least {3 * 2**layers} pixels, "
            f"these have {side}; lower it or raise `train.crop`"
        )
