"""CycleGAN (Zhu, Park, Isola, Efros, ICCV 2017; arXiv 1703.10593): unpaired image translation.

The parts that can be switched:

    network.blocks     9 residual blocks for 256 pixels, 6 for 128 (appendix 7.2)
    network.upsample   transposed | resize | pixelshuffle; the paper's transposed convolutions may leave checkerboards,
                       the two others do not
    players.generator.losses.identity
                       half the cycle's weight; the paper uses it for paintings to photographs only (sec. 5.2), its
                       code for everything
    players.discriminator.losses.adversarial
                       0.5: the discriminators' objectives are halved (appendix 7.1)

The defaults train horse2zebra: 1,334 images of the larger domain, 200 epochs, batches of one: 266,800 steps, the rate
falling over the second half. For other sets, set epochs x images of the larger domain.

Deviations from the paper and its code:
    - Images keep their aspect: the short side becomes 286 before a square crop; the code resizes both sides to 286
      (`images.size=[286, 286]`).
    - Convolutions before an instance norm have no bias, which the norm would remove.
    - Both maps have the same number of input and output channels; without the identity loss, the code allows two.
    - Images of any size are translated: the right and lower edges are repeated up to a multiple of 4 and cropped.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, ImageConfig, Section, TrainConfig
from translate.errors import UserError
from translate.games.cycle import CycleGame
from translate.models.base import Adversarial, ImageModel, Players, player
from translate.networks.patch import PatchGan
from translate.networks.resnet import ResNet


class Network(Section):
    channels: int = Field(64, ge=1)                                 # channels of the first layer of all networks
    blocks: int = Field(9, ge=1)                                    # residual blocks; 6 for 128 pixels
    upsample: Literal["transposed", "resize", "pixelshuffle"] = "transposed"
    layers: int = Field(3, ge=1, le=6)                              # strided layers of the discriminators; 3: 70 pixels
    adversarial: Adversarial = "lsgan"
    pool: int = Field(50, ge=0)                                     # older fakes kept for the discriminators


class CycleGan(ImageModel):
    title = "CycleGAN"
    task = "image translation, unpaired"
    paper = "Zhu et al. 2017, arXiv 1703.10593"

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=286)
    data: DataConfig = DataConfig(batches="unpaired")
    train: TrainConfig = TrainConfig(steps=266_800, batch_size=1, crop=256, decay_from=0.5)
    players: Players = {
        "generator": player(2e-4, adversarial=1, cycle=10, identity=5),
        "discriminator": player(2e-4, adversarial=0.5),
    }

    def build(self) -> CycleGame:
        self.check_images()
        n, channels = self.network, self.images.source_channels
        return CycleGame(
            self.data.pair(),
            lambda: ResNet(channels, channels, n.channels, n.blocks, n.upsample),
            lambda: PatchGan(channels, n.channels, n.layers, norm="instance"),
            self.weights(),
            n.adversarial,
            pool=n.pool,
        )

    def check_images(self) -> None:
        """Raise `UserError` for images that differ between the domains, or crops too small for the networks."""
        images, smallest = self.images, 3 * 2**self.network.layers
        if images.labels is not None:
            raise UserError(
                "`images.labels` is set, but CycleGAN takes label maps as colour pictures only: set it to null"
            )
        self.refuse(images.scale != 1, "images.scale", "CycleGAN keeps the size; take 1, or srresnet")
        if images.source_channels != images.target_channels:
            raise UserError(
                f"`images.source_channels` is {images.source_channels} and `images.target_channels` "
                f"{images.target_channels}: CycleGAN takes one number for both; 3 reads gray pictures as colour"
            )
        self.refuse(
            self.side < smallest, "network.layers",
            f"its patches take crops of at least {smallest} pixels, these have {self.side}; lower it or raise "
            "`train.crop`",
        )  # fmt: skip
