"""WGAN-GP (Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, NIPS 2017; arXiv 1704.00028): a penalty on the critic's
gradient instead of clipped weights.

The parts that can be switched:

    network.labels        asked: the critic also classifies (AC-GAN; section 5.4), with the losses `classification`
    network.layers        doublings of the generator: 3 for 32 pixels from 4; the critic halves once less

The defaults are the residual networks for CIFAR-10, 32 x 32 pixels (appendix F): 128 channels, five turns of the critic
per turn of the generator, whose batch is twice the critic's; 100,000 turns of the generator are 500,000 steps, the
rates falling to 0 from the first.

Deviations from the paper and its code:
    - Pixels are not dequantised; the code adds uniform noise below one level to them.
    - Weights begin Xavier-uniform as in SN-GAN; the code takes He's rule.
    - Labels of generated samples are those of the real batch; the code draws them uniformly.
    - The critic's classifier learns from real samples only.
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
    labels: Labels = "none"                                         # asked: the critic also classifies
    channels: int = Field(128, ge=1)                                # channels of the generator
    judge_channels: int = Field(128, ge=1)                          # channels of the critic
    layers: int = Field(3, ge=1, le=8)                              # doublings; 3: 32 pixels from 4
    adversarial: Adversarial = "wgan"
    discriminator_steps: int = Field(5, ge=1)                       # steps per step of the generator
    generator_batch: int = Field(2, ge=1)                           # generator's batch over train.batch_size


class WganGp(NoiseModel):
    title = "WGAN-GP"
    task = "pictures from noise"
    paper = "Gulrajani et al. 2017, arXiv 1704.00028"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 4, "judge_channels": 4}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=32, flip=False)
    train: TrainConfig = TrainConfig(steps=500_000, batch_size=64, crop=32, decay_from=0.0)
    players: Players = {                                            # classification: 0.1 and 1 in the code, with labels
        "generator": player(2e-4, (0.0, 0.9), adversarial=1, classification=0.1),
        "discriminator": player(2e-4, (0.0, 0.9), adversarial=1, gradient_penalty=10, classification=1, drift=0),
    }

    def build(self) -> NoiseGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "told", "network.labels", "WGAN-GP asks for labels (AC-GAN); sngan is told them")
        check_labels(n.labels, domains)
        asked = n.labels == "asked"
        return NoiseGame(
            ResidualGenerator(n.latent, planes, size, n.channels, n.layers, self.entries),
            ResidualDiscriminator(
                planes, n.judge_channels, max(1, n.layers - 1), "mean", spectral=False, asked=self.entries
            ),
            self.weights(*(() if asked else ("classification",))),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            n.generator_batch,
        )
