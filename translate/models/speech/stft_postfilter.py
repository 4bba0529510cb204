"""GAN postfilter for STFT spectrograms (Kaneko, Takaki, Kameoka, Yamagishi, Interspeech 2017).

The postfilter of `gan_postfilter` on log magnitudes. A GAN does not learn a whole spectrum of hundreds of bins, so the
spectrum is divided into overlapping bands. Each band has its own generator and discriminator, and the filtered bands
are joined by a cross-fade. Losses are computed on the bands before they are joined and averaged over them.

Deviations from the paper, and choices where it gives no details:
    - FFT of 1024 samples, 5 ms between frames, 4 bands, 32 bins of overlap and a cross-fade by half a Hann window are
      choices of this toolkit, as are the learning rates, batch, crop and steps.
    - All bands are trained together instead of one after the other; they share no weights.
    - Neighbouring bands get the same noise where they overlap.
    - The phase of the wave is that of the input, or is estimated by Griffin-Lim (`features.phase`).
    - Everything else as in `translate.models.speech.gan_postfilter`; no coefficient passes through.
"""

from pydantic import Field

from translate.config import DataConfig, StftConfig, TrainConfig
from translate.games.postfilter import BandGame
from translate.models.base import Players, SpeechModel, player
from translate.models.speech.gan_postfilter import Filter
from translate.networks.bands import BandDiscriminator, BandGenerator, Bands
from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator


class Network(Filter):
    bands: int = Field(4, ge=1)                                     # frequency bands, each with its own networks
    overlap: int = Field(32, ge=0, multiple_of=2)                   # bins in which neighbouring bands overlap


class StftPostfilter(SpeechModel):
    title = "STFT postfilter"
    task = "postfilter, paired"
    paper = "Kaneko et al. 2017, Interspeech"
    recipe = "postfilter"
    tiny = {**SpeechModel.tiny, "features": {"sample_rate": 8000, "fft_size": 256}, "network": {"channels": 4}}

    network: Network = Network()
    features: StftConfig = StftConfig()
    data: DataConfig = DataConfig(batches="paired", normalise="target")
    train: TrainConfig = TrainConfig(steps=50_000, batch_size=8, crop=64)
    players: Players = {
        "generator": player(2e-4, adversarial=1, features=0, l2=0),
        "discriminator": player(1e-4, adversarial=1),
    }

    def build(self) -> BandGame:
        n, bins = self.network, self.features.frame_size
        room = bins // n.bands
        self.refuse(
            max(1, n.overlap) > room, "network.overlap",
            f"{n.bands} bands of {bins} bins (`features.fft_size`) share at most {room // 2 * 2}; lower it or "
            "`network.bands`",
        )  # fmt: skip
        bands = Bands(bins, n.bands, n.overlap)
        network = BandGenerator(bands, lambda: PostfilterGenerator(n.channels))
        judge = BandDiscriminator(
            bands, lambda: PostfilterDiscriminator(n.discriminator_channels, planes=1 + n.conditional)
        )
        return BandGame(
            self.data.pair(), {"map": network}, judge, self.weights(), n.adversarial, n.conditional, strength=n.strength
        )
