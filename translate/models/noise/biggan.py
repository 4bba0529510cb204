"""BigGAN (Brock, Donahue, Simonyan, ICLR 2019; arXiv 1809.11096): SAGAN at a large scale, with batches of 2048.

The parts that can be switched:

    network.labels        told: a shared embedding sets the generator's norms, projection in the discriminator; none:
                          neither
    network.latent        cut into `layers` + 1 equal parts, one for the coarsest map and one for each block
    network.attention     halvings of the picture at whose size there is attention: 1 for 64 x 64 of 128 x 128; 0: none
    train.accumulate      micro-batches of a step, where a batch does not fit into memory
    players.generator.losses.orthogonal         the orthogonal penalty (eq. 3)
    truncation=0.5        an option of `translate generate`: entries of z beyond it are drawn again (section 3.1)

The defaults are the paper's for ImageNet at 128 x 128 pixels (section 3, appendices B and C): 96 channels, Adam with
5e-5 and 2e-4, two turns of the discriminator per turn of the generator, whose weights are averaged with 0.9999. With
1000 labels the networks have 70.4 M and 88.0 M parameters.

Deviations from the paper and its code:
    - Adam's epsilon is 1e-8, and that of the spectral norm 1e-12; 1e-6 both in the code.
    - Spectral norm is that of PyTorch: one power iteration per pass, begun with fifteen.
    - The orthogonal penalty is that of eq. 3, on the weights behind the spectral norm, of the generator; the code
      applies half its gradient to the weights before it.
    - Keys and values of the attention are pooled, as in the code.
    - Averages of the weights span fewer steps at first; the code begins them after 20,000.
    - Labels of generated samples are those of the real batch; the code draws them uniformly.
    - The generator's batch norms take their statistics of a micro-batch, under `train.accumulate`; across all devices
      in the paper.
    - The blocks of BigGAN-deep are not there.
    - Pictures of other sizes than 128 double their channels at each halving, up to 16 times as many; the paper's for
      256 pixels stay at 8 times for two sizes.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, Section, TrainConfig
from translate.games.latent import Latent
from translate.games.noise import Labels, NoiseGame, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.networks.biggan import BigganDiscriminator, BigganGenerator


class Network(Section):
    latent: int = Field(120, ge=1)                                  # entries of the noise z, cut into layers + 1 parts
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "told"                                         # told: by norm and by projection
    shared: int = Field(128, ge=1)                                  # entries of a label's embedding
    channels: int = Field(96, ge=1)                                 # generator's before the picture; coarser have more
    judge_channels: int = Field(96, ge=1)                           # discriminator's behind the picture; likewise
    layers: int = Field(5, ge=1, le=8)                              # doublings; 5: 128 pixels from 4
    attention: int = Field(1, ge=0)                                 # halvings of the picture before it; 0: none
    adversarial: Adversarial = "hinge"
    discriminator_steps: int = Field(2, ge=1)                       # steps per step of the generator
    generator_batch: int = Field(1, ge=1)                           # generator's batch over train.batch_size


class Biggan(NoiseModel):
    title = "BigGAN"
    task = "pictures from noise"
    paper = "Brock et al. 2019, arXiv 1809.11096"
    tiny = {
        **NoiseModel.tiny,
        "network": {"latent": 12, "shared": 6, "channels": 4, "judge_channels": 4, "layers": 3, "attention": 1},
        "train": {**NoiseModel.tiny["train"], "batch_size": 8, "accumulate": 1},
    }

    network: Network = Network()
    images: ImageConfig = ImageConfig(size=128, flip=True)
    train: TrainConfig = TrainConfig(steps=500_000, batch_size=2048, accumulate=8, crop=128, decay_from=1.0)
    players: Players = {
        "generator": player(5e-5, (0.0, 0.999), adversarial=1, orthogonal=1e-4).model_copy(update={"average": 0.9999}),
        "discriminator": player(2e-4, (0.0, 0.999), adversarial=1),
    }

    def build(self) -> NoiseGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "asked", "network.labels", "BigGAN is told labels (projection); wgan_gp asks for them")
        self.refuse(n.attention >= n.layers, "network.attention", f"expected less than `network.layers`, {n.layers}")
        self.refuse(
            bool(n.latent % (n.layers + 1)),
            "network.latent",
            f"every block takes a part of the noise; expected a multiple of {n.layers + 1} (`network.layers` + 1)",
        )
        check_labels(n.labels, domains)
        return NoiseGame(
            BigganGenerator(n.latent, planes, size, n.channels, n.layers, n.attention, self.entries, n.shared),
            BigganDiscriminator(planes, n.judge_channels, n.layers, n.attention, self.entries),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            n.generator_batch,
        )
