"""Parallel voice conversion by the mean squared error: the baseline for the adversarial models.

This model has no paper of its own: a gated 1-D convolutional network maps aligned frames of one speaker to those of
another and minimises the squared error alone, as statistical converters do (Desai et al. 2010, IEEE TASLP 18(5), use a
perceptron). It learns the mean of all targets that fit a source, so its spectra are over-smoothed: the global variance
of the upper coefficients collapses. The postfilter recipes start from its output and restore the variance.

Choices:
    - The network is the 1-D generator of CycleGAN-VC, narrower and shorter.
    - Recordings are aligned by dynamic time warping before training; converted speech keeps the source's timing.
"""

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.paired import PairedGame
from translate.models.base import Players, SpeechModel, player
from translate.networks.cnn1d import Generator1d


class Network(Section):
    channels: int = Field(64, ge=1)  # channels after the first gate; other widths scale with it
    blocks: int = Field(2, ge=1)                                    # residual blocks


class MseVc(SpeechModel):
    title = "Squared error"
    task = "voice conversion, paired"
    paper = "mean squared error, as Desai et al. 2010"

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=35)
    data: DataConfig = DataConfig(batches="paired")
    train: TrainConfig = TrainConfig(steps=10_000, batch_size=8, crop=128)
    players: Players = {"generator": player(5e-4, l2=1)}

    def build(self) -> PairedGame:
        network = Generator1d(self.features.dimensions, self.network.channels, self.network.blocks)
        return PairedGame(self.data.pair(), {"map": network}, None, self.weights())
