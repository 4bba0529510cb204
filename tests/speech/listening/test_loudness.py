"""Loudness against the values of ITU-R BS.1770-4 and of EBU Tech 3341; the limiter."""

import numpy as np
import pytest

from translate.speech.listening.loudness import CEILING, equalise, measure_loudness

RATES = [8000, 16000, 22050, 24000, 44100, 48000]


def make_sine(seconds, level=0.0, rate=48000, frequency=997.0):
    """A sine (N,) whose peak is `level` dB below 1."""
    return 10 ** (level / 20) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", RATES)
def test_full_scale_sine(rate):
    """ITU-R BS.1770-4: 0 dBFS at 997 Hz in one channel is -3.01 LKFS."""
    assert measure_loudness(make_sine(5, rate=rate), rate) == pytest.approx(-3.01, abs=0.005)


@pytest.mark.parametrize(
    "parts",
    [
        [(20, -23)],                                                # EBU Tech 3341, test 1
        [(10, -36), (60, -23), (10, -36)],                          # test 3: the relative gate
        [(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)],    # test 4: the absolute gate, too
        [(20, -26), (20.1, -20), (20, -26)],                        # test 5
    ],
)
def test_gates(parts):
    """Sines in both channels have -23 LKFS, so those of one channel 3.01 less."""
    wave = np.concatenate([make_sine(seconds, level, frequency=1000.0) for seconds, level in parts])
    assert measure_loudness(wave, 48000) == pytest.approx(-23 - 3.01, abs=0.1)


def test_silence_and_short_waves():
    assert measure_loudness(np.zeros(48000), 48000) == -np.inf
    assert measure_loudness(make_sine(1, level=-80), 48000) == -np.inf
    assert measure_loudness(make_sine(0.2, level=-20), 48000) == pytest.approx(-23.01, abs=0.2)  # shorter than a block
    padded = np.concatenate([make_sine(4, level=-20), np.zeros(4 * 48000)])
    assert measure_loudness(padded, 48000) == pytest.approx(-23.01, abs=0.2)


@pytest.mark.parametrize("rate", RATES)
def test_one_gain_makes_waves_equally_loud(rate):
    rng = np.random.default_rng(0)
    for level in (0.001, 0.02, 0.5):
        wave = level * rng.normal(size=2 * rate)
        sound = equalise(wave, rate, -23)
        assert measure_loudness(sound.wave, rate) == pytest.approx(-23, abs=1e-6)
        np.testing.assert_allclose(sound.wave, wave * 10 ** (sound.gain / 20))
        assert sound.missing == pytest.approx(0, abs=1e-6)


def test_peaks_are_limited_and_the_rest_stays():
    wave = make_sine(2, level=-30, rate=16000)
    wave[[0, 16000, -1]] = 0.9
    sound = equalise(wave, 16000, -20)
    assert sound.missing == pytest.approx(-20 - measure_loudness(sound.wave, 16000))
    assert 0 < sound.missing < 2
    assert np.abs(sound.wave).max() == pytest.approx(CEILING)
    far = np.r_[500:15900, 16500:31900]                             # further from the clicks than the limiter reaches
    np.testing.assert_allclose(sound.wave[far], wave[far] * 10 ** (sound.gain / 20))
