"""GAN postfilter (Kaneko, Kameoka, Hojo, Ijima, Hiramatsu, Kashino, ICASSP 2017): texture for smooth mel-cepstra.

Statistical synthesis and conversion average over all that could have been said, and give mel-cepstra whose fine
structure is gone. The postfilter learns from pairs (synthetic, natural), aligned frame by frame, to add a residual to
the synthetic ones that makes them look natural to a discriminator. Noise beside the input makes it a sampler: one
smooth utterance has many natural ones, and `translate(..., seed=...)` draws one of them.

Deviations from the paper, and what it leaves open:
    - Noise has as many values as the features, one each (open). Conversion takes a fixed seed unless told another, so
      that it can be repeated.
    - The generator's adversarial loss is the non-saturating binary cross entropy (open).
    - Convolutions of the discriminator are padded, and it judges patches: any number of coefficients, any crop.
    - The coefficients that pass through, c0, are hidden from both networks: neither could do anything about them.
    - `network.conditional` lets the discriminator see the synthetic features beside the sample, as in pix2pix.
    - `network.strength` below 1 adds a part of the residual only, in conversion: natural variance costs accuracy.
    - Losses `features` (feature matching) and `l2`, both 0 by default, hold the result near the natural utterance when
      training is short.
    - Both domains are normalised by the natural speech's statistics (`data.normalise: target`): else the normalisation
      itself would undo the loss of variance, whatever the cause.
    - Learning rates, batch, crop and steps are guesses.
"""

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.postfilter import PostfilterGame
from translate.models.base import Adversarial, Players, SpeechModel, player
from translate.networks.postfilter import PostfilterDiscriminator, PostfilterGenerator


class Filter(Section):
    """What both postfilters have."""

    channels: int = Field(128, ge=1)                                # of the generator's first layer
    discriminator_channels: int = Field(64, ge=1)                   # of the discriminator's first layer
    conditional: bool = False                                       # the discriminator sees the source, too
    strength: float = Field(1.0, ge=0, le=1)                        # share of the residual that conversion adds
    adversarial: Adversarial = "nonsaturating"


class Network(Filter):
    keep: int = Field(1, ge=0)                                      # first coefficients that pass through; 1: c0


class GanPostfilter(SpeechModel):
    title = "GAN postfilter"
    task = "postfilter, paired"
    paper = "Kaneko et al. 2017, ICASSP"
    recipe = "postfilter"
    tiny = {**SpeechModel.tiny, "network": {"channels": 4}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, codec="sptk", dimensions=35)
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
            f"nothing is left to filter of {bins} coefficients (`features.dimensions`); take fewer",
        )  # fmt: skip
        network = PostfilterGenerator(n.channels, n.keep)
        judge = PostfilterDiscriminator(n.discriminator_channels, n.keep, planes=1 + n.conditional)
        return PostfilterGame(
            self.data.pair(), {"map": network}, judge, self.weights(), n.adversarial, n.conditional, strength=n.strength
        )
