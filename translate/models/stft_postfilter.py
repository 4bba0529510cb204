"""GAN postfilter for STFT spectrograms (Kaneko, Takaki, Kameoka, Yamagishi, Interspeech 2017).

The postfilter of `gan_postfilter` on log magnitudes. A GAN does not learn a whole spectrum of hundreds of bins: it is
divided into overlapping bands, each with a generator and a discriminator of its own, and the filtered bands are joined
by a cross-fade. Bands are trained before they are joined; a loss is the mean over the bands.

Deviations from the paper, and what it leaves open:
    - FFT of 1024 samples, 5 ms between frames, 4 bands, 32 bins of overlap and a cross-fade by half a Hann window are
      ours. So are the learning rates, batch, crop and steps.
    - One training for all bands, in place of one after the other; their weights and losses stay apart.
    - Neighbouring bands get the same noise where they overlap.
    - The phase of the wave is that of the input, or Griffin and Lim's (`features.phase`).
    - Everything else as in `translate.models.gan_postfilter`; no coefficient passes through.
"""

import torch
from pydantic import Field
from torch import Tensor

from translate.config import DataConfig, StftConfig, SystemConfig, TrainConfig
from translate.errors import UserError
from translate.games.base import Batch, read_weights
from translate.models.gan_postfilter import Filter, Players, PostfilterGame
from translate.networks.bands import BandDiscriminator, BandGenerator, Bands
from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator

TASK = "postfilter, paired"
PAPER = "Kaneko et al. 2017, Interspeech"


class Network(Filter):
    bands: int = Field(4, ge=1)                                     # of frequency, with networks of their own
    overlap: int = Field(32, ge=0, multiple_of=2)                   # bins that neighbouring bands share


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    features: StftConfig = StftConfig()
    data: DataConfig = DataConfig(batches="paired", normalise="target")
    train: TrainConfig = TrainConfig(steps=50_000, batch_size=8, crop=64)


class BandGame(PostfilterGame):
    """Trains bands side by side, (B, sum of F_b, T): losses see what every generator made, before the cross-fade."""

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        x, y, network = batch["source"], batch["target"], self.generator["map"]
        fake = network.generate(x, torch.randn_like(x))  # type: ignore[operator]
        split = network.bands.split  # type: ignore[union-attr]
        return torch.cat(split(x), dim=1), torch.cat(split(y), dim=1), torch.cat(fake, dim=1), {}  # type: ignore[operator]


def build(config: Config) -> BandGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, bins = config.network, config.features.fft_size // 2 + 1
    if max(1, network.overlap) > bins // network.bands:
        raise UserError(
            f"`network.overlap` is {network.overlap}: {network.bands} bands of {bins} bins (`features.fft_size`) share "
            f"at most {bins // network.bands // 2 * 2}; lower it or `network.bands`"
        )
    bands = Bands(bins, network.bands, network.overlap)
    channels, planes = network.discriminator_channels, 1 + network.conditional
    return BandGame(
        domains=config.data.pair(),
        generator={"map": BandGenerator(bands, lambda: PostfilterGenerator(network.channels))},
        discriminator=BandDiscriminator(bands, lambda: PostfilterDiscriminator(channels, planes=planes)),
        weights=read_weights(config.players),
        adversarial=network.adversarial,
        conditional=network.conditional,
        strength=network.strength,
    )
