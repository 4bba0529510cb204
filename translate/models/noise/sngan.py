"""SN-GAN (Miyato, Kataoka, Koyama, Yoshida, ICLR 2018; arXiv 1802.05957): spectral norm in the discriminator, hinge
loss, residual networks.

The parts that can be switched:

    network.labels        told: conditional batch norm in the generator, projection in the discriminator (Miyato and
                          Koyama 2018, arXiv 1802.05637)
    network.layers        doublings of the generator: 3 for 32 pixels from 4; the discriminator halves once less

The defaults are the paper's residual networks for CIFAR-10, 32 x 32 pixels (table 4), and its setting C of Adam with
five turns of the discriminator: 50,000 turns of the generator are 250,000 steps, the rates falling to 0 from the first.

Deviations from the paper and its code:
    - Pixels are not dequantised; the code adds uniform noise below one level to them.
    - A step is a turn of the discriminator, every fifth is followed by one of the generator; the code begins with the
      generator.
    - Labels of generated samples are those of the real batch; the code draws them uniformly.
    - Spectral norm is that of PyTorch: one power iteration per pass, begun with fifteen.
    - The generator's batch is twice the discriminator's, as in the code.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.games.latent import Latent
from translate.games.noise import Labels, NoiseGame, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.residual import ResidualDiscriminator, ResidualGenerator


class Network(Section):
    latent: int = Field(128, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "none"                                         # told: by norm and by projection
    channels: int = Field(256, ge=1)                                # channels of the generator
    judge_channels: int = Field(128, ge=1)                          # channels of the discriminator
    layers: int = Field(3, ge=1, le=8)                              # doublings; 3: 32 pixels from 4
    adversarial: Adversarial = "hinge"
    discriminator_steps: int = Field(5, ge=1)                       # steps per step of the generator
    generator_batch: int = Field(2, ge=1)                           # generator's batch over train.batch_size


class Sngan(NoiseModel):
    title = "SN-GAN"
    task = "pictures from noise"
    paper = "Miyato et al. 2018, arXiv 1802.05957"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 4, "judge_channels": 4}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=32, flip=False)
    train: TrainConfig = TrainConfig(steps=250_000, batch_size=64, crop=32, decay_from=0.0)
    players: Players = {
        "generator": player(2e-4, (0.0, 0.9), adversarial=1),
        "discriminator": player(2e-4, (0.0, 0.9), adversarial=1, gradient_penalty=0, r1=0),
    }

    def build(self) -> NoiseGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "asked", "network.labels", "SN-GAN is told labels (projection); wgan_gp asks for them")
        check_labels(n.labels, domains)
        return NoiseGame(
            ResidualGenerator(n.latent, planes, size, n.channels, n.layers, self.entries),
            ResidualDiscriminator(planes, n.judge_channels, max(1, n.layers - 1), told=self.entries),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            n.generator_batch,
        )
