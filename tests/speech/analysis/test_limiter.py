"""Peaks above the ceiling are limited; all else passes bit by bit, however the wave is divided."""

import numpy as np
import pytest

from translate.speech.analysis.limiter import FALL, HOLD, Limiter, limit_peaks

RATES = [8000, 16000, 22050, 48000]


def speak(rate, seconds=2, level=0.2):
    """A buzz like a voice of 120 Hz, whose pulses are its peaks."""
    time = np.arange(round(seconds * rate)) / rate
    return level * np.sum([np.cos(2 * np.pi * 120 * k * time) / k for k in range(1, 20)], axis=0)


@pytest.mark.parametrize("rate", RATES)
def test_a_wave_without_peaks_stays_as_it_is(rate):
    wave = np.clip(speak(rate), -1, 1)
    assert limit_peaks(wave, rate) is wave
    limiter = Limiter(rate)
    parts = [limiter.push(part) for part in np.array_split(wave, 7)]
    assert np.array_equal(np.concatenate([*parts, limiter.flush()]), wave)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("place", [0, 0.3, 1])
def test_around_a_peak_alone_the_wave_changes(rate, place):
    wave = speak(rate, level=0.1)
    at = round(place * (len(wave) - 1))
    wave[at] = -3
    limited = limit_peaks(wave, rate)
    assert len(limited) == len(wave)
    assert limited[at] == pytest.approx(-1)
    assert np.abs(limited).max() <= 1
    changed = np.flatnonzero(limited != wave)
    assert changed.min() >= at - 1.1 * FALL * rate
    assert changed.max() <= at + (HOLD + 1.1 * FALL) * rate


@pytest.mark.parametrize("sizes", [1, 17, 1000, 100_000])
def test_blocks_of_any_size_give_the_same(sizes):
    wave = 0.4 * np.random.default_rng(0).normal(size=20_000 if sizes > 1 else 1_500)  # many peaks
    whole = limit_peaks(wave, 16000)
    limiter = Limiter(16000)
    parts, waiting = [], 0
    for start in range(0, len(wave), sizes):
        parts.append(limiter.push(wave[start : start + sizes]))
        waiting = min(start + sizes, len(wave)) - sum(map(len, parts))
        assert waiting <= limiter.lookahead
    assert waiting == limiter.lookahead
    assert np.array_equal(np.concatenate([*parts, limiter.flush()]), whole)
    assert np.abs(whole).max() <= 1


def test_the_gain_is_smooth_and_does_not_follow_the_pulses_of_a_voice():
    wave = speak(16000, level=0.5)                                  # peaks of 1.77, a pulse every 8 ms
    limited = limit_peaks(wave, 16000)
    loud = np.abs(wave) > 0.01
    gain = (limited[loud] / wave[loud])[500:-500]
    assert gain.max() - gain.min() < 0.005
    assert np.abs(limited).max() == pytest.approx(1)


@pytest.mark.parametrize("ceiling", [0.5, 0.89])
def test_ceilings(ceiling):
    limited = limit_peaks(speak(16000, level=0.5), 16000, ceiling)
    assert np.abs(limited).max() == pytest.approx(ceiling)
