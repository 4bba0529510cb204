import numpy as np
import pytest

from translate.speech.analysis.levels import find_speech
from translate.speech.measures.mcd import Analysis
from translate.speech.measures.prosody import (
    crest,
    energy_errors,
    f0_correlation,
    f0_errors,
    f0_range,
    level_jitter,
)


def analysis(level, f0=None, peak=0.0):
    level = np.asarray(level, float)
    f0 = np.full(len(level), 100.0) if f0 is None else np.asarray(f0, float)
    return Analysis(np.zeros((len(level), 3)), f0, level, find_speech(level), peak)


def test_f0_of_an_octave_and_voicing_counted_by_hand():
    f0 = np.array([0, 200, 220, 240, 0, 100.0])
    reference = np.array([0, 100, 110, 120, 90, 0.0])
    assert f0_errors(f0, reference) == (pytest.approx(1200), pytest.approx(2 / 6))
    assert f0_correlation(f0, reference) == pytest.approx(1)
    assert f0_correlation(f0, np.array([0, 0, 0, 9, 9.0, 0])) is None  # one frame voiced in both


def test_f0_without_common_voiced_frames():
    assert f0_errors(np.array([100.0, 0]), np.array([0, 100.0])) == (None, 1.0)
    assert f0_errors(np.zeros(3), np.zeros(3)) == (None, 0.0)
    assert f0_range(np.array([0, 100.0, 0])) is None


def test_f0_range_is_the_deviation_in_cents():
    assert f0_range(np.array([100, 0, 200, 100, 200.0])) == pytest.approx(600)


def test_energy_does_not_mind_how_loud_the_recording_is():
    natural = np.array([-30, -20, -10, -20.0])
    assert energy_errors(natural + 12, natural) == (pytest.approx(0), pytest.approx(1))
    other = natural + np.array([3, -3, -3, 3])
    rmse, correlation = energy_errors(other, natural)
    assert rmse == pytest.approx(3)
    assert correlation == pytest.approx(np.corrcoef(other, natural)[0, 1])
    assert energy_errors(np.full(3, -20.0), natural[:3])[1] is None
    assert energy_errors(natural[:0], natural[:0]) == (None, None)


def test_level_jitter_is_of_voiced_frames_in_a_row():
    assert level_jitter(analysis([-20, -19, -21, -50, -20], f0=[100, 100, 100, 0, 100])) == pytest.approx(1.5)
    assert level_jitter(analysis([-20, -10, -20], f0=[100, 0, 100])) is None


def test_crest_of_a_sine_and_of_pauses_around_it():
    rms = 20 * np.log10(0.5**0.5)
    assert crest(analysis(np.full(10, rms))) == pytest.approx(3.01, abs=0.01)
    assert crest(analysis([*np.full(10, rms), *np.full(90, -70)])) == pytest.approx(3.01, abs=0.01)
