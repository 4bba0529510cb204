import numpy as np
import pytest
from scipy.integrate import quad

from translate.speech.analysis.mcep import default_alpha, mcep_to_spectrum, spectrum_to_mcep

POLES = np.array([0.93 * np.exp(0.35j), 0.9 * np.exp(1.1j), 0.85 * np.exp(2.2j)])


def log_amplitude(w):
    """Of an all-pole vocal tract, known at every frequency."""
    z = np.exp(1j * w)
    return -sum(np.log(np.abs(1 - p / z)) + np.log(np.abs(1 - p.conjugate() / z)) for p in POLES)


def power(fft_size):
    return np.exp(2 * np.array([log_amplitude(w) for w in np.linspace(0, np.pi, fft_size // 2 + 1)]))[None]


@pytest.mark.parametrize("alpha", [0.0, 0.31, 0.42, 0.55])
def test_coefficients_are_the_cosine_series_over_the_warped_frequency(alpha):
    # c_m = 2/pi int_0^pi log|H(w(v))| cos(m v) dv, c_0 half of it; w(v) is the warping with -alpha.
    def integrand(v, m):
        w = v - 2 * np.arctan2(alpha * np.sin(v), 1 + alpha * np.cos(v))
        return log_amplitude(w) * np.cos(m * v)

    expected = [2 / np.pi * quad(integrand, 0, np.pi, args=(m,), limit=200)[0] for m in range(12)]
    expected[0] /= 2
    np.testing.assert_allclose(spectrum_to_mcep(power(2048), 12, alpha)[0], expected, atol=1e-6)


@pytest.mark.parametrize(("alpha", "fft_size"), [(0.42, 1024), (0.455, 1024), (0.55, 2048)])
def test_enough_coefficients_give_the_spectrum_back(alpha, fft_size):
    spectrum = power(fft_size)
    back = mcep_to_spectrum(spectrum_to_mcep(spectrum, 150, alpha), alpha, fft_size)
    assert back.shape == spectrum.shape
    assert np.abs(10 * np.log10(back / spectrum)).max() < 0.05      # dB


def test_without_warping_and_truncation_any_spectrum_comes_back_exactly():
    rough = np.exp(np.random.default_rng(0).normal(0, 2, (3, 129)))
    mcep = spectrum_to_mcep(rough, 129, 0.0)
    np.testing.assert_allclose(mcep_to_spectrum(mcep, 0.0, 256), rough, rtol=1e-9)


def test_decoding_equals_the_minimum_phase_filter_of_sptk():
    # H(z) = exp sum_m c_m z~^-m, z~^-1 = (z^-1 - alpha) / (1 - alpha z^-1), in complex arithmetic.
    rng = np.random.default_rng(0)
    mcep, alpha = rng.normal(0, 0.3, (4, 25)), 0.42
    z = np.exp(-1j * np.linspace(0, np.pi, 257))
    warped = (z - alpha) / (1 - alpha * z)
    expected = np.abs(np.exp(mcep @ warped ** np.arange(25)[:, None])) ** 2
    np.testing.assert_allclose(mcep_to_spectrum(mcep, alpha, 512), expected, rtol=1e-10)


def test_gain_is_c0_alone():
    mcep = spectrum_to_mcep(power(1024), 25, 0.42)
    louder = spectrum_to_mcep(100 * power(1024), 25, 0.42)
    np.testing.assert_allclose(louder[:, 0] - mcep[:, 0], np.log(10), atol=1e-9)
    np.testing.assert_allclose(louder[:, 1:], mcep[:, 1:], atol=1e-9)


def test_default_alpha():
    assert [default_alpha(rate) for rate in (8000, 16000, 22050, 48000)] == [0.31, 0.42, 0.455, 0.55]
    assert default_alpha(16000) < default_alpha(20000) < default_alpha(22050)
