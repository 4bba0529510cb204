"""The linear map between two voices, a baseline that hurts: fitted without pairs, and nothing but matrices.

First an all-pass warp of the frequency axis, one number, which stands for the length of the vocal tract: the one after
which the correlations of the coefficients are nearest to the target's. Then the optimal transport of one Gaussian to
another, on full covariances: y = (x - m) T + m_t with T = C^-1/2 (C^1/2 C_t C^1/2)^1/2 C^-1/2.
"""

from dataclasses import dataclass

import numpy as np

from translate.speech.analysis.mcep import mcep_to_spectrum, spectrum_to_mcep

SHIFTS = np.round(np.arange(-0.30, 0.301, 0.02), 2)                 # of the all-pass
FLOOR = 1e-4                                                        # of an eigenvalue, relative to the largest
LOWER = 25                                                          # coefficients that choose the warp; those above
# follow the pitch: of 41 coefficients, the best warp from a woman to a man is none


@dataclass(frozen=True, eq=False)
class LinearMap:
    """y = x @ matrix + offset.

    Attributes:
        matrix: (Q, Q).
        offset: (Q,).
        shift: of the all-pass in it.
    """

    matrix: np.ndarray
    offset: np.ndarray
    shift: float

    @classmethod
    def fit(cls, source: np.ndarray, target: np.ndarray, alpha: float, fft_size: int) -> "LinearMap":
        """Fit it to frames of both voices, mel-cepstra (T1, Q), (T2, Q) of the frequency warping alpha."""
        mean, covariance = source.mean(axis=0), np.cov(source.T)
        wanted_mean, wanted = target.mean(axis=0), np.cov(target.T)
        warps = {float(shift): warp_matrix(shift, source.shape[1], alpha, fft_size) for shift in SHIFTS}
        correlations = _correlate(wanted)

        def distance(shift: float) -> float:
            warp = warps[shift]
            return float(np.abs(_correlate(warp.T @ covariance @ warp) - correlations).mean())

        shift = min(warps, key=distance)
        warp = warps[shift]
        matrix = warp @ transport(warp.T @ covariance @ warp, wanted)
        return cls(matrix, wanted_mean - mean @ matrix, shift)


def convert_linearly(mcep: np.ndarray, linear: LinearMap) -> np.ndarray:
    """Convert mel-cepstra (T, Q) of the source."""
    return mcep @ linear.matrix + linear.offset


def warp_matrix(shift: float, dimensions: int, alpha: float, fft_size: int) -> np.ndarray:
    """Return (Q, Q): mel-cepstra (T, Q) @ matrix are those of the envelope whose frequency axis the all-pass warps."""
    omega = np.linspace(0, np.pi, fft_size // 2 + 1)
    warped = omega + 2 * np.arctan2(shift * np.sin(omega), 1 - shift * np.cos(omega))
    logarithms = np.log(mcep_to_spectrum(np.eye(dimensions), alpha, fft_size))  # (Q, F), linear in the mel-cepstrum
    moved = np.array([np.interp(warped, omega, row) for row in logarithms])
    return spectrum_to_mcep(np.exp(moved), dimensions, alpha)


def transport(covariance: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the symmetric (Q, Q) that gives frames of one covariance (Q, Q) the other, moving them least."""
    half, inverse = _raise(covariance, 0.5, FLOOR), _raise(covariance, -0.5, FLOOR)
    return inverse @ _raise(half @ wanted @ half, 0.5, 0) @ inverse


def _raise(matrix: np.ndarray, power: float, floor: float) -> np.ndarray:
    """Raise a symmetric (Q, Q) to a power; eigenvalues below `floor` times the largest are raised to that first."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.maximum(values, floor * values[-1]) ** power) @ vectors.T


def _correlate(covariance: np.ndarray) -> np.ndarray:
    """Return the correlations of the lower coefficients, c0 apart."""
    inner = covariance[1:LOWER, 1:LOWER]
    deviations = np.sqrt(np.maximum(np.diag(inner), np.finfo(float).tiny))
    return inner / np.outer(deviations, deviations)
