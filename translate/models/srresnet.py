"""SRResNet (Ledig et al., CVPR 2017; arXiv 1609.04802): super-resolution by residual blocks, trained on mean squares.

Low resolution is bicubic (`translate.images.resize`), in [0, 1]; high resolution is in [-1, 1]. The defaults are the
paper's (section 3.2): crops of 96 pixels, batches of 16, Adam with 1e-4 and beta1 0.9, 10^6 steps at a constant rate.

Beyond the paper, each with its reason; `translate.networks.srresnet` says what they do:

    network.norm      none: no batch norm (Lim et al. 2017). Faster on CPUs, and free of its artefacts.
    network.upsample  direct: all computation at low resolution (Shi et al. 2016). For small networks, whose last
                      layers would cost more than all blocks.
    network.skip      bicubic: only what interpolation misses is learned (Kim et al. 2016, VDSR). For short training.
    network.kernel    of the first and the last convolution: 9 costs most where the network is small.
    losses.l1         for higher numbers than mean squares in short training (Lim et al. 2017).

Deviations from the paper:
    - Trained on what you give; the paper took 350,000 pictures of ImageNet.
    - The sub-pixel steps of x8 and x3 are ours (three steps of 2, one of 3); the paper has x4 alone, x2 as in its text.
"""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from translate.config import DataConfig, ImageConfig, PlayerConfig, Section, SystemConfig, TrainConfig, Weight
from translate.errors import UserError
from translate.games.base import read_weights
from translate.games.paired import PairedGame
from translate.networks.srresnet import SRResNet

TASK = "super-resolution"
PAPER = "Ledig et al. 2017, arXiv 1609.04802"


class Network(Section):
    channels: int = Field(64, ge=4)                                 # of the residual blocks
    blocks: int = Field(16, ge=1)                                   # residual blocks
    kernel: int = Field(9, ge=1, le=15)                             # odd; of the first and the last convolution
    norm: Literal["batch", "none"] = "batch"
    upsample: Literal["steps", "direct"] = "steps"                  # direct: everything at low resolution
    skip: Literal["none", "bicubic"] = "none"                       # bicubic: added to the output

    @field_validator("kernel")
    @classmethod
    def _check_kernel(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("expected an odd number, such as 9")
        return kernel


class SrImageConfig(ImageConfig):
    scale: Literal[2, 3, 4, 8] = 4                                  # how many times larger the output is


class GeneratorLosses(Section):
    l2: Weight = 1.0
    l1: Weight = 0.0


class SrPlayer(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field([0.9, 0.999], min_length=2, max_length=2)


class Generator(SrPlayer):
    losses: GeneratorLosses = GeneratorLosses()


class Players(Section):
    generator: Generator = Generator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    images: SrImageConfig = SrImageConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=1_000_000, batch_size=16, crop=96, decay_from=1.0)


def build(config: Config) -> PairedGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    return PairedGame(
        domains=config.data.pair(),
        generator={"map": make_generator(config.network, config.images, config.train.crop)},
        discriminator=None,
        weights=read_weights(config.players),
    )


def make_generator(network: Network, images: ImageConfig, crop: int) -> SRResNet:
    """The network, once the sizes of the configuration fit together (`UserError`)."""
    if crop % images.scale:
        fitting = max(crop // images.scale, 2) * images.scale
        expected = f"expected a multiple of images.scale, {images.scale}, such as {fitting}"
        raise UserError(f"`train.crop` is {crop}: {expected}")
    if network.skip == "bicubic" and images.source_planes != images.target_channels:
        raise UserError(
            f"`network.skip` is bicubic: it adds the source ({images.source_planes} channels) to the output "
            f"({images.target_channels}); set images.source_channels and images.target_channels to the same number"
        )
    return SRResNet(
        source=images.source_planes,
        target=images.target_channels,
        scale=images.scale,
        channels=network.channels,
        blocks=network.blocks,
        norm=network.norm,
        kernel=network.kernel,
        upsample=network.upsample,
        skip=network.skip,
    )
