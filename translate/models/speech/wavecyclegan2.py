"""WaveCycleGAN2 (Tanaka, Kameoka, Kaneko, Hojo 2019; arXiv 1904.02892): a neural post-filter on waveforms.

WaveCycleGAN2 changes two things in WaveCycleGAN; each can be switched on its own:

    the generator keeps the rate of the wave: no down- or up-sampling layer, so no aliasing
    network.{wave,mel,mfcc,phase}
                    beside the discriminator of samples, others judge the mel spectrogram, the MFCCs and the phase
                    spectrum; false removes one

The paper describes both and reports a speed: more than 150,000 samples per second on a P100, 6.8 times real time at
22.05 kHz.

Guesses, as the paper's table of layers was not available:
    - The generator: WaveCycleGAN's six residual blocks of 128 channels and 15 taps, now at the full rate. Dilations of
      1, 2, 4, ..., 32 give them a wider receptive field than at a quarter of the rate: 896 samples on each side.
      5.9 million multiplications per sample fit the published speed.
    - Weight norm takes the place of instance norm in the generator and in the discriminator of samples. A norm over
      time would tie each sample to the whole wave: conversion in chunks would differ from conversion in one piece.
    - Acoustic discriminators: 1024-sample Hann windows, hop 256, 80 mel bands, 40 MFCCs, the phase as cosine and sine;
      four gated 2-D convolutions each; all discriminators have the same weight.
    - Otherwise as in `translate.models.speech.wavecyclegan`.

Deviations:
    - Both domains are normalised by the mean and deviation of natural speech.
    - All sentences are used in both domains (`data.non_parallel: false`): random crops of them are not paired.
"""

from typing import Annotated

from pydantic import Field

from translate.config import Section
from translate.errors import UserError
from translate.games.cycle import CycleGame
from translate.models.base import Adversarial
from translate.models.speech.wavecyclegan import WaveModel
from translate.networks.acoustic import AcousticFrontEnd, ViewsDiscriminator
from translate.networks.wave import PlainGenerator, WaveDiscriminator


class Network(Section):
    channels: int = Field(128, ge=1)                                # channels of the generator's layers
    dilations: list[Annotated[int, Field(ge=1)]] = Field([1, 2, 4, 8, 16, 32], min_length=1)  # one residual block each
    kernel: int = Field(15, ge=3, le=63)                            # taps of the layers over samples; odd
    skip: bool = False                                              # whether the generator adds to its input
    wave: bool = True                                               # whether a discriminator judges samples
    mel: bool = True                                                # whether one judges mel spectrograms
    mfcc: bool = True  # whether one judges mel-frequency cepstral coefficients
    phase: bool = True                                              # whether one judges phase spectra
    judge_channels: int = Field(32, ge=1)                           # channels of the first layer of every discriminator
    fft_size: int = Field(1024, ge=64, multiple_of=4)               # samples; the hop is a quarter
    mels: int = Field(80, ge=8)                                     # bands of the mel spectrogram and the MFCCs
    coefficients: int = Field(40, ge=2)                             # MFCCs, at most `mels`
    adversarial: Adversarial = "lsgan"


class WaveCycleGan2(WaveModel):
    title = "WaveCycleGAN2"
    paper = "Tanaka et al. 2019, arXiv 1904.02892"
    tiny = {**WaveModel.tiny, "network": {"channels": 4}}

    network: Network = Network()

    def build(self) -> CycleGame:
        n = self.network
        self.check_sizes(n.kernel, 0)
        return CycleGame(
            self.data.pair(),
            lambda: PlainGenerator(n.channels, n.dilations, n.kernel, n.skip),
            self.make_discriminator,
            self.weights(),
            n.adversarial,
        )

    def make_discriminator(self) -> ViewsDiscriminator:
        """Make the discriminators that `network` selects; raise `UserError` for none, or sizes that do not fit."""
        n = self.network
        acoustic = [view for view in ("mel", "mfcc", "phase") if getattr(n, view)]
        if not acoustic and not n.wave:
            raise UserError(
                "`network.wave`, `mel`, `mfcc` and `phase` are all false: switch one discriminator on at least"
            )
        wave, front_end = None, None
        if n.wave:
            wave = WaveDiscriminator(n.judge_channels, kernel=n.kernel, norm="weight")
            self.check_sizes(n.kernel, wave.shortest)
        if acoustic:
            too_many = f"expected at most `network.mels`, {n.mels}"
            self.refuse(n.coefficients > n.mels, "network.coefficients", too_many)
            self.check_sizes(n.kernel, 8 * n.fft_size // 4 + n.fft_size)  # no spectrogram is then narrower than a patch
            front_end = AcousticFrontEnd(self.features.sample_rate, n.fft_size, n.mels, n.coefficients)
        return ViewsDiscriminator(wave, front_end, acoustic, n.judge_channels)
