"""StarGAN-VC (Kameoka, Kaneko, Tanaka, Hojo, SLT 2018; arXiv 1806.02169): one generator for many voices.

Three players: the generator is told the wanted domain, the discriminator judges speech given a domain, and a classifier
of its own tells the domain. One model converts between all pairs of `data.domains`.

    network.adversarial   nonsaturating (cross entropy, the paper's) | lsgan | wgan (with a gradient penalty)

New voices join a trained model by fine-tuning: `train.start_from` names its run, `data.domains` the old and the new.

Guesses and deviations from the paper:
    - The default codec is WORLD's mel-band DCT with 36 coefficients at 22.05 kHz; the paper has 36 mel-cepstra
      (`features.codec=sptk`).
    - Weights of the losses, learning rates, batch, crop and steps are guesses; the paper tells of no numbers. They are
      those of CycleGAN-VC, with batches of 8.
    - Instance norm in the generator; none in discriminator and classifier, where it would hide the code.
    - Each stretch of speech is judged and classified by itself, and the losses average. The paper multiplies the
      stretches' probabilities; its logarithm is the same but for the discriminator's term on fakes.
    - The kernels around the middle have as many rows as a quarter of the coefficients: the paper's 9 for 36.
    - The classifier sees all of the 8 coefficients that it hears, c0 among them.
    - The classifier learns from real speech at every step, under every `network.adversarial`.
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
from translate.networks.star_vc import StarVcClassifier, StarVcDiscriminator, StarVcGenerator

TASK = "voice conversion among many domains"
PAPER = "Kameoka et al. 2018, arXiv 1806.02169"


class Network(Section):
    channels: int = Field(32, ge=4, multiple_of=4)                  # of the first layers; the classifier has a quarter
    bottleneck: int = Field(5, ge=1)                                # channels between encoder and decoder
    adversarial: Literal["nonsaturating", "lsgan", "wgan"] = "nonsaturating"
    discriminator_steps: int = Field(1, ge=1)                       # per step of the generator


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    classification: Weight = 1.0
    cycle: Weight = 10.0
    identity: Weight = LossWeight(weight=5.0, until=10_000)


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0
    gradient_penalty: Weight = 10.0                                 # of `adversarial: wgan`


class ClassifierLosses(Section):
    classification: Weight = 1.0


class Generator(PlayerConfig):
    learning_rate: float = Field(2e-4, gt=0)
    losses: GeneratorLosses = GeneratorLosses()


class Discriminator(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    losses: DiscriminatorLosses = DiscriminatorLosses()


class Classifier(PlayerConfig):
    learning_rate: float = Field(1e-4, gt=0)
    losses: ClassifierLosses = ClassifierLosses()


class Players(Section):
    generator: Generator = Generator()
    discriminator: Discriminator = Discriminator()
    classifier: Classifier = Classifier()


class Config(SystemConfig):
    network: Network = Network()
    players: Players = Players()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=36)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=8, crop=128)


def build(config: Config) -> StarGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network, domains, dimensions = config.network, config.data.domains, config.features.dimensions
    check_domains(domains, exclusive=True, sets=(), groups=())
    entries = len(domains)
    return StarGame(
        domains=domains,
        generator=StarVcGenerator(dimensions, entries, network.channels, network.bottleneck),
        discriminator=StarVcDiscriminator(dimensions, entries, network.channels),
        weights=read_weights(config.players, without=() if network.adversarial == "wgan" else ("gradient_penalty",)),
        exclusive=True,
        adversarial=network.adversarial,
        discriminator_steps=network.discriminator_steps,
        classifier=StarVcClassifier(entries, network.channels // 4),
        game="target",
    )
