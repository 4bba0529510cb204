"""DCGAN (Radford, Metz, Chintala, ICLR 2016; arXiv 1511.06434): the GAN whose networks are convolutional.

The parts that can be switched:

    network.labels        told: the label is joined to the noise, and becomes planes beside the pixels
    network.norm          batch norm in the discriminator; off, the penalties r1 and gradient_penalty may have a weight
    train.crop            height in pixels; `network.layers` times halved, a whole number must remain

The defaults are those of pytorch/examples, dcgan/main.py, for 64 x 64 pixels: 3,576,704 and 2,765,568 parameters.

Deviations from the paper and the code:
    - Noise is normal, as in the code; uniform in the paper.
    - 100,000 steps by default; the code makes 25 epochs of what it is given. For as many, set 25 x pictures / 64.
    - Pictures of other sizes than 64: the coarsest size follows from the number of layers.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.games.latent import Latent
from translate.games.noise import Labels, NoiseGame, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.dcgan import DcganDiscriminator, DcganGenerator


class Network(Section):
    latent: int = Field(100, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "none"                                         # told: both networks get the label
    channels: int = Field(64, ge=1)                                 # channels of both networks at half the size
    layers: int = Field(4, ge=1, le=8)                              # strided layers; 4: 64 pixels from 4
    norm: bool = True                                               # batch norm in the discriminator
    adversarial: Adversarial = "nonsaturating"
    discriminator_steps: int = Field(1, ge=1)                       # steps per step of the generator
    clip: float | None = Field(None, gt=0)                          # bound of the discriminator's weights; null: none


class Dcgan(NoiseModel):
    title = "DCGAN"
    task = "pictures from noise"
    paper = "Radford et al. 2016, arXiv 1511.06434"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 4, "layers": 3}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=64, flip=False)
    train: TrainConfig = TrainConfig(steps=100_000, batch_size=64, crop=64, decay_from=1.0)
    players: Players = {
        "generator": player(2e-4, adversarial=1),
        "discriminator": player(2e-4, adversarial=1, gradient_penalty=0, r1=0),
    }

    def build(self) -> NoiseGame:
        n, domains = self.network, self.data.domains
        size, planes = self.check_size(n.layers), self.images.target_channels
        self.refuse(n.labels == "asked", "network.labels", "this discriminator has no classifier; take none or told")
        check_labels(n.labels, domains)
        return NoiseGame(
            DcganGenerator(n.latent, planes, size, n.channels, n.layers, self.entries),
            DcganDiscriminator(planes, size, n.channels, n.layers, n.norm, self.entries),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            clip=n.clip,
        )
