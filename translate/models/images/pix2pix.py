"""pix2pix (Isola, Zhu, Zhou, Efros, CVPR 2017; arXiv 1611.07004): paired image translation.

The parts of the paper that can be switched:

    network.depth                    8 for 256 pixels (U-Net-256), 7 for 128
    network.layers                   1 to 6: patches of 16, 34, 70, 142, 286 or 574 pixels (sec. 3.2.2 and 4.4)
    network.conditional              the discriminator sees the source, or not (Table 1: cGAN or GAN)
    players.generator.losses.l1 and .adversarial; either may be 0 (Table 1)
    network.test_dropout, test_norm  what dropout and batch norm do at test time (sec. 3.2.1 and 3.3)
    players.discriminator.losses.adversarial
                                     0.5: the paper halves the discriminator's objective to slow it down (sec. 3.3)

The defaults train the facades: 400 pairs, 200 epochs, batches of one: 80,000 steps, the rate falling over the second
half. For other sets, set epochs x pairs (maps: 1,096 pairs, 200 epochs: 219,200).

Deviations from the paper and its code:
    - The generator is updated first, then the discriminator judges the same fakes; in the code, the other way round.
    - In evaluation `test_norm: batch` normalises every image by itself, so that an image's translation does not
      depend on its neighbours; the paper's test batches hold one image, which is equivalent.
    - Training images are resized to 286 x 286 whatever their shape, as in the code; translation keeps the shape and
      the size of its input (the code resizes it to 256 x 256).
    - Dropout is in the three innermost levels of the decoder, as in the paper and the Lua code; the later PyTorch code
      leaves out the innermost.
    - Crops are square unless `images.aspect` says otherwise.
    - Images of any size are translated: odd levels are padded by a row or column and cropped.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, ImageConfig, Section, TrainConfig
from translate.games.paired import PairedGame
from translate.models.base import Adversarial, ImageModel, Players, player
from translate.networks.patch import PatchGan
from translate.networks.unet import UNet


class Network(Section):
    channels: int = Field(64, ge=1)                                 # channels of the first layer of both networks
    depth: int = Field(8, ge=3, le=10)                              # levels of the U-Net; 2^depth is about the crop
    layers: int = Field(3, ge=1, le=6)                              # strided layers of the discriminator; 3: 70 pixels
    conditional: bool = True                                        # the discriminator sees the source, too
    adversarial: Adversarial = "nonsaturating"
    dropout: bool = True                                            # the generator's only noise
    test_dropout: bool = True                                       # dropout at test time: outputs vary with the seed
    test_norm: Literal["batch", "running"] = "batch"                # the image's own statistics, or the training's


class Pix2Pix(ImageModel):
    title = "pix2pix"
    task = "image translation, paired"
    paper = "Isola et al. 2017, arXiv 1611.07004"
    tiny = {**ImageModel.tiny, "network": {"channels": 4, "depth": 5}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=[286, 286])
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=80_000, batch_size=1, crop=256, decay_from=0.5)
    players: Players = {
        "generator": player(2e-4, adversarial=1, l1=100),
        "discriminator": player(2e-4, adversarial=0.5),
    }

    def build(self) -> PairedGame:
        self.check_crop()
        n, planes, colours = self.network, self.images.source_planes, self.images.target_channels
        unet = UNet(planes, colours, n.channels, n.depth, n.dropout, n.test_dropout, n.test_norm)
        judge = PatchGan(colours + planes * n.conditional, n.channels, n.layers)
        return PairedGame(self.data.pair(), {"map": unet}, judge, self.weights(), n.adversarial, n.conditional)

    def check_crop(self) -> None:
        """Raise `UserError` for training crops that are too small for the networks."""
        n, side, smallest = self.network, self.side, 3 * 2**self.network.layers
        self.refuse(self.images.scale != 1, "images.scale", "pix2pix keeps the size; take 1, or srresnet")
        deepest = max(3, (side - 1).bit_length())
        self.refuse(
            side <= 2 ** (n.depth - 1), "network.depth",
            f"too deep for crops of {side} pixels: at most {deepest} (or raise `train.crop`)",
        )  # fmt: skip
        self.refuse(
            side < smallest, "network.layers",
            f"its patches take crops of at least {smallest} pixels, these have {side}; lower it or raise `train.crop`",
        )  # fmt: skip
