"""Networks on wide spectra, divided into overlapping frequency bands."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from translate.losses.judgement import Judgement


class Bands(nn.Module):
    """Overlapping bands of spectra (B, F, T): splits, and joins by a cross-fade (Kaneko et al. 2017, Interspeech).

    The spectrum is cut into `count` parts of nearly equal width. Around every inner cut, `overlap` bins belong to both
    neighbours. There one band fades out under half a Hann window while the other fades in. The windows sum to one in
    every bin, so joining unchanged bands restores the spectrum.

    Args:
        bins: F.
        count: number of bands, at most F.
        overlap: bins that neighbours have in common; even, at most the width of a part.

    Raises:
        ValueError: parts narrower than the overlap, or empty.
    """

    windows: Tensor

    def __init__(self, bins: int, count: int, overlap: int):
        super().__init__()
        if overlap % 2 or max(1, overlap) > bins // count:
            raise ValueError(f"{count} bands of {bins} bins: expected an even overlap of at most {bins // count}")
        cuts = [round(band * bins / count) for band in range(count + 1)]
        half = overlap // 2
        self.bins = bins
        self.edges = [(max(0, low - half), min(bins, high + half)) for low, high in itertools.pairwise(cuts)]
        # Rising ramps r_1 ... r_(count-1), one per inner cut. Band b has the window r_b (1 - r_(b+1)).
        place = (torch.arange(bins, dtype=torch.float64) + 0.5)[None] - torch.tensor(cuts, dtype=torch.float64)[:, None]
        rise = torch.sin((place / max(overlap, 1) + 0.5).clamp(0, 1) * torch.pi / 2).square()
        rise[0], rise[-1] = 1.0, 0.0
        self.register_buffer("windows", (rise[:-1] - rise[1:]).float(), persistent=False)  # (count, F)

    @property
    def sizes(self) -> list[int]:
        """Number of bins of every band."""
        return [high - low for low, high in self.edges]

    def split(self, x: Tensor) -> list[Tensor]:
        """Return the bands (B, F_b, T) of `x` (B, F, T)."""
        if x.shape[1] != self.bins:
            raise ValueError(f"expected spectra of {self.bins} bins, got {x.shape[1]}")
        return [x[:, low:high] for low, high in self.edges]

    def join(self, bands: Sequence[Tensor]) -> Tensor:
        """Join bands (B, F_b, T) to (B, F, T)."""
        first = bands[0]
        joined = torch.zeros(first.shape[0], self.bins, first.shape[2], dtype=torch.float32, device=first.device)
        for band, window, (low, high) in zip(bands, self.windows, self.edges, strict=True):
            joined[:, low:high] += window[low:high, None] * band
        return joined


class BandGenerator(nn.Module):
    """A generator per band.

    Args:
        bands: division of the spectrum.
        make: function that makes the generator of one band, called with features and noise (B, F_b, T).
    """

    def __init__(self, bands: Bands, make: Callable[[], nn.Module]):
        super().__init__()
        self.bands = bands
        self.generators = nn.ModuleList(make() for _ in bands.edges)

    def generate(self, x: Tensor, noise: Tensor) -> list[Tensor]:
        """Return the bands (B, F_b, T) before they are joined; `x` and `noise` are (B, F, T)."""
        parts = zip(self.generators, self.bands.split(x), self.bands.split(noise), strict=True)
        return [generator(band, draw) for generator, band, draw in parts]

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Map (B, F, T) to (B, F, T); draw the noise from torch's global random generator if None."""
        return self.bands.join(self.generate(x, torch.randn_like(x) if noise is None else noise))


class BandDiscriminator(nn.Module):
    """A discriminator per band; the judgement has one entry for each, so that losses average over bands.

    Args:
        bands: division of the spectrum.
        make: function that makes the discriminator of one band.
    """

    def __init__(self, bands: Bands, make: Callable[[], nn.Module]):
        super().__init__()
        self.sizes = bands.sizes
        self.discriminators = nn.ModuleList(make() for _ in self.sizes)

    def forward(self, x: Tensor, *condition: Tensor) -> Judgement:
        """Judge bands (B, sum of F_b, T), concatenated without cross-fade; conditions have the same layout."""
        parts = [tensor.split(self.sizes, dim=1) for tensor in (x, *condition)]
        judgement = Judgement(logits=[])
        for discriminator, *band in zip(self.discriminators, *parts, strict=True):
            one = discriminator(*band)
            judgement.logits += one.logits
            judgement.features += one.features
        return judgement
