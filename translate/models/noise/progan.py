"""ProGAN (Karras, Aila, Laine, Lehtinen, ICLR 2018; arXiv 1710.10196): networks that grow from 4 x 4 pixels to the full
size while they train, with equalised learning rates, pixel norm and the deviation over a minibatch.

The parts that can be switched:

    network.labels        asked: labels are joined to the noise, the discriminator also classifies (AC-GAN), with the
                          losses `classification`
    network.layers        doublings: 8 for 1024 pixels from 4; `train.crop` and `images.aspect` give the full size
    network.group         samples whose deviation is taken together; 0: the layer is left out
    growth                first level, length of the phases, batch sizes and rates of every level; `fade: 0` jumps

The defaults are the paper's for 1024 pixels: 23.1 M parameters each; WGAN-GP with drift, Adam at 1e-3 with betas 0 and
0.99, a moving average of the generator's weights of 0.999, batches of 16 up to 128 pixels, then 14, 6 and 3 (as far as
remembered). Phases of 600,000 pictures and 15 million in all are those of the code.

Deviations from the paper and its code:
    - Deviations over groups of 4, or of the batch's largest divisor below: 2 of 14, 3 of 3 and of 6. The code has 4;
      the paper takes the whole batch.
    - The weight of a new level rises in every step; the code makes four steps with one weight.
    - The moving average spans fewer steps in the first ones; the code's starts from the initial weights.
    - Pictures are averaged to the level's size in every step; the code reads them from files of every size.
    - With labels the classifier learns from real samples only; in the code from generated ones, too.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.errors import UserError
from translate.games.growing import GrowingGame, Phase, plan_growth
from translate.games.noise import Labels, Latent, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.progan import ProganDiscriminator, ProganGenerator


class Network(Section):
    latent: int = Field(512, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "none"                                         # asked: the discriminator also classifies
    channels: int = Field(512, ge=1)                                # most channels of a level
    capacity: int = Field(8192, ge=2)                               # level n has capacity / 2^(n + 1) at most
    layers: int = Field(8, ge=0, le=10)                             # doublings; 8: 1024 pixels from 4
    group: int = Field(4, ge=0)                                     # samples of a deviation; 0: none is taken
    adversarial: Adversarial = "wgan"
    discriminator_steps: int = Field(1, ge=1)                       # steps per step of the generator


class Growth(Section):
    start: int = Field(0, ge=0)                                     # first level; 0: the coarsest size
    hold: int = Field(600_000, ge=1)                                # pictures at each level, the last one to the end
    fade: int = Field(600_000, ge=0)                                # pictures while a level fades in; 0: at once
    batch_sizes: list[int] = []                                     # every level's, then the last's; []: train's
    rates: list[float] = [1.0]                                      # factors on the learning rates, likewise
    afresh: bool = True                                             # optimisers start afresh with every phase


class Progan(NoiseModel):
    title = "ProGAN"
    task = "pictures from noise"
    paper = "Karras et al. 2018, arXiv 1710.10196"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 4, "layers": 3}}
    at_once = {"growth": {"start": 8}}

    network: Network = Network()
    growth: Growth = Growth(batch_sizes=[16] * 6 + [14, 6, 3])
    images: ImageConfig = ImageConfig(size=1024)
    train: TrainConfig = TrainConfig(steps=2_700_000, batch_size=16, crop=1024, decay_from=1.0)
    players: Players = {                                            # classification: 1 and 1 in the code, with labels
        "generator": player(1e-3, (0.0, 0.99), adversarial=1, classification=1).model_copy(update={"average": 0.999}),
        "discriminator": player(
            1e-3, (0.0, 0.99), adversarial=1, gradient_penalty=10, drift=1e-3, classification=1
        ),
    }

    def build(self) -> GrowingGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "told", "network.labels", "ProGAN asks for labels (AC-GAN); stylegan is told them")
        check_labels(n.labels, domains)
        asked = n.labels == "asked"
        return GrowingGame(
            ProganGenerator(n.latent, planes, size, n.layers, n.channels, n.capacity, self.entries),
            ProganDiscriminator(planes, size, n.layers, n.channels, n.capacity, n.group, asked=self.entries),
            self.weights(*(() if asked else ("classification",))),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            phases=plan_phases(self.growth, n.layers, self.train.batch_size),
            layers=n.layers,
            afresh=self.growth.afresh,
        )


def plan_phases(growth: Growth, layers: int, batch_size: int) -> list[Phase]:
    """Return the phases of a growth up to the level `layers`; raise `UserError` for sizes or rates not above 0.

    `batch_size` is that of all levels where the growth names none.
    """
    if any(size < 1 for size in growth.batch_sizes):
        raise UserError(f"`growth.batch_sizes` is {growth.batch_sizes}: expected sizes of 1 or more")
    if not growth.rates or min(growth.rates) <= 0:
        raise UserError(f"`growth.rates` is {growth.rates}: expected factors above 0, one or more")
    sizes = growth.batch_sizes or [batch_size]
    return plan_growth(min(growth.start, layers), layers, growth.hold, growth.fade, sizes, growth.rates)
