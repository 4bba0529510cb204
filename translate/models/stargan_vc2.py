"""StarGAN-VC2 (Kaneko, Kameoka, Tanaka, Hojo, Interspeech 2019; arXiv 1907.12279): one generator for many voices.

Two things are new against StarGAN-VC, and each can be switched alone, as in the paper's ablations:

    network.loss       source_target | target | classification   what tells the domains apart (sec. 3.1)
    network.condition  modulation | channels                     how the generator is told the domains (sec. 3.2)

The loss decides what the networks are told, too: with `source_target` generator and discriminator know source and
target; with `target` both know the target alone; with `classification` the discriminator knows none of them, and tells
the domain itself.

Guesses and deviations from the paper:
    - The default codec is WORLD's mel-band DCT with 36 coefficients at 22.05 kHz (`features.codec=sptk` gives
      mel-cepstra).
    - Scale and shift of a conditional instance norm are the sum of one row per source and one per target, and so is
      the discriminator's embedding; a row of its own for every pair would not grow with new speakers.
    - The discriminator has no norms: with CycleGAN-VC2's instance norms before the sum over all positions, the
      adversarial gradient at the generator's output is a thousand times that of the weighted cycle (measured on fresh
      networks; without them the two are equal). Fresh embeddings are as large as the rows of its linear layer.
    - `network.residual` is ours, and off: with it blocks add to their input. The paper's do not; without it, small
      networks take several times as many steps to reconstruct anything.
    - In `channels` the code enters before the first layer and before every block; the paper gives no table.
    - In `classification` the classifier is a second linear layer of the discriminator with the weight 1; StarGAN-VC's
      is a network of its own.
    - The learning rates are constant over all 300,000 steps; the paper tells of no schedule.
"""

from typing import Literal

from pydantic import Field

from translate.config import (
    DataConfig,
    LossWeight,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    Weight,
    WorldConfig,
)
from translate.games.base import read_weights
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.networks.star_vc2 import StarVc2Discriminator, StarVc2Generator

TASK = "voice conversion among many domains"
PAPER = "Kaneko et al. 2019, arXiv 1907.12279"

# Of `network.loss`: the game, what the generator is told, and how many domains each network is told.
Game = Literal["plain", "target", "source_target"]
GAMES: dict[str, tuple[Game, Literal["target", "source_target"], int, int]] = {
    #                  game             codes            generator  discriminator
    "source_target":  ("source_target", "source_target", 2,         2),
    "target":         ("target",        "target",        1,         1),
    "classification": ("plain",         "target",        1,         0),
}  # fmt: skip


class Network(Section):
    loss: Literal["source_target", "target", "classification"] = "source_target"
    condition: Literal["modulation", "channels"] = "modulation"
    channels: int = Field(128, ge=4, multiple_of=4)                 # of the first convolution; the others follow
    blocks: int = Field(9, ge=1)                                    # gated convolutions in the generator's middle
    residual: bool = False                                          # they add to their input; for short trainings
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "hinge"] = "lsgan"


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    classification: Weight = 1.0                                    # of `loss: classification`
    cycle: Weight = 10.0
    identity: Weight = LossWeight(weight=5.0, until=10_000)


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0
    classification: Weight = 1.0                                    # of `loss: classification`


class Generator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=36)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=300_000, batch_size=8, crop=256, decay_from=1.0)


def build(config: Config) -> StarGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, domains = config.network, config.data.domains
    check_domains(domains, exclusive=True, sets=(), groups=())
    game, codes, told, judged = GAMES[network.loss]
    classifies = network.loss == "classification"
    return StarGame(
        domains=domains,
        generator=StarVc2Generator(
            config.features.dimensions,
            len(domains),
            told,
            network.channels,
            network.blocks,
            network.condition,
            network.residual,
        ),
        discriminator=StarVc2Discriminator(len(domains), judged, network.channels, classes=classifies),
        weights=read_weights(config.players, without=() if classifies else ("classification",)),
        exclusive=True,
        adversarial=network.adversarial,
        discriminator_steps=1,
        game=game,
        codes=codes,
    )
