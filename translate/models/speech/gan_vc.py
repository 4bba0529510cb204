"""GAN-VC (Kaneko, Kameoka, Hiramatsu, Kashino, Interspeech 2017): parallel conversion with a learned similarity.

A converter that minimises an error frame by frame averages over all plausible outputs and over the errors of the
alignment: it over-smooths. Here the error is measured in the activations of a discriminator, which learns what
distinguishes natural speech and tolerates a shift by a frame; the adversarial loss makes the result natural.

Deviations from the paper, and choices where it gives no details:
    - Networks: the 1-D gated generator of CycleGAN-VC and the patch discriminator of CycleGAN-VC2, both by the same
      authors.
    - Similarity: absolute differences, averaged over all layers of the discriminator (`losses/features.py`); the paper
      squares the differences of one layer.
    - Weights of the losses, learning rates, batch and steps are guesses.
    - Recordings are aligned by dynamic time warping before training; converted speech keeps the source's timing.
"""

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.paired import PairedGame
from translate.models.base import Adversarial, Players, SpeechModel, player
from translate.networks.cnn1d import Generator1d
from translate.networks.spectral import PatchDiscriminator


class Network(Section):
    channels: int = Field(128, ge=4, multiple_of=4)  # channels of both first layers; other widths scale with it
    blocks: int = Field(6, ge=1)                                    # residual blocks
    adversarial: Adversarial = "nonsaturating"


class GanVc(SpeechModel):
    title = "GAN-VC"
    task = "voice conversion, paired"
    paper = "Kaneko et al. 2017, Interspeech"

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=35)
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=100_000, batch_size=4, crop=128)
    players: Players = {
        "generator": player(2e-4, adversarial=1, features=10),
        "discriminator": player(1e-4, adversarial=1),
    }

    def build(self) -> PairedGame:
        n = self.network
        network = Generator1d(self.features.dimensions, n.channels, n.blocks)
        judge = PatchDiscriminator(n.channels)
        return PairedGame(self.data.pair(), {"map": network}, judge, self.weights(), n.adversarial, conditional=False)
