"""SPADE, or GauGAN (Park, Liu, Wang, Zhu, CVPR 2019; arXiv 1903.07291): label maps to photographs.

The generator sees the label map in every norm. With `network.encoder` a label map can become many photographs: the
encoder of a variational autoencoder gives each training photograph a style, and `translate` takes the style of any
photograph, or draws one.

The defaults are those of COCO-Stuff: 118,287 pairs, 100 epochs of batches of 32 at a constant rate. ADE20K
(`images: {labels: 150, unknown: 255}`) and Cityscapes (`{labels: 35}`, both with `train.decay_from: 0.5`) take 200.

Deviations from the paper and its code:
    - Without an encoder the generator starts from the label map, as in the code. With one, it starts from a linear map
      of the style, of the size of a training crop; for other images it is scaled.
    - The divergence is averaged over the batch; the code sums it per GPU.
    - The discriminator's weights are drawn from N(0, 0.02), the generator's by Glorot's rule with gain 0.02.
    - VGG sees images normalised as it was trained; in the code it does not.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, ImageConfig, Section, TrainConfig, VggConfig
from translate.games.styled import StyledGame
from translate.losses.perceptual import PerceptualLoss
from translate.models.base import Adversarial, ImageModel, Players, player
from translate.models.images.pix2pixhd import VGG_LAYERS
from translate.networks.patch import MultiScale, PatchGan
from translate.networks.spade import SpadeGenerator, StyleEncoder


class Network(Section):
    channels: int = Field(64, ge=1)                                 # channels of the last block, others' first layer
    norm: Literal["batch", "instance"] = "batch"                    # norm of SPADE; for small batches: instance
    discriminators: int = Field(2, ge=1, le=5)                      # scales, each half the size of the one before
    adversarial: Adversarial = "hinge"
    encoder: bool = False                                           # images have styles
    style: int = Field(256, ge=1)                                   # length of an image's style vector


class Spade(ImageModel):
    title = "SPADE"
    task = "image translation, label maps to photographs"
    paper = "Park et al. 2019, arXiv 1903.07291"
    tiny = {
        **ImageModel.tiny,
        "images": {"labels": 3, "unknown": None, "instances": False, "size": None},
        "network": {"channels": 4, "encoder": True, "style": 4},
        "players": {"generator": {"losses": {"perceptual": 0}}},
        "train": {"crop": 64},
    }

    network: Network = Network()
    images: ImageConfig = ImageConfig(labels=182, unknown=255, instances=True, size=[286, 286])
    vgg: VggConfig = VggConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=370_000, batch_size=32, crop=256, decay_from=1.0)
    players: Players = {                                            # features: 10 in the code, which sums over layers
        "generator": player(1e-4, (0.0, 0.9), adversarial=1, features=40, perceptual=10, kl=0.05),
        "discriminator": player(4e-4, (0.0, 0.9), adversarial=1),
    }

    def build(self) -> StyledGame:
        n, images, height = self.network, self.images, self.train.crop
        planes, colours = images.source_planes, images.target_channels
        style, crop = n.style if n.encoder else None, (height, round(height * images.aspect))
        map_ = SpadeGenerator(planes, colours, n.channels, n.norm, style, crop)
        encoder = StyleEncoder(colours, n.channels, style, height) if style else None
        judge = MultiScale(
            lambda: PatchGan(planes + colours, n.channels, norm="instance", spectral=True, padding=2), n.discriminators
        )
        return StyledGame(
            self.data.pair(),
            map_,
            encoder,
            judge,
            self.weights(*["kl"] * (not n.encoder)),
            n.adversarial,
            {"perceptual": PerceptualLoss(VGG_LAYERS, self.vgg.weights)},
            style=style,
        )
