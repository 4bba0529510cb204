"""StyleGAN (Karras, Laine, Aila, CVPR 2019; arXiv 1812.04948): ProGAN whose generator takes noise as styles of its
layers.

The parts that can be switched, each a row of the paper's table 1, whose configurations have all those above them:

    network.blurs         B: doubling and halving are bilinear; off: as in ProGAN
    network.styles        C: a mapping network and styles; off: noise enters at the bottom, pixel norm
    network.constant      D: the coarsest input is learned; off: a linear map of w, or of the noise
    network.noisy         E: every layer gets noise
    network.mixing        F: probability of two styles in a sample; 0: one

A has none of them; `progan` is the same with the paper's loss. Here that loss is `network.adversarial: wgan` with
`gradient_penalty: 10`, `drift: 0.001` and `r1: 0`.

    network.labels        told: labels are embedded beside the noise, the discriminator has a logit per label
    growth                first level, length of the phases, batch sizes and rates of every level; `fade: 0` jumps

The defaults are those of the code for 1024 pixels: 26.2 M and 23.1 M parameters; non-saturating loss with R1 of weight
10, Adam with betas 0 and 0.99, rates from 1e-3 to 3e-3 by level, 25 million pictures, the first level 8 x 8. Its batch
sizes on eight GPUs (as far as remembered): 256, 128 and 64 at 8, 16 and 32 pixels, then 32.

Deviations from the paper and its code:
    - R1 is computed in every 16th step and weighs 16 times as much, as in StyleGAN2; the code computes it in every step
      (`players.discriminator.losses.r1: 10`).
    - The layer at which styles are mixed is drawn for every sample; in the code for every batch.
    - Noise of generated pictures is fixed, so that they depend on the latent vector alone.
    - The moving average of the generator is 0.999 per step; the code's halves in 10,000 pictures.
    - Where there are several processes, the mean of w is that of the first one's samples.
    - Deviations over groups of 4, or of the batch's largest divisor below; the code takes 4 alone.
    - Doubling is a convolution behind repeated pixels at all sizes; in the code from 128 pixels on a transposed one.
"""

from typing import Literal

from pydantic import Field

from translate.config import ImageConfig, LossWeight, Section, TrainConfig
from translate.games.growing import StyleGame
from translate.games.noise import Labels, Latent, check_labels
from translate.models.base import Adversarial, NoiseModel, Players, player
from translate.models.noise.progan import Growth, plan_phases
from translate.networks.progan import ProganDiscriminator
from translate.networks.stylegan import StyleGenerator


class Network(Section):
    latent: int = Field(512, ge=1)                                  # entries of the noise z
    noise: Literal["normal", "uniform"] = "normal"                  # its distribution
    labels: Labels = "none"                                         # told: both networks get the label
    channels: int = Field(512, ge=1)                                # most channels of a level
    capacity: int = Field(8192, ge=2)                               # level n has capacity / 2^(n + 1) at most
    layers: int = Field(8, ge=0, le=10)                             # doublings; 8: 1024 pixels from 4
    units: int = Field(512, ge=1)                                   # entries of w
    depth: int = Field(8, ge=1)                                     # layers of the mapping network
    truncated: int = Field(8, ge=1)                                 # layers that truncation concerns
    blurs: bool = True                                              # bilinear doubling and halving
    styles: bool = True                                             # mapping network and styles
    constant: bool = True                                           # a learned coarsest input
    noisy: bool = True                                              # noise in every layer
    mixing: float = Field(0.9, ge=0, le=1)                          # probability of two styles
    group: int = Field(4, ge=0)                                     # samples of a deviation; 0: none is taken
    adversarial: Adversarial = "nonsaturating"
    discriminator_steps: int = Field(1, ge=1)                       # steps per step of the generator


class Stylegan(NoiseModel):
    title = "StyleGAN"
    task = "pictures from noise"
    paper = "Karras et al. 2019, arXiv 1812.04948"
    tiny = {**NoiseModel.tiny, "network": {"latent": 8, "channels": 4, "layers": 3, "units": 8, "depth": 2}}
    at_once = {"growth": {"start": 8}}

    network: Network = Network()
    growth: Growth = Growth(
        start=1, batch_sizes=[512, 256, 128, 64, 32], rates=[1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 3.0]
    )
    images: ImageConfig = ImageConfig(size=1024)
    train: TrainConfig = TrainConfig(steps=720_000, batch_size=32, crop=1024, decay_from=1.0)
    players: Players = {
        "generator": player(1e-3, (0.0, 0.99), adversarial=1).model_copy(update={"average": 0.999}),
        "discriminator": player(
            1e-3, (0.0, 0.99), adversarial=1, r1=LossWeight(weight=10, every=16), gradient_penalty=0, drift=0
        ),
    }

    def build(self) -> StyleGame:
        n, domains, planes = self.network, self.data.domains, self.images.target_channels
        size = self.check_size(n.layers)
        self.refuse(n.labels == "asked", "network.labels", "StyleGAN is told labels; progan asks for them")
        self.refuse(n.constant and not n.styles, "network.constant", "without network.styles noise would enter nowhere")
        self.refuse(n.mixing > 0 and not n.styles, "network.mixing", "without network.styles there is nothing to mix")
        check_labels(n.labels, domains)
        return StyleGame(
            StyleGenerator(
                n.latent, planes, size, n.layers, n.channels, n.capacity, self.entries, n.units, n.depth, n.truncated,
                n.styles, n.constant, n.noisy, n.blurs,
            ),
            ProganDiscriminator(
                planes, size, n.layers, n.channels, n.capacity, n.group, told=self.entries, blurs=n.blurs
            ),
            self.weights(),
            Latent(n.latent, n.noise),
            domains,
            n.labels,
            n.adversarial,
            n.discriminator_steps,
            phases=plan_phases(self.growth, n.layers, self.train.batch_size),
            layers=n.layers,
            afresh=self.growth.afresh,
            mixing=n.mixing,
        )  # fmt: skip
