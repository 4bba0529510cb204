"""SPADE, or GauGAN (Park, Liu, Wang, Zhu, CVPR 2019; arXiv 1903.07291): label maps to photographs.

The generator sees the label map in every norm. With `network.encoder` one label map has many photographs: the encoder
of a variational autoencoder gives each training photograph a style, and `translate` takes that of any photograph, or
draws one.

The defaults are those of COCO-Stuff: 118,287 pairs, 100 epochs of batches of 32 at a constant rate. ADE20K
(`images: {labels: 150, unknown: 255}`) and Cityscapes (`{labels: 35}`, both with `train.decay_from: 0.5`) take 200.

Deviations from the paper and its code:
    - The label map stands for the seed where there is no encoder, as in the code. With one, the seed is a linear map
      of the style that has the size of a training crop; for other pictures it is scaled.
    - The divergence is averaged over the batch; the code adds it up per GPU.
    - The discriminator's weights are drawn from N(0, 0.02), the generator's by Glorot's rule with gain 0.02.
    - VGG sees pictures normalised as it was trained; in the code it does not.
"""

from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from translate.config import (
    DataConfig,
    ImageConfig,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    VggConfig,
    Weight,
)
from translate.errors import UserError
from translate.games.base import Batch, read_weights
from translate.games.paired import PairedGame
from translate.losses.perceptual import PerceptualLoss
from translate.models.pix2pixhd import VGG_LAYERS
from translate.networks.patch import MultiScale, PatchGan
from translate.networks.spade import SpadeGenerator, StyleEncoder

TASK = "image translation, label maps to photographs"
PAPER = "Park et al. 2019, arXiv 1903.07291"


class Network(Section):
    channels: int = Field(64, ge=1)                                 # of the last block and of the other networks' first
    norm: Literal["batch", "instance"] = "batch"                    # of SPADE; small batches: instance
    discriminators: int = Field(2, ge=1, le=5)                      # scales, each half as large as the one before
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "hinge"
    encoder: bool = False                                           # pictures have styles
    style: int = Field(256, ge=1)                                   # numbers that are a picture's style


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    features: Weight = 40.0                                         # 10 in the code, which sums over the layers
    perceptual: Weight = 10.0
    kl: Weight = 0.05                                               # of the encoder


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0


Betas = list[Annotated[float, Field(ge=0, lt=1)]]


class Generator(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    betas: Betas = Field([0.0, 0.9], min_length=2, max_length=2)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(4e-4, gt=0)
    betas: Betas = Field([0.0, 0.9], min_length=2, max_length=2)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    images: ImageConfig = ImageConfig(labels=182, unknown=255, instances=True, size=[286, 286])
    vgg: VggConfig = VggConfig()
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=370_000, batch_size=32, crop=256, decay_from=1.0)


class StyledGame(PairedGame):
    """Label map, and a style where there is an encoder, to photograph.

    Losses as in `PairedGame`, and of the generator with an encoder

        kl  divergence of the style's distribution from N(0, 1), in nats    (Park et al. 2019, appendix A)

    Args:
        config: of the system.
    """

    def __init__(self, config: Config):
        network, images = config.network, config.images
        planes, colours, height = images.source_planes, images.target_channels, config.train.crop
        style = network.style if network.encoder else None
        crop = (height, round(height * images.aspect))
        generator: dict[str, Any] = {
            "map": SpadeGenerator(planes, colours, network.channels, network.norm, style, crop)
        }
        if style:
            generator["encoder"] = StyleEncoder(colours, network.channels, style, height)
        super().__init__(
            domains=config.data.pair(),
            generator=generator,
            discriminator=MultiScale(
                lambda: PatchGan(planes + colours, network.channels, norm="instance", spectral=True, padding=2),
                network.discriminators,
            ),
            weights=read_weights(config.players, without=() if style else ("kl",)),
            adversarial=network.adversarial,
            distances={"perceptual": PerceptualLoss(VGG_LAYERS, config.vgg.weights)},
        )
        self.style = style

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        if not self.style:
            return super().generate(batch, step)
        x, y = batch["source"], batch["target"]
        mean, logvar = (moment.float() for moment in self.generator["encoder"](y))  # (B, style)
        style = mean + (logvar / 2).exp() * torch.randn_like(mean)
        losses = {}
        if self.active("generator", "kl", step):
            losses["kl"] = measure_divergence(mean, logvar)
        return x, y, self.generator["map"](x, style), losses

    def translate(
        self, x: Tensor, source: str, target: str, style: int | Tensor | None = None, **condition: Any
    ) -> Tensor:
        """A photograph (B, C, H, W) in [-1, 1] for the label map `x` (B, planes, H, W) of any size.

        Args:
            x: label planes, and that of the boundaries between instances if trained with it.
            source, target: the domains.
            style: None: that in the middle, 0. A number: seed by which one is drawn for the whole batch. Photographs
                (B or 1, C, H, W) of any size in [-1, 1], whose style is taken. Vectors (B or 1, style) or (style,).

        Raises:
            UserError: a style that does not fit, or any style where the model has no encoder.
        """
        self.check_direction(source, target)
        return self.generator["map"](x, self._find_style(style, x))

    def _find_style(self, style: int | Tensor | None, x: Tensor) -> Tensor | None:
        if not self.style:
            if style is not None:
                raise UserError("style: this model has none; train it with network.encoder=true")
            return None
        if style is None:
            return x.new_zeros(len(x), self.style)
        if isinstance(style, int):
            drawn = torch.randn(1, self.style, generator=torch.Generator().manual_seed(style))
            return drawn.to(x).expand(len(x), -1)
        if isinstance(style, Tensor) and style.ndim == 4:
            style = self.generator["encoder"](style.to(x))[0]
        vectors = torch.as_tensor(style).to(x)
        if tuple(vectors.shape) not in {(self.style,), (1, self.style), (len(x), self.style)}:
            raise UserError(
                f"style: got the shape {tuple(vectors.shape)}; expected a number, a photograph, or {self.style} numbers"
            )
        return vectors.expand(len(x), -1)


def measure_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mean, exp(logvar)) || N(0, 1)) in nats, summed over the dimensions of (B, Z) and averaged over the batch.

    Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(dim=1).mean()


def build(config: Config) -> StyledGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    return StyledGame(config)
