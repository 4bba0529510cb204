"""Splitting spectra into bands and joining them: exact for bands that nobody changed, smooth for others."""

import numpy as np
import pytest
import torch
from torch import nn

from translate.losses.judgement import Judgement
from translate.networks.bands import BandDiscriminator, BandGenerator, Bands

LAYOUTS = [(513, 4, 32), (513, 1, 32), (257, 3, 0), (33, 4, 8), (40, 4, 10), (1025, 7, 46)]


class Shift(nn.Module):
    """Adds a number of its own and the noise."""

    def __init__(self, value=0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(float(value)))

    def forward(self, x, noise):
        return x + self.value + noise


class Mean(nn.Module):
    """One logit, scale * mean of everything."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, *condition):
        return Judgement(
            logits=[self.scale * sum(t.mean((1, 2)) for t in (x, *condition))[:, None]], features=[[self.scale * x]]
        )


@pytest.mark.parametrize(("bins", "count", "overlap"), LAYOUTS)
def test_unchanged_bands_join_to_what_was_split(bins, count, overlap):
    x = 5 * torch.randn(2, bins, 9, generator=torch.Generator().manual_seed(0))
    bands = Bands(bins, count, overlap)
    parts = bands.split(x)
    assert [part.shape[1] for part in parts] == bands.sizes
    assert (bands.join(parts) - x).abs().max() < 1e-6 * x.abs().max()
    torch.testing.assert_close(bands.windows.sum(0), torch.ones(bins), rtol=0, atol=1e-7)


def test_identity_bands_of_a_log_spectrum_reconstruct_within_a_millionth():
    x = torch.randn(1, 513, 64, generator=torch.Generator().manual_seed(0))
    bands = Bands(513, 4, 32)
    generator = BandGenerator(bands, Shift)
    assert (generator(x, torch.zeros_like(x)) - x).abs().max() < 1e-6


@pytest.mark.parametrize(("bins", "count", "overlap"), LAYOUTS)
def test_neighbours_share_the_overlap_and_cover_all(bins, count, overlap):
    bands = Bands(bins, count, overlap)
    assert (bands.edges[0][0], bands.edges[-1][1]) == (0, bins)
    for (_, high), (low, _) in zip(bands.edges[:-1], bands.edges[1:], strict=True):
        assert high - low == overlap
    outside = np.ones((count, bins), dtype=bool)
    for number, (low, high) in enumerate(bands.edges):
        outside[number, low:high] = False
    assert (bands.windows.numpy()[outside] == 0).all()


def test_the_cross_fade_is_half_a_hann_window():
    bands = Bands(64, 2, 16)
    falling = 0.5 + 0.5 * np.cos(np.pi * (np.arange(16) + 0.5) / 16)
    np.testing.assert_allclose(bands.windows[0, 24:40], falling, atol=1e-6)
    np.testing.assert_allclose(bands.windows[1, 24:40], 1 - falling, atol=1e-6)


def test_a_step_between_bands_is_faded():
    bands = Bands(64, 2, 16)
    zeros, ones = torch.zeros(1, 40, 1), torch.ones(1, 40, 1)
    joined = bands.join([zeros, ones])[0, :, 0]
    assert (joined[:24] == 0).all()
    assert (joined[40:] == 1).all()
    assert (joined.diff() >= 0).all()
    assert joined.diff().max() < 0.11


def test_every_band_has_networks_of_its_own():
    values = iter([1.0, 2.0, 3.0])
    generator = BandGenerator(Bands(30, 3, 0), lambda: Shift(next(values)))
    y = generator(torch.zeros(1, 30, 4), torch.zeros(1, 30, 4))
    np.testing.assert_array_equal(y[0, :, 0].detach(), np.repeat([1.0, 2.0, 3.0], 10))
    y[0, 12].sum().backward()
    assert [bool(g.value.grad) if g.value.grad is not None else False for g in generator.generators] == [
        False, True, False,
    ]  # fmt: skip


def test_neighbours_get_the_same_noise():
    generator, noise = BandGenerator(Bands(40, 2, 8), Shift), torch.randn(1, 40, 4)
    low, high = generator.generate(torch.zeros(1, 40, 4), noise)
    assert torch.equal(low[:, 16:], high[:, :8])
    torch.testing.assert_close(generator(torch.zeros(1, 40, 4), noise), noise)


def test_a_judgement_has_one_entry_per_band():
    bands = Bands(40, 4, 4)
    judge = BandDiscriminator(bands, Mean)
    x = torch.cat([torch.full((2, size, 3), float(number)) for number, size in enumerate(bands.sizes)], dim=1)
    judgement = judge(x)
    assert [logits[0].item() for logits in judgement.logits] == [0, 1, 2, 3]
    assert [layer[0].shape[1] for layer in judgement.features] == bands.sizes
    assert [logits[0].item() for logits in judge(x, x).logits] == [0, 2, 4, 6]


@pytest.mark.parametrize(("bins", "count", "overlap"), [(40, 4, 12), (513, 4, 31), (8, 9, 0)])
def test_impossible_bands(bins, count, overlap):
    with pytest.raises(ValueError, match="expected an even overlap of at most"):
        Bands(bins, count, overlap)


def test_another_number_of_bins_is_told():
    with pytest.raises(ValueError, match="spectra of 40 bins, got 41"):
        Bands(40, 4, 4).split(torch.zeros(1, 41, 3))
