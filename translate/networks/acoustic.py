"""Discriminators that judge the spectrum of a wave: mel bands, MFCCs, phases (WaveCycleGAN2)."""

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchaudio.functional import create_dct, melscale_fbanks

from translate.errors import UserError
from translate.layers.gated import GatedConvolution
from translate.losses.judgement import Judgement

View = Literal["wave", "mel", "mfcc", "phase"]
PLANES = {"mel": 1, "mfcc": 1, "phase": 2}

FLOOR = 1e-3                                                        # smallest mel energy, for waves of deviation 1
SMALL = 1e-2                                                        # below this magnitude a phase is unreliable


class AcousticFrontEnd(nn.Module):
    """Mel spectrogram, MFCCs and phases of waves, from one Fourier transform; differentiable.

    Frames lie wholly inside the wave (a discriminator could detect reflected edges) and overlap by three quarters. All
    is computed in float32, also under autocast: squares of spectra exceed the range of half precision.

        mel    log amplitude in `mels` bands: half the natural log of the energies of `torchaudio`'s MelSpectrogram
        mfcc   its orthonormal cosine transform, the first `coefficients`
        phase  cosine and sine of the phase, which are continuous at plus and minus pi, unlike the angle; both fade to 0
               where the magnitude is small and the phase is noise

    Args:
        sample_rate: rate of the waves in Hz.
        fft_size: length of the Hann window in samples; a multiple of 4.
        mels: number of bands between 0 Hz and half the rate.
        coefficients: number of MFCCs, at most `mels`.

    Raises:
        UserError: bands too narrow for the resolution of the transform.
    """

    window: Tensor
    bands: Tensor
    cosines: Tensor

    def __init__(self, sample_rate: int, fft_size: int = 1024, mels: int = 80, coefficients: int = 40):
        super().__init__()
        self.fft_size, self.hop = fft_size, fft_size // 4
        bands = _make_bands(sample_rate, fft_size, mels)
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        self.register_buffer("bands", bands, persistent=False)  # (F, mels)
        self.register_buffer("cosines", create_dct(coefficients, mels, "ortho"), persistent=False)

    def forward(self, x: Tensor, views: Sequence[str]) -> dict[str, Tensor]:
        """Compute the selected views: mel (B, 1, mels, N), mfcc (B, 1, coefficients, N), phase (B, 2, F, N).

        Args:
            x: (B, 1, T), T at least `fft_size`; N = (T - fft_size) // hop + 1.
            views: names out of "mel", "mfcc", "phase".
        """
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.stft(
                x.float().squeeze(1), self.fft_size, self.hop, window=self.window, center=False, return_complex=True
            )
            parts = torch.view_as_real(spectrum)  # (B, F, N, 2)
            energies = parts.square().sum(dim=-1)  # (B, F, N)
            found = {}
            if "mel" in views or "mfcc" in views:
                mel = 0.5 * (energies.transpose(1, 2) @ self.bands).clamp_min(FLOOR).log()  # (B, N, mels)
                found["mel"] = mel.transpose(1, 2).unsqueeze(1)
                found["mfcc"] = (mel @ self.cosines).transpose(1, 2).unsqueeze(1)
            if "phase" in views:
                found["phase"] = (parts / (energies + SMALL**2).sqrt().unsqueeze(-1)).movedim(-1, 1)
            return {view: found[view] for view in views}


def _make_bands(sample_rate: int, fft_size: int, mels: int) -> Tensor:
    with torch.device("cpu"), warnings.catch_warnings():  # looked at here, also where networks are made without memory
        warnings.simplefilter("ignore")  # empty bands are handled below
        bands = melscale_fbanks(fft_size // 2 + 1, 0.0, sample_rate / 2, mels, sample_rate)
    if empty := int((bands.amax(dim=0) == 0).sum()):
        raise UserError(
            f"`network.mels` is {mels}: {empty} of these bands hold no frequency of a transform of {fft_size} samples "
            f"at {sample_rate} Hz; lower it or raise `network.fft_size`"
        )
    return bands


class SpectralDiscriminator(nn.Module):
    """Patch discriminator of a spectrogram, an image of frequency by time.

    Args:
        planes: planes of the spectrogram.
        channels: channels of the first layer after its gate.
    """

    def __init__(self, planes: int, channels: int = 32):
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            [
                GatedConvolution(2, planes, c, 3, norm=False),
                GatedConvolution(2, c, 2 * c, 3, stride=2),
                GatedConvolution(2, 2 * c, 4 * c, 3, stride=2),
                GatedConvolution(2, 4 * c, 4 * c, 3, stride=2),
            ]
        )
        self.head = nn.Conv2d(4 * c, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Judgement:  # (B, planes, F, N) -> logits (B, 1, F / 8, N / 8)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Judgement(logits=[self.head(x)], features=[features])


class ViewsDiscriminator(nn.Module):
    """Several discriminators of one wave, each with its own view of it; their judgements are concatenated.

    A loss averages over the entries of a judgement, so every view has the same weight.

    Args:
        wave: discriminator of the samples; None omits it.
        front_end: computes the other views; None without any.
        acoustic: views besides the wave, out of "mel", "mfcc", "phase".
        channels: channels of the first layer of each acoustic discriminator.

    Attributes:
        views: names of the judgement's entries, in order.
    """

    def __init__(
        self,
        wave: nn.Module | None,
        front_end: AcousticFrontEnd | None = None,
        acoustic: Sequence[str] = (),
        channels: int = 32,
    ):
        super().__init__()
        if wave is None and not acoustic:
            raise ValueError("a discriminator needs a view at least: the wave, mel, mfcc or phase")
        if acoustic and front_end is None:
            raise ValueError(f"{', '.join(acoustic)}: the front end is missing")
        self.acoustic = tuple(acoustic)
        self.views = (*(["wave"] if wave is not None else []), *self.acoustic)
        self.front_end = front_end if acoustic else None
        self.judges = nn.ModuleDict({"wave": wave} if wave is not None else {})
        self.judges.update({view: SpectralDiscriminator(PLANES[view], channels) for view in self.acoustic})

    def forward(self, x: Tensor) -> Judgement:  # (B, 1, T)
        seen = {"wave": x} | (self.front_end(x, self.acoustic) if self.front_end is not None else {})
        judgements = [self.judges[view](seen[view]) for view in self.views]
        return Judgement(
            logits=[judgement.logits[0] for judgement in judgements],
            features=[judgement.features[0] for judgement in judgements],
        )
