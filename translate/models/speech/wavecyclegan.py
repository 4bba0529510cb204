"""WaveCycleGAN (Tanaka, Kaneko, Hojo, Kameoka, SLT 2018; arXiv 1809.10288): synthetic to natural waveforms.

A CycleGAN on waves: the source is speech from a vocoder, the target natural recordings, and nothing is aligned. The
generator is gated and fully convolutional; its widest layers run at a quarter of the rate. The changes of rate cause
aliasing (see `translate.networks.wave`), which WaveCycleGAN2 avoids.

The paper describes the waveform-to-waveform CycleGAN with gated convolutional networks, the least-squares adversarial
loss, and cycle and identity losses of absolute differences.

Guesses, as the paper's table of layers was not available:
    - 15 taps in every layer, edges reflected, 32 channels at the full rate and 128 at a quarter of it, six residual
      blocks of two gated convolutions each, pixel shuffle and instance norm as in CycleGAN-VC.
    - The discriminator: a gated layer, then four that divide the rate by 4 each; one logit every 256 samples.
    - Weights of the losses, learning rates and schedule: those of CycleGAN-VC, except that the identity loss stays on
      to the end, since natural speech should pass unchanged.
    - Crops of 16,384 samples, batches of one.
    - `network.skip` adds the input to the network's output, so that training starts near the identity. The default is
      false; the small configurations set it, since a plain network spends its first thousands of steps on copying.

Deviations:
    - Both domains are normalised by the mean and deviation of natural speech.
    - All sentences are used in both domains (`data.non_parallel: false`): random crops of them are not paired.
"""

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WaveConfig
from translate.games.cycle import CycleGame
from translate.models.base import Adversarial, Players, SpeechModel, player
from translate.networks.acoustic import ViewsDiscriminator
from translate.networks.wave import ResamplingGenerator, WaveDiscriminator


class Network(Section):
    channels: int = Field(32, ge=1)                                 # channels of the generator's first layer
    blocks: int = Field(6, ge=1)                                    # residual blocks, 4 * channels wide
    kernel: int = Field(15, ge=3, le=63)                            # taps of all layers; odd
    skip: bool = False                                              # whether the generator adds to its input
    judge_channels: int = Field(32, ge=1)                           # channels of the discriminator's first layer
    adversarial: Adversarial = "lsgan"


class WaveModel(SpeechModel):
    """The data settings that both versions share, and the check of their sizes."""

    task = "synthetic to natural waveforms, unpaired"
    recipe = "waveform"
    tiny = {**SpeechModel.tiny, "features": {"sample_rate": 8000}, "train": {"crop": 3072}}

    features: WaveConfig = WaveConfig(sample_rate=22050)
    data: DataConfig = DataConfig(normalise="target", non_parallel=False)
    train: TrainConfig = TrainConfig(steps=400_000, batch_size=1, crop=16_384)
    players: Players = {
        "generator": player(2e-4, adversarial=1, cycle=10, identity=5),
        "discriminator": player(1e-4, adversarial=1),
    }

    def check_sizes(self, kernel: int, shortest: int) -> None:
        """Raise `UserError` for an even number of taps, or crops too short for the discriminators."""
        odd = f"expected an odd number of taps, such as {kernel + 1}"
        self.refuse(kernel % 2 == 0, "network.kernel", odd)
        too_short = f"the discriminators need at least {shortest} samples; raise it"
        self.refuse(self.train.crop < shortest, "train.crop", too_short)


class WaveCycleGan(WaveModel):
    title = "WaveCycleGAN"
    paper = "Tanaka et al. 2018, arXiv 1809.10288"

    network: Network = Network()

    def build(self) -> CycleGame:
        n = self.network
        self.check_sizes(n.kernel, 0)
        return CycleGame(
            self.data.pair(),
            lambda: ResamplingGenerator(n.channels, n.blocks, n.kernel, n.skip),
            self.make_discriminator,
            self.weights(),
            n.adversarial,
        )

    def make_discriminator(self) -> ViewsDiscriminator:
        n = self.network
        judge = WaveDiscriminator(n.judge_channels, kernel=n.kernel, norm="instance")
        self.check_sizes(n.kernel, judge.shortest)
        return ViewsDiscriminator(judge)
