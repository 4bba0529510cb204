import numpy as np
import pytest
import torch
from torch import nn

from translate.speech.measures.aliasing import BINS, LENGTH, LOBE, find_mirrors, measure_aliasing

RATE = 16000


def run(*layers: nn.Module):
    network = nn.Sequential(*layers)

    def convert(wave: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(wave).float()[None, None])[0, 0].double().numpy()

    return convert


@pytest.mark.parametrize(
    ("depth", "period", "expected"),
    [
        (0.01, 2, 0.01**2),                                         # one mirror: fs/2 - f
        (0.02, 4, 2 * 0.01**2),                                     # half the depth each at fs/4 - f and fs/4 + f
    ],
)
def test_known_mirrors(depth, period, expected):
    """The sine's level changes with a period of some samples."""

    def convert(wave: np.ndarray) -> np.ndarray:
        return wave * (1 + depth * np.cos(2 * np.pi / period * np.arange(len(wave))))

    assert measure_aliasing(convert, RATE) == pytest.approx(10 * np.log10(expected), abs=0.01)


@pytest.mark.parametrize("rate", [8000, 22050])
def test_what_does_not_mirror(rate):
    assert measure_aliasing(lambda wave: wave, rate) < -200
    assert measure_aliasing(lambda wave: np.clip(wave, -0.2, 0.15), rate) < -60    # harmonics are no mirrors
    assert measure_aliasing(lambda wave: -0.1 * wave + 0.3, rate) < -100


def test_silence_and_noise_are_not_clean():
    assert measure_aliasing(np.zeros_like, RATE) == 0
    assert measure_aliasing(lambda wave: np.random.default_rng(0).normal(size=len(wave)), RATE) > 0


def test_networks_with_and_without_sampling_layers():
    torch.manual_seed(0)
    down = nn.Conv1d(1, 8, 5, 2, 2), nn.ReLU(), nn.Conv1d(8, 8, 5, 2, 2), nn.ReLU()
    up = nn.ConvTranspose1d(8, 8, 4, 2, 1), nn.ReLU(), nn.ConvTranspose1d(8, 1, 4, 2, 1)
    assert measure_aliasing(run(*down, *up), RATE) > -30
    flat = nn.Conv1d(1, 8, 15, padding=7), nn.Tanh(), nn.Conv1d(8, 8, 15, padding=7), nn.ReLU()
    assert measure_aliasing(run(*flat, nn.Conv1d(8, 1, 15, padding=7)), RATE) < -80


@pytest.mark.parametrize("number", BINS)
def test_harmonics_stay_away_from_mirrors(number):
    harmonics = number * np.arange(1, 801) % LENGTH
    folded = np.minimum(harmonics, LENGTH - harmonics)
    for mirror in find_mirrors(number):
        assert 0 < mirror < LENGTH // 2
        assert np.abs(folded - mirror).min() > 2 * LOBE
