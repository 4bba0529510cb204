"""Global variance and modulation spectrum against analytic cases and their formulas."""

import numpy as np
import pytest

from translate.speech.measures.comparison import compare_trajectories
from translate.speech.measures.trajectories import Trajectories, average_distance, average_ratio, modulation_spectrum


@pytest.fixture
def mcep() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(90, 25))


def measure(*mceps: np.ndarray) -> Trajectories:
    return Trajectories.measure(mceps)


def test_modulation_spectrum_against_its_formula(mcep):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    power = np.abs(np.fft.fft(mcep[:64, 5] * window)[:33]) ** 2     # 90 frames hold one segment
    np.testing.assert_allclose(modulation_spectrum(mcep)[:, 4], 10 * np.log10(power))
    assert modulation_spectrum(mcep).shape == (33, 24)


def test_modulation_spectrum_distance_of_a_scale(mcep):
    natural = measure(mcep)
    np.testing.assert_array_equal(natural.modulation_distances(natural), np.zeros(24))
    distances = measure(mcep, 0.5 * mcep).modulation_distances(natural)
    np.testing.assert_allclose(distances, 10 * np.log10(2))
    assert average_distance(distances) == pytest.approx(10 * np.log10(2))
    scales = np.ones(25)
    scales[7] = 0.1                                                 # one of 24 coefficients, 20 dB lower
    distances = measure(scales * mcep).modulation_distances(natural)
    np.testing.assert_allclose(distances, 20 * (np.arange(1, 25) == 7), atol=1e-9)
    assert average_distance(distances) == pytest.approx(20 / 24**0.5)


@pytest.mark.parametrize("frames", [1, 2, 20, 63])
def test_modulation_spectrum_pads_short_utterances_by_reflection(mcep, frames):
    padded = np.pad(mcep[:frames], ((0, 64 - frames), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(modulation_spectrum(mcep[:frames]), modulation_spectrum(padded))


def test_constants_have_finite_measures():
    flat = measure(np.zeros((100, 25)))
    assert np.isfinite(flat.modulation).all()
    np.testing.assert_array_equal(flat.variance_ratios(flat), np.ones(24))


def test_global_variance_of_a_scale(mcep):
    natural = measure(mcep)
    np.testing.assert_allclose(natural.variance, mcep[:, 1:].var(axis=0))
    assert average_ratio(measure(0.5 * mcep + 3).variance_ratios(natural)) == pytest.approx(0.25)
    scales = np.ones(25)
    scales[0], scales[1:13] = 100, 2                                # c0 does not count
    ratios = measure(scales * mcep, scales * mcep[::-1]).variance_ratios(natural)
    np.testing.assert_allclose(ratios, [4] * 12 + [1] * 12)
    assert average_ratio(ratios) == pytest.approx(2)                # geometric


def test_average_over_sets(mcep):
    both = Trajectories.average([measure(mcep), measure(0.1 * mcep)])
    np.testing.assert_allclose(both.variance, 0.1 * mcep[:, 1:].var(axis=0))
    np.testing.assert_allclose(both.modulation, modulation_spectrum(mcep) - 10)


def test_upper_coefficients_are_those_above_the_tenth(mcep):
    scales = np.ones(25)
    scales[11:] = 0.5
    results = compare_trajectories({"source": measure(scales * mcep), "converted": measure(mcep)}, measure(mcep))
    assert results["gv_upper"] == {"source": 0.25, "converted": 1}
    assert results["gv"]["source"] == pytest.approx(0.25 ** (14 / 24), abs=1e-4)
    assert results["gv_by_coefficient"]["source"] == [1] * 10 + [0.25] * 14
    assert results["msd_by_coefficient"]["source"] == [0] * 10 + [6.0206] * 14
    assert results["msd"]["source"] == pytest.approx(6.0206 * (14 / 24) ** 0.5, abs=1e-3)


def test_no_upper_coefficients(mcep):
    lower = measure(mcep[:, :11])
    assert set(compare_trajectories({"source": lower}, lower)) == {
        "msd", "msd_slow", "msd_fast", "msd_by_coefficient", "gv", "gv_by_coefficient"
    }  # fmt: skip


def test_bands_of_the_modulation_spectrum_make_up_the_whole(mcep):
    natural = measure(mcep)
    smooth = measure(np.stack([np.convolve(row, [0.25, 0.5, 0.25], "same") for row in mcep.T], axis=1))
    whole, slow, fast = (smooth.modulation_distances(natural, band) ** 2 for band in ("all", "slow", "fast"))
    np.testing.assert_allclose(33 * whole, 17 * slow + 16 * fast)   # 0 to 50 Hz, and to 100 Hz, in steps of 3.125 Hz
    assert (fast > 2 * slow).all()                                  # a moving average removes what is fast


def test_sets_joined_from_utterances(mcep):
    joined = Trajectories.join([measure(mcep), measure(2 * mcep)])
    both = measure(mcep, 2 * mcep)
    np.testing.assert_allclose(joined.variance, both.variance)
    np.testing.assert_allclose(joined.modulation, both.modulation)
