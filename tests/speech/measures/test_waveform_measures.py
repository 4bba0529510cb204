"""Distances of waves against direct formulas and analytic cases."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from translate.speech.measures.waveform import compare_waves, measure_texture

RATE = 16000
MEASURES = {"stft_distance", "spectral_convergence", "log_magnitude", "lsd", "texture"}


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=RATE // 2)


def test_equal_waves_have_no_distance(noise):
    assert compare_waves(noise, noise, RATE) == dict.fromkeys(MEASURES, 0)


def test_a_gain(noise):
    """Halved, every magnitude falls by 6.02 dB, and the texture of the dB stays."""
    distances = compare_waves(0.5 * noise, noise, RATE)
    assert distances["spectral_convergence"] == pytest.approx(0.5)
    assert distances["log_magnitude"] == pytest.approx(np.log(2))
    assert distances["stft_distance"] == pytest.approx(0.5 + np.log(2))
    assert distances["lsd"] == pytest.approx(20 * np.log10(2))
    assert distances["texture"] == pytest.approx(0, abs=1e-6)


def test_log_spectral_distance_against_its_formula(noise):
    other = np.random.default_rng(1).normal(size=len(noise))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = []
    for start in range(-200, len(noise) - 200, 80):                 # frames centred on multiples of the hop
        cut = [np.pad(wave, 400)[start + 400 : start + 800] for wave in (other, noise)]
        a, b = (20 * np.log10(np.abs(np.fft.rfft(window * x, 512))) for x in cut)
        frames.append(np.sqrt(((a - b) ** 2).mean()))
    assert compare_waves(other, noise, RATE)["lsd"] == pytest.approx(np.mean(frames), rel=1e-3)


def test_texture_against_its_formula():
    decibels = np.random.default_rng(0).normal(-40, 10, size=(9, 7))
    direct = [[decibels[f : f + 5, t : t + 5].std() for t in range(3)] for f in range(5)]
    np.testing.assert_allclose(measure_texture(decibels), np.mean(direct, axis=1))


def test_texture_of_a_smoothed_spectrogram_is_lower():
    decibels = np.random.default_rng(0).normal(size=(60, 80))
    assert (measure_texture(uniform_filter1d(decibels, 5, axis=1)) < 0.7 * measure_texture(decibels)).all()


def test_silence_does_not_decide(noise):
    """What lies 80 dB below the loudest point of the natural wave counts as equal."""
    noise[RATE // 4 :] = 0
    almost = noise.copy()
    almost[RATE // 4 :] = 1e-6
    assert compare_waves(almost, noise, RATE)["lsd"] < 1e-3


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize("samples", [1, 80, 5000])
def test_any_rate_and_length(rate, samples):
    rng = np.random.default_rng(0)
    distances = compare_waves(rng.normal(size=samples), rng.normal(size=samples), rate)
    assert set(distances) == MEASURES
    assert all(np.isfinite(value) and value > 0 for value in distances.values())
