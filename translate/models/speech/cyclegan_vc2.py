"""CycleGAN-VC2 (Kaneko, Kameoka, Tanaka, Hojo, ICASSP 2019; arXiv 1904.04631): non-parallel voice conversion.

CycleGAN-VC2 changes three things in CycleGAN-VC; each can be switched on its own, as in the paper's ablation (Table 1):

    network.adversarial_steps   1 | 2             one-step or two-step adversarial losses (sec. 3.1)
    network.generator           1d | 2d | 2-1-2d  (sec. 3.2); flat is ours, at the full frame rate, without norms
    network.discriminator       full | patch      (sec. 3.3); frames is ours, of c1, c2, ... as channels

Deviations from the paper:
    - The 2d generator keeps the sampling layers of the 2-1-2d and replaces its middle by 3x3 residual blocks; the
      paper gives no table for it.
    - The 1d generator and the full discriminator are those of CycleGAN-VC, at its widths. The 6x3 kernel of the latter
      is padded and keeps the height. This is a guess: here it is lower than what is left, 9 rows of 35 coefficients.

For two speakers of one gender the paper filters the source's wave instead of using the vocoder: the option `difference`
of a conversion.
"""

from typing import Literal

from pydantic import Field
from torch import nn

from translate.config import Section, TrainConfig, WorldConfig
from translate.games.cycle import CycleGame
from translate.models.base import Adversarial, Players, SpeechModel, Start, player, until
from translate.networks.cnn1d import Generator1d
from translate.networks.cnn212 import Generator2d
from translate.networks.flat import FlatGenerator
from translate.networks.spectral import FrameDiscriminator, FullDiscriminator, PatchDiscriminator


class Network(Section):
    generator: Literal["1d", "2d", "2-1-2d", "flat"] = "2-1-2d"    # flat: ours, for little data
    discriminator: Literal["full", "patch", "frames"] = "patch"     # frames: ours, for little data
    channels: int = Field(128, ge=4, multiple_of=4)  # channels of the first convolution; other widths scale with it
    blocks: int = Field(6, ge=1)                                    # residual blocks
    adversarial: Adversarial = "lsgan"
    adversarial_steps: Literal[1, 2] = 2                            # 2: the cycled output is judged as well
    discriminators: Literal[1, 2] = 2  # per domain; 2: a separate one for the cycled output
    pool: int = Field(0, ge=0)  # size of the pool of past fakes for the discriminators
    start: Start = "none"  # linear: generators add to the linear map; nearest: and to near frames; not in the paper


class CycleGanVc2(SpeechModel):
    title = "CycleGAN-VC2"
    task = "voice conversion, unpaired"
    paper = "Kaneko et al. 2019, arXiv 1904.04631"

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=35)  # 34 mel-cepstra and c0
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=128)
    players: Players = {
        "generator": player(2e-4, adversarial=1, second_adversarial=1, cycle=10, identity=until(10_000, 5)),
        "discriminator": player(1e-4, adversarial=1, second_adversarial=1, r1=0),
    }

    def build(self) -> CycleGame:
        n = self.network
        return CycleGame(
            self.data.pair(),
            self.make_generator,
            self.make_discriminator,
            self.weights(*["second_adversarial"] * (n.adversarial_steps == 1)),
            n.adversarial,
            n.adversarial_steps,
            n.discriminators,
            n.pool,
        )

    def make_generator(self) -> nn.Module:
        n, bins = self.network, self.features.dimensions
        if n.generator == "flat":
            return self.from_linear(FlatGenerator(bins, n.channels, n.blocks))
        if n.generator == "1d":
            return self.from_linear(Generator1d(bins, n.channels, n.blocks))
        return self.from_linear(Generator2d(bins, n.channels, n.blocks, middle=1 if n.generator == "2-1-2d" else 2))

    def make_discriminator(self) -> nn.Module:
        n = self.network
        if n.discriminator == "frames":
            return FrameDiscriminator(self.features.dimensions, n.channels)
        if n.discriminator == "full":
            return FullDiscriminator(self.features.dimensions, self.train.crop, n.channels, padded=True)
        return PatchDiscriminator(n.channels)
