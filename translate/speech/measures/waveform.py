"""Distances between sample-aligned waves, for models that keep the timing: postfilters, WaveCycleGAN.

They compare magnitudes and ignore the phase, which is hardly audible. Magnitudes are raised to a floor 80 dB
below the loudest point of the natural ones, so that digital silence does not dominate.
"""

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

WINDOWS_MS = (10.0, 25.0, 50.0)                                     # the three resolutions; hops are a fifth
WINDOW_MS = 25.0                                                    # window of the log-spectral distance and texture
RANGE_DB = 80.0                                                     # floor below the loudest natural point
PATCH = 5                                                           # frames and bins of a patch of texture


def compare_waves(wave: np.ndarray, natural: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Compute all distances between two waves (N,) of equal length, at `sample_rate` Hz; 0 means equal.

    Returns:
        spectral_convergence: | |A| - |N| | / | |N| | (Frobenius norms), mean over the three resolutions.
        log_magnitude: mean of |ln |A| - ln |N||, mean over the three resolutions.
        stft_distance: their sum, the multi-resolution STFT distance (Yamamoto et al. 2020).
        lsd: dB, log-spectral distance: root mean square over frequency of the difference in dB, mean over
            frames (Gray and Markel 1976); windows of 25 ms.
        texture: dB, log-spectral texture distance. The standard deviation of the dB in patches of 5 frames x 5 bins,
            averaged over time, gives a number per frequency; the distance is the RMS difference of these. An
            over-smoothed spectrogram lacks texture even where its level is right.
    """
    spectra = [_magnitudes(wave, natural, sample_rate, window) for window in WINDOWS_MS]
    convergence = float(np.mean([np.linalg.norm(a - n) / np.linalg.norm(n) for a, n in spectra]))
    log_magnitude = float(np.mean([np.abs(np.log(a) - np.log(n)).mean() for a, n in spectra]))
    a, n = (20 * np.log10(magnitude) for magnitude in _magnitudes(wave, natural, sample_rate, WINDOW_MS))
    return {
        "stft_distance": convergence + log_magnitude,
        "spectral_convergence": convergence,
        "log_magnitude": log_magnitude,
        "lsd": float(np.sqrt(((a - n) ** 2).mean(axis=0)).mean()),
        "texture": float(np.sqrt(((measure_texture(a) - measure_texture(n)) ** 2).mean())),
    }


def measure_texture(decibels: np.ndarray) -> np.ndarray:
    """Compute the standard deviation in patches of 5 bins x 5 frames, mean over time: (F, T) dB -> (F - 4,)."""
    centred = decibels - decibels.mean()                            # squares of small numbers lose fewer digits
    mean, square = (uniform_filter(x, PATCH)[2:-2, 2:-2] for x in (centred, centred**2))
    return np.sqrt(np.maximum(square - mean**2, 0)).mean(axis=1)


def _magnitudes(
    wave: np.ndarray, natural: np.ndarray, sample_rate: int, window_ms: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the magnitudes (F, T) of both, raised to the floor that the natural one sets."""
    width, hop = round(sample_rate * window_ms / 1000), round(sample_rate * window_ms / 5000)
    transform = ShortTimeFFT(hann(width, sym=False), hop, sample_rate, mfft=1 << (width - 1).bit_length())
    missing = max(0, width - len(natural))
    a, n = (np.abs(transform.stft(np.pad(x, (0, missing)), p0=0, p1=-(-(len(x) + missing) // hop)))
            for x in (wave, natural))
    floor = max(n.max(), 1e-10) * 10 ** (-RANGE_DB / 20)
    return np.maximum(a, floor), np.maximum(n, floor)
