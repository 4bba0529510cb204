"""The short-time Fourier transform comes back; frames are counted and placed as documented."""

import numpy as np
import pytest

from translate.config import StftConfig, WaveConfig
from translate.errors import UserError
from translate.speech.analysis.alignment import align, warp
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.stft import FLOOR, Stft

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("samples", [1600, 4001, 500, 80])
def test_the_phase_of_the_input_gives_the_wave_back(samples):
    wave = RANDOM.normal(size=samples) * 0.1
    stft = Stft(StftConfig())
    features = stft.analyse(wave)
    assert features.log_magnitude.shape == features.phase.shape == (samples // 80 + 1, 513)
    np.testing.assert_allclose(stft.synthesise(features), wave, atol=1e-6)
    frames, f0 = stft.analyse_frames(wave)
    np.testing.assert_array_equal(frames, features.log_magnitude)
    assert f0 is None


def test_a_sine_is_where_it_should_be():
    stft = Stft(StftConfig(fft_size=512))
    wave = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000)
    magnitude = np.exp(stft.analyse(wave).log_magnitude)
    assert (magnitude[5:-5].argmax(axis=1) == 32).all()             # 1000 Hz / (16000 / 512)
    np.testing.assert_allclose(magnitude[5:-5, 32], 0.5 * 512 / 4, rtol=1e-3)  # half of the Hann window's sum
    np.testing.assert_allclose(stft.analyse(np.zeros(800)).log_magnitude, np.log(FLOOR))


def test_griffin_lim_makes_a_wave_of_these_magnitudes():
    wave = np.sin(2 * np.pi * 440 * np.arange(4000) / 16000) * np.hanning(4000)
    stft = Stft(StftConfig(phase="griffin_lim", fft_size=512))
    features = stft.analyse(wave)
    features.phase = RANDOM.uniform(-np.pi, np.pi, features.phase.shape)
    estimate, random_phase = (
        np.exp(one.analyse(one.synthesise(features)).log_magnitude) for one in (stft, Stft(StftConfig(fft_size=512)))
    )
    true = np.exp(features.log_magnitude)
    assert np.abs(estimate - true).mean() < 0.3 * np.abs(random_phase - true).mean()


@pytest.mark.parametrize("values", [{"hop_ms": 0.7, "sample_rate": 8000}, {"hop_ms": 40, "fft_size": 512}])
def test_hops_that_do_not_fit(values):
    with pytest.raises(UserError, match=r"features\.hop_ms"):
        make_front_end(StftConfig(**values))


def test_samples_pass_the_waveform_front_end():
    wave = RANDOM.normal(size=100)
    front_end = make_front_end(WaveConfig())
    frames, f0 = front_end.analyse_frames(wave)
    assert (front_end.dimensions, front_end.sample_rate, f0) == (1, 22050, None)
    np.testing.assert_array_equal(frames[:, 0], wave)


def test_warping_follows_the_path():
    b = np.cumsum(RANDOM.normal(size=(20, 4)), axis=0)
    a = np.repeat(b, [1, 3] * 10, axis=0)
    rows = warp(align(a, b), len(b))
    assert rows.shape == (20,)
    np.testing.assert_array_equal(a[rows], b)
    np.testing.assert_array_equal(warp(align(b, b), 20), np.arange(20))
