"""GAN postfilter (Kaneko, Kameoka, Hojo, Ijima, Hiramatsu, Kashino, ICASSP 2017): texture for smooth mel-cepstra.

Statistical synthesis and conversion average over all plausible outputs, so the fine structure of their mel-cepstra is
lost. The postfilter trains on pairs (synthetic, natural) aligned frame by frame. It adds a residual to the synthetic
mel-cepstra so that a discriminator takes them for natural ones. Noise beside the input makes it a sampler: one smooth
sequence has many natural counterparts, and `translate(..., seed=...)` draws one of them.

Deviations from the paper, and choices where it gives no details:
    - The noise has as many values as the features, one for each (not specified). Conversion uses a fixed seed unless
      another is given, so results are reproducible.
    - The generator's adversarial loss is the non-saturating binary cross entropy (not specified).
    - The discriminator's channels (64, 128, 256), 5x5 kernels and stride 2 in both directions are guesses; a public
      toolkit has 64, 128, 256 and 128 channels, 5x3 kernels and strides in one direction.
    - Convolutions of the discriminator are padded, and it judges patches: any number of coefficients, any crop.
    - The coefficients that pass through, c0, are hidden from both networks, since the generator cannot change them.
    - `network.conditional` shows the discriminator the synthetic features beside the sample, as in pix2pix.
    - `network.strength` below 1 adds only a part of the residual in conversion: natural variance costs accuracy.
    - The losses `features` (feature matching) and `l2`, both 0 by default, keep the result near the natural recording
      in short trainings.
    - Both domains are normalised by the statistics of natural speech (`data.normalise: target`); normalisation by
      domain would undo the loss of variance by itself.
    - Learning rates, batch, crop and steps are guesses.
"""

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.postfilter import PostfilterGame
from translate.models.base import Adversarial, Players, SpeechModel, player
from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator


class Filter(Section):
    """Settings that both postfilters have."""

    channels: int = Field(128, ge=1)                                # channels of the generator's first layer
    discriminator_channels: int = Field(64, ge=1)                   # channels of the discriminator's first layer
    conditional: bool = False                                       # the discriminator also sees the source
    strength: float = Field(1.0, ge=0, le=1)                        # factor on the residual in conversion
    adversarial: Adversarial = "nonsaturating"


class Network(Filter):
    keep: int = Field(1, ge=0)  # number of first coefficients that pass through; 1: c0


class GanPostfilter(SpeechModel):
    title = "GAN postfilter"
    task = "postfilter, paired"
    paper = "Kaneko et al. 2017, ICASSP"
    recipe = "postfilter"
    tiny = {**SpeechModel.tiny, "network": {"channels": 4}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=35)
    data: DataConfig = DataConfig(batches="paired", normalise="target")
    train: TrainConfig = TrainConfig(steps=50_000, batch_size=16, crop=64)
    players: Players = {
        "generator": player(2e-4, adversarial=1, features=0, l2=0),
        "discriminator": player(1e-4, adversarial=1),
    }

    def build(self) -> PostfilterGame:
        n, bins = self.network, self.features.dimensions
        self.refuse(
            n.keep >= bins, "network.keep",
            f"no coefficient is left to filter, of {bins} (`features.dimensions`); take fewer",
        )  # fmt: skip
        network = PostfilterGenerator(n.channels, n.keep)
        judge = PostfilterDiscriminator(n.discriminator_channels, n.keep, planes=1 + n.conditional)
        return PostfilterGame(
            self.data.pair(), {"map": network}, judge, self.weights(), n.adversarial, n.conditional, strength=n.strength
        )
