"""CycleGAN-VC (Kaneko and Kameoka, EUSIPCO 2018; arXiv 1711.11293): non-parallel voice conversion.

The 1-D gated generator, a discriminator that judges the whole crop, one-step least-squares losses, cycle
consistency, and an identity-mapping loss for the first 10,000 iterations.

Deviations from the paper:
    - Value and gate of a gated linear unit are one convolution, split in two; with instance norm this is the
      same map (see `translate.layers.gated`).
    - The discriminator's last convolution is not padded in frequency. This is a guess, as the paper gives no padding:
      its 6x3 kernel, the only even one, is as high as what is left of 24 coefficients. For Q of them it has Q/4 rows.
      `network.padded` pads a 6x3 kernel, as public versions and earlier checkpoints have it.
    - The figure ends in a sigmoid, which is left out: least squares are taken of the logit.
"""

from pydantic import Field

from translate.config import Section, TrainConfig, WorldConfig
from translate.games.cycle import CycleGame
from translate.models.base import Players, SpeechModel, Start, player, until
from translate.networks.cnn1d import Generator1d
from translate.networks.spectral import FullDiscriminator


class Network(Section):
    channels: int = Field(128, ge=1)  # channels after the first gate; other widths scale with it
    blocks: int = Field(6, ge=1)                                    # residual blocks
    padded: bool = False  # whether the discriminator's last kernel has 6 rows and padding, instead of all rows left
    pool: int = Field(0, ge=0)  # size of the pool of past fakes for the discriminators
    start: Start = "none"  # linear: generators add to the linear map; nearest: and to near frames; not in the paper


class CycleGanVc(SpeechModel):
    title = "CycleGAN-VC"
    task = "voice conversion, unpaired"
    paper = "Kaneko and Kameoka 2018, arXiv 1711.11293"
    tiny = {**SpeechModel.tiny, "train": {"crop": 32}}
    former = {"network": {"padded": True}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=24)
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=128)
    players: Players = {
        "generator": player(2e-4, adversarial=1, cycle=10, identity=until(10_000, 5)),
        "discriminator": player(1e-4, adversarial=1, r1=0),
    }

    def build(self) -> CycleGame:
        n, bins = self.network, self.features.dimensions
        short = self.train.crop < FullDiscriminator.shortest and not n.padded
        least = f"the discriminator of whole crops needs {FullDiscriminator.shortest} frames or more"
        self.refuse(short, "train.crop", least)
        return CycleGame(
            self.data.pair(),
            lambda: self.from_linear(Generator1d(bins, n.channels, n.blocks)),
            lambda: FullDiscriminator(bins, self.train.crop, n.channels, n.padded),
            self.weights(),
            pool=n.pool,
        )
