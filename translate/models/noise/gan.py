"""GAN (Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio, NIPS 2014; arXiv 1406.2661):
samples from noise, by two fully connected networks.

The parts that can be switched:

    network.adversarial   nonsaturating, as the paper trains (sec. 3), or saturating: its eq. 1, the minimax game, whose
                          generator learns little while the discriminator is sure
    network.labels        told: both networks get the label (Mirza and Osindero 2014, arXiv 1411.1784)
    network.discriminator_steps
                          turns of the discriminator per turn of the generator, k in algorithm 1

The defaults are those of the paper's code for MNIST, 28 x 28 gray pixels, as far as its settings are remembered:
noise of 100 entries, two layers of 1200 rectifiers; two of 240 maxout units with 5 pieces each; dropout 0.2 and 0.5.

Deviations from the paper:
    - Adam at 2e-4; the paper's code takes stochastic gradient descent with a rate of 0.1 that decays and a momentum
      that grows.
    - Pixels are in [-1, 1] and the output is a tanh; in the paper in [0, 1], with a sigmoid.
    - Noise is uniform on [-1, 1]; the width of the code's interval is not known here. No limit on the norms of the
      discriminator's columns.
    - 100,000 steps; the paper gives no number.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.games.latent import Latent
from translate.games.noise import Labels, NoiseGame, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.dense import DenseDiscriminator, DenseGenerator


class Network(Section):
    latent: int = Field(100, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "uniform"                 # its distribution
    labels: Labels = "none"                                         # told: both networks get the label
    channels: int = Field(1200, ge=1)                               # units of the generator's hidden layers
    judge_channels: int = Field(240, ge=1)                          # maxout units of the discriminator's hidden layers
    layers: int = Field(2, ge=1)                                    # hidden layers of both networks
    adversarial: Adversarial = "nonsaturating"
    discriminator_steps: int = Field(1, ge=1)                       # steps per step of the generator


class Gan(NoiseModel):
    title = "GAN"
    task = "pictures from noise"
    paper = "Goodfellow et al. 2014, arXiv 1406.2661"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 16, "judge_channels": 8}}

    network: Network = Network()
    images: ImageConfig = ImageConfig(target_channels=1, flip=False)
    train: TrainConfig = TrainConfig(steps=100_000, batch_size=100, crop=28, decay_from=1.0)
    players: Players = {
        "generator": player(2e-4, adversarial=1),
        "discriminator": player(2e-4, adversarial=1, gradient_penalty=0, r1=0),
    }

    def build(self) -> NoiseGame:
        self.check_size(0)
        n, domains = self.network, self.data.domains
        self.refuse(n.labels == "asked", "network.labels", "this discriminator has no classifier; take none or told")
        check_labels(n.labels, domains)
        return NoiseGame(
            DenseGenerator(n.latent, self.shape, n.channels, n.layers, self.entries),
            DenseDiscriminator(self.shape, n.judge_channels, layers=n.layers, entries=self.entries),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
        )
