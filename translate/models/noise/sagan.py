"""SAGAN (Zhang, Goodfellow, Metaxas, Odena, ICML 2019; arXiv 1805.08318): self-attention and spectral norm in both
networks, a discriminator that learns faster.

The parts that can be switched:

    network.labels        told: conditional batch norm in the generator, projection in the discriminator; none: neither
    network.layers        doublings of the generator and halvings of the discriminator: 5 for 128 pixels
    network.attention     halvings of the picture at whose size there is attention: 2 for 32 x 32 of 128 x 128; 0: none

The defaults are the paper's for ImageNet at 128 x 128 pixels (section 5): hinge loss, the rates 1e-4 and 4e-4 of
generator and discriminator, one turn each, a million steps of 256 pictures.

Deviations from the paper and its code:
    - Keys and values of the attention are pooled, as in the code; the paper's text has them at every position.
    - Labels of generated samples are those of the real batch; the code draws them uniformly.
    - Spectral norm is that of PyTorch: one power iteration per pass, begun with fifteen.
    - Scale and shift of a label's norms begin without an effect, and have no spectral norm, as in the code.
    - Pictures of other sizes than 128: the coarsest size follows from the number of layers.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.games.latent import Latent
from translate.games.noise import Labels, NoiseGame, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.sagan import SaganDiscriminator, SaganGenerator


class Network(Section):
    latent: int = Field(128, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "told"                                         # told: by norm and by projection
    channels: int = Field(64, ge=1)                                 # generator's before the picture; coarser have more
    judge_channels: int = Field(64, ge=1)                           # discriminator's behind the picture; likewise
    layers: int = Field(5, ge=1, le=8)                              # doublings; 5: 128 pixels from 4
    attention: int = Field(2, ge=0)                                 # halvings of the picture before it; 0: none
    adversarial: Adversarial = "hinge"
    discriminator_steps: int = Field(1, ge=1)                       # steps per step of the generator
    generator_batch: int = Field(1, ge=1)                           # generator's batch over train.batch_size


class Sagan(NoiseModel):
    title = "SAGAN"
    task = "pictures from noise"
    paper = "Zhang et al. 2019, arXiv 1805.08318"
    tiny = {
        **NoiseModel.tiny,
        "network": {"latent": 8, "channels": 4, "judge_channels": 4, "layers": 3, "attention": 1},
    }

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=128, flip=True)
    train: TrainConfig = TrainConfig(steps=1_000_000, batch_size=256, crop=128, decay_from=1.0)
    players: Players = {
        "generator": player(1e-4, (0.0, 0.9), adversarial=1),
        "discriminator": player(4e-4, (0.0, 0.9), adversarial=1),
    }

    def build(self) -> NoiseGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "asked", "network.labels", "SAGAN is told labels (projection); wgan_gp asks for them")
        self.refuse(n.attention >= n.layers, "network.attention", f"expected less than `network.layers`, {n.layers}")
        check_labels(n.labels, domains)
        return NoiseGame(
            SaganGenerator(n.latent, planes, size, n.channels, n.layers, n.attention, self.entries),
            SaganDiscriminator(planes, n.judge_channels, n.layers, n.attention, self.entries),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            n.generator_batch,
        )
