"""SRResNet (Ledig et al., CVPR 2017; arXiv 1609.04802): super-resolution by residual blocks, trained on squared error.

Low resolution is bicubic (`translate.images.resize`), in [0, 1]; high resolution is in [-1, 1]. The defaults are the
paper's (section 3.2): crops of 96 pixels, batches of 16, Adam with 1e-4 and beta1 0.9, 10^6 steps at a constant rate.

Beyond the paper, each with its reason (`translate.networks.srresnet` documents them):

    network.norm      none: no batch norm (Lim et al. 2017). Faster on CPUs, and free of its artefacts.
    network.upsample  direct: all computation at low resolution (Shi et al. 2016). For small networks, whose last
                      layers would cost more than all blocks.
    network.skip      bicubic: only the residual of interpolation is learned (Kim et al. 2016, VDSR). For short
    training.
    network.kernel    that of the first and the last convolution: 9 costs most where the network is small.
    losses.l1         better measures than with the squared error after short training (Lim et al. 2017).

Deviations from the paper:
    - Trained on the user's images; the paper took 350,000 images of ImageNet.
    - The sub-pixel steps of x8 (three of 2) and x3 (one of 3) are not in the paper, which has x4, and x2 in its text.
"""

from typing import Literal

from pydantic import Field, field_validator

from translate.config import DataConfig, ImageConfig, Section, TrainConfig
from translate.games.paired import PairedGame
from translate.models.base import ImageModel, Players, player
from translate.networks.srresnet import SRResNet


class Network(Section):
    channels: int = Field(64, ge=4)                                 # channels of the residual blocks
    blocks: int = Field(16, ge=1)                                   # residual blocks
    kernel: int = Field(9, ge=1, le=15)                             # size of the first and the last convolution, odd
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
    scale: Literal[2, 3, 4, 8] = 4                                  # size of the output over size of the input


class SrResNet(ImageModel):
    title = "SRResNet"
    task = "super-resolution"
    paper = "Ledig et al. 2017, arXiv 1609.04802"
    recipe = "super_resolution"

    network: Network = Network()
    images: SrImageConfig = SrImageConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=1_000_000, batch_size=16, crop=96, decay_from=1.0)
    players: Players = {"generator": player(1e-4, (0.9, 0.999), l2=1, l1=0)}

    def build(self) -> PairedGame:
        return PairedGame(self.data.pair(), {"map": self.make_generator()}, None, self.weights())

    def make_generator(self) -> SRResNet:
        """Make the network; raise `UserError` where the sizes do not fit together."""
        n, images, crop = self.network, self.images, self.train.crop
        fitting = max(crop // images.scale, 2) * images.scale
        multiple = f"expected a multiple of images.scale, {images.scale}, such as {fitting}"
        self.refuse(crop % images.scale != 0, "train.crop", multiple)
        self.refuse(
            n.skip == "bicubic" and images.source_planes != images.target_channels, "network.skip",
            f"it adds the source ({images.source_planes} channels) to the output ({images.target_channels}); set "
            "images.source_channels and images.target_channels to the same number",
        )  # fmt: skip
        return SRResNet(
            images.source_planes, images.target_channels, images.scale, n.channels, n.blocks, n.norm, n.kernel,
            n.upsample, n.skip,
        )  # fmt: skip
