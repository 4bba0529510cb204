"""WaveCycleGAN (Tanaka, Kaneko, Hojo, Kameoka, SLT 2018; arXiv 1809.10288): synthetic to natural waveforms.

A CycleGAN whose pictures are waves: the source is speech from a vocoder, the target recordings, and nothing is aligned.
The generator is gated and fully convolutional, its widest layers run at a quarter of the rate. That folds frequencies
(see `translate.networks.wave`), which WaveCycleGAN2 cures.

The paper has the waveform-to-waveform CycleGAN with gated convolutional networks, the adversarial loss of least
squares, and cycle and identity losses of absolute differences.

Guesses, where this was written without the paper's table:
    - 15 taps in every layer, edges reflected, 32 channels at the full rate and 128 at a quarter of it, six residual
      blocks of two gated convolutions each, pixel shuffle and instance norm as in CycleGAN-VC.
    - The discriminator: a gated layer, then four that divide the rate by 4 each; one logit every 256 samples.
    - Weights of the losses, learning rates and schedule: those of CycleGAN-VC, but the identity loss stays to the end:
      natural speech is to pass unchanged.
    - Crops of 16,384 samples, batches of one.
    - `network.skip` adds the input to the network's output, so that training starts near the identity. The default is
      false; the small configurations set it, since a plain network spends its first thousands of steps on copying.

Deviations:
    - Both domains are normalised by the mean and deviation of natural speech.
    - All sentences serve both domains (`data.non_parallel`): random crops of them are not paired.
"""

from typing import Literal

from pydantic import Field

from translate.config import (
    DataConfig,
    PlayerConfig,
    Section,
    SystemConfig,
    TrainConfig,
    WaveConfig,
    Weight,
)
from translate.errors import UserError
from translate.games.base import read_weights
from translate.games.cycle import CycleGame
from translate.networks.acoustic import ViewsDiscriminator
from translate.networks.wave import ResamplingGenerator, WaveDiscriminator

TASK = "synthetic to natural waveforms, unpaired"
PAPER = "Tanaka et al. 2018, arXiv 1809.10288"


class Network(Section):
    channels: int = Field(32, ge=1)                                 # of the generator's first layer
    blocks: int = Field(6, ge=1)                                    # residual blocks, of 4 * channels
    kernel: int = Field(15, ge=3, le=63)                            # taps of all layers; odd
    skip: bool = False                                              # the generator adds to its input
    judge_channels: int = Field(32, ge=1)                           # of the discriminator's first layer
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "wgan", "hinge"] = "lsgan"


class GeneratorLosses(Section):
    adversarial: Weight = 1.0
    cycle: Weight = 10.0
    identity: Weight = 5.0


class DiscriminatorLosses(Section):
    adversarial: Weight = 1.0


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
    features: WaveConfig = WaveConfig(sample_rate=22050)
    data: DataConfig = DataConfig(normalise="target", non_parallel=False)
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=16_384)


def build(config: Config) -> CycleGame:
    """The translator with fresh weights, drawn from torch's global random numbers."""
    network = config.network
    check_kernel(network.kernel)

    def make_discriminator() -> ViewsDiscriminator:
        judge = WaveDiscriminator(network.judge_channels, kernel=network.kernel, norm="instance")
        check_crop(config.train.crop, judge.shortest)
        return ViewsDiscriminator(judge)

    return CycleGame(
        domains=config.data.pair(),
        make_generator=lambda: ResamplingGenerator(
            network.channels, network.blocks, network.kernel, network.skip
        ),
        make_discriminator=make_discriminator,
        weights=read_weights(config.players),
        adversarial=network.adversarial,
        adversarial_steps=1,
    )


def check_kernel(kernel: int) -> None:
    """Raise `UserError` for a number of taps without a middle."""
    if kernel % 2 == 0:
        raise UserError(f"`network.kernel` is {kernel}: expected an odd number of taps, such as {kernel + 1}")


def check_crop(crop: int, shortest: int) -> None:
    """Raise `UserError` for crops that the discriminators cannot judge."""
    if crop < shortest:
        raise UserError(f"`train.crop` is {crop} samples: the discriminators need at least {shortest}; raise it")
