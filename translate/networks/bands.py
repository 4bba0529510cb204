"""Wide spectra in parts: overlapping bands of frequency, each with networks of its own."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from translate.losses.judgement import Judgement


class Bands(nn.Module):
    """Splits (B, F, T) into overlapping bands and joins them by a cross-fade (Kaneko et al. 2017, Interspeech).

    The spectrum is cut into `count` parts as equal as they can be; every inner cut widens into `overlap` bins that
    both neighbours have. There one fades out by the half of a Hann window while the other fades in, so that the
    windows sum to one in every bin: bands that nobody has changed join to the spectrum that was split.

    Args:
        bins: F.
        count: number of bands, at most F.
        overlap: bins that neighbours share, even; at most as many as a part has.

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
        # Rising ramps r_1 ... r_(count-1), one per inner cut; band b has r_b (1 - r_(b+1)), of which one is constant.
        place = (torch.arange(bins, dtype=torch.float64) + 0.5)[None] - torch.tensor(cuts, dtype=torch.float64)[:, None]
        rise = torch.sin((place / max(overlap, 1) + 0.5).clamp(0, 1) * torch.pi / 2).square()
        rise[0], rise[-1] = 1.0, 0.0
        self.register_buffer("windows", (rise[:-1] - rise[1:]).float(), persistent=False)  # (count, F)

    @property
    def sizes(self) -> list[int]:
        """Bins of every band."""
        return [high - low for low, high in self.edges]

    def split(self, x: Tensor) -> list[Tensor]:
        """The bands (B, F_b, T) of `x` (B, F, T)."""
        if x.shape[1] != self.bins:
            raise ValueError(f"expected spectra of {self.bins} bins, got {x.shape[1]}")
        return [x[:, low:high] for low, high in self.edges]

    def join(self, bands: Sequence[Tensor]) -> Tensor:
        """(B, F, T) from bands (B, F_b, T)."""
        first = bands[0]
        joined = torch.zeros(first.shape[0], self.bins, first.shape[2], dtype=torch.float32, device=first.device)
        for band, window, (low, high) in zip(bands, self.windows, self.edges, strict=True):
            joined[:, low:high] += window[low:high, None] * band
        return joined


class BandGenerator(nn.Module):
    """A generator per band.

    Args:
        bands: how the spectrum is divided.
        make: makes the generator of one band, called with features and noise (B, F_b, T).
    """

    def __init__(self, bands: Bands, make: Callable[[], nn.Module]):
        super().__init__()
        self.bands = bands
        self.generators = nn.ModuleList(make() for _ in bands.edges)

    def generate(self, x: Tensor, noise: Tensor) -> list[Tensor]:
        """The bands (B, F_b, T) as they are before they are joined; `x` and `noise` are (B, F, T)."""
        parts = zip(self.generators, self.bands.split(x), self.bands.split(noise), strict=True)
        return [generator(band, draw) for generator, band, draw in parts]

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, F, T) -> (B, F, T); the noise is drawn from torch's global random numbers if None."""
        return self.bands.join(self.generate(x, torch.randn_like(x) if noise is None else noise))


class BandDiscriminator(nn.Module):
    """A discriminator per band; the judgement has one entry for each, so that losses average over bands.

    Args:
        bands: how the spectrum is divided.
        make: makes the discriminator of one band.
    """

    def __init__(self, bands: Bands, make: Callable[[], nn.Module]):
        super().__init__()
        self.sizes = bands.sizes
        self.discriminators = nn.ModuleList(make() for _ in self.sizes)

    def forward(self, x: Tensor, *condition: Tensor) -> Judgement:
        """Judge bands (B, sum of F_b, T) that lie side by side, not joined; conditions likewise."""
        parts = [tensor.split(self.sizes, dim=1) for tensor in (x, *condition)]
        judgement = Judgement(logits=[])
        for discriminator, *band in zip(self.discriminators, *parts, strict=True):
            one = discriminator(*band)
            judgement.logits += one.logits
            judgement.features += one.features
        return judgement
