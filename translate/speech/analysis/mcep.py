"""Mel-cepstra as SPTK defines them, by the frequency transform.

The mel-cepstrum c models the log amplitude over the warped frequency (Tokuda et al. 1994, eq. 1-4):

    log |H(w)| = sum_m c_m cos(m v(w)),   v(w) = w + 2 atan(alpha sin w / (1 - alpha cos w)),

where v is the phase of the all-pass (z^-1 - alpha) / (1 - alpha z^-1). Encoding takes the real cepstrum of the
log power and warps it by Oppenheim's frequency transform (SPTK `freqt`); decoding evaluates the sum. Both are
one matrix product.
"""

from functools import lru_cache

import numpy as np
from scipy.signal import lfilter

ALPHAS = {                                                          # sample rate in Hz: SPTK's warping
    8000: 0.31,
    10000: 0.35,
    12000: 0.37,
    16000: 0.42,
    22050: 0.455,
    32000: 0.50,
    44100: 0.53,
    48000: 0.55,
}


def default_alpha(sample_rate: int) -> float:
    """Return the frequency warping that fits the mel scale at `sample_rate` Hz, interpolated in SPTK's table."""
    return float(np.interp(sample_rate, list(ALPHAS), list(ALPHAS.values())))


def spectrum_to_mcep(power: np.ndarray, dimensions: int, alpha: float) -> np.ndarray:
    """Compute the mel-cepstrum of a power spectrum.

    Args:
        power: (T, F) power spectrum, F = fft_size / 2 + 1, every value > 0.
        dimensions: coefficients Q, c0 included (SPTK's order + 1).
        alpha: frequency warping, 0 (none) to below 1.

    Returns:
        (T, Q) float64; c0 is the mean log *amplitude* over the warped frequency.
    """
    return np.log(power) @ make_encoder(power.shape[-1], dimensions, alpha)  # (T, F) @ (F, Q)


def mcep_to_spectrum(mcep: np.ndarray, alpha: float, fft_size: int) -> np.ndarray:
    """Compute the power spectrum (T, fft_size / 2 + 1) of a mel-cepstrum (T, Q): |H(w)|^2 of the formula above."""
    return np.exp(2 * (mcep @ make_decoder(mcep.shape[-1], alpha, fft_size)))  # (T, Q) @ (Q, F)


@lru_cache(maxsize=16)
def make_encoder(bins: int, dimensions: int, alpha: float) -> np.ndarray:
    """Return (F, Q): log power -> one-sided cepstrum of the amplitude -> frequency transform."""
    fft_size = 2 * (bins - 1)
    cepstrum = np.fft.irfft(np.eye(bins), fft_size)[:, :bins]       # (F, F) one row per bin of the log power
    # log|H|^2 = r_0 + 2 sum r_m cos(m w) + r_{N/2} cos(N/2 w), hence log|H| = r_0 / 2 + sum r_m cos(m w) ...
    cepstrum[:, [0, -1]] /= 2
    warp = np.zeros((bins, dimensions))                             # row k: z^-k becomes the all-pass ^ k
    row = np.eye(1, dimensions)[0]
    for k in range(bins):
        warp[k] = row
        row = lfilter([alpha, 1.0], [1.0, alpha], row)
    return cepstrum @ warp


@lru_cache(maxsize=16)
def make_decoder(dimensions: int, alpha: float, fft_size: int) -> np.ndarray:
    """Return (Q, F): cos(m v(w)) at the bins of the FFT."""
    w = np.linspace(0, np.pi, fft_size // 2 + 1)
    warped = w + 2 * np.arctan2(alpha * np.sin(w), 1 - alpha * np.cos(w))
    return np.cos(np.outer(np.arange(dimensions), warped))
