"""The linear map between two voices: a frequency warp, then optimal transport. No pairs, no training.

Two voices differ first by the length of the vocal tract, which stretches the frequency axis. An all-pass warp of one
number `shift` models it: the one after which the correlations of the coefficients are nearest to the target's. With
both sets of frames taken as Gaussian, the map that then moves one onto the other with the least displacement is linear
(Gelbrich 1990; Peyre and Cuturi 2019, "Computational Optimal Transport", remark 2.31):

    y = m_t + T (x - m),   T = C^-1/2 (C^1/2 C_t C^1/2)^1/2 C^-1/2

of the means m, m_t and covariances C, C_t of the warped source and of the target. A system that is trained and does not
beat it has learned nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from translate.config import WorldConfig
from translate.errors import UserError
from translate.speech.analysis.mcep import make_decoder, make_encoder
from translate.speech.analysis.statistics import Statistics
from translate.speech.analysis.world import World

SHIFTS = tuple(np.round(np.arange(-0.3, 0.301, 0.02), 2).tolist())  # all-pass warps tried; 0.1 is about 20 % at 0 Hz
LOWER = 25  # coefficients that choose the warp; those above follow the pitch, and would choose none
RIDGE = 1e-4                                                        # smallest eigenvalue of the source's covariance,
# relative to the largest: directions in which a voice hardly moves would be blown up, by a factor of 34 where measured


@dataclass(frozen=True, eq=False)
class LinearMap:
    """The map of frames (T, Q): y = x @ matrix + offset.

    Attributes:
        matrix: (Q, Q).
        offset: (Q,).
        shift: warp of the frequency axis, above 0 for a longer vocal tract; 0: none.
    """

    matrix: np.ndarray
    offset: np.ndarray
    shift: float = 0.0

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return frames @ self.matrix + self.offset

    def normalised(self, source: Statistics, target: Statistics) -> tuple[np.ndarray, np.ndarray]:
        """Return A (Q, Q) and b (Q,) of y = A x + b, for frames in columns that are normalised by their own domain."""
        matrix = source.deviation[:, None] * self.matrix / target.deviation
        offset = (source.mean @ self.matrix + self.offset - target.mean) / target.deviation
        return matrix.T, offset


def fit_linear_map(source: Statistics, target: Statistics, config: WorldConfig, warped: bool = True) -> LinearMap:
    """Fit the map from the statistics of two domains' training recordings.

    Args:
        source, target: statistics with covariances.
        config: analysis of the frames. Only true mel-cepstra (`codec: sptk`) are warped.
        warped: whether the frequency axis is warped first.

    Raises:
        UserError: statistics without covariances.
    """
    if source.covariance is None or target.covariance is None:
        raise UserError("the linear map needs the covariances of the features; extract them again")
    shift, warp = 0.0, np.eye(len(source.mean))
    if warped and config.codec == "sptk":
        warps = warp_matrices(config.model_copy(update={"f0": "dio"}).model_dump_json())
        wanted = _correlate(target.covariance)
        distance = {s: np.abs(_correlate(w.T @ source.covariance @ w) - wanted).mean() for s, w in warps.items()}
        shift = min(SHIFTS, key=lambda s: (distance[s], abs(s)))
        warp = warps[shift]
    matrix = warp @ transport(warp.T @ source.covariance @ warp, target.covariance)
    return LinearMap(matrix, target.mean - source.mean @ matrix, shift)


def transport(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Compute the matrix T (Q, Q), symmetric, that moves a Gaussian of one covariance (Q, Q) onto another."""
    half, inverse = _roots(source, RIDGE)
    return inverse @ _roots(half @ target @ half, 0)[0] @ inverse   # here a ridge would give a wrong covariance


def warp_matrix(shift: float, dimensions: int, alpha: float, fft_size: int) -> np.ndarray:
    """Compute the matrix (Q, Q) that warps mel-cepstra: c @ matrix has the envelope of c on a stretched frequency axis.

    The envelope at w becomes that at w + 2 atan(shift sin w / (1 - shift cos w)).
    """
    bins = fft_size // 2 + 1
    w = np.linspace(0, np.pi, bins)
    warped = w + 2 * np.arctan2(shift * np.sin(w), 1 - shift * np.cos(w))
    place = np.clip(warped / np.pi * (bins - 1), 0, bins - 1)
    low = np.floor(place).astype(int)
    high, part = np.minimum(low + 1, bins - 1), place - low
    decoder = make_decoder(dimensions, alpha, fft_size)                 # (Q, F) log amplitudes
    return 2 * (decoder[:, low] * (1 - part) + decoder[:, high] * part) @ make_encoder(bins, dimensions, alpha)


@lru_cache(maxsize=4)
def warp_matrices(analysis: str) -> dict[float, np.ndarray]:
    """Return the matrices of all shifts for an analysis, given as JSON, which can be a key of the cache."""
    world = World(WorldConfig.model_validate_json(analysis))
    return {shift: warp_matrix(shift, world.dimensions, world.alpha, world.fft_size) for shift in SHIFTS}


def _correlate(covariance: np.ndarray) -> np.ndarray:
    """Return the correlations of the lower coefficients, without c0, which is the level."""
    inner = covariance[1:LOWER, 1:LOWER]
    deviation = np.sqrt(np.maximum(np.diag(inner), np.finfo(float).tiny))
    return inner / np.outer(deviation, deviation)


def _roots(matrix: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the square root of a symmetric positive matrix, and its inverse.

    Eigenvalues below `ridge` times the largest are raised to that.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    values = np.sqrt(np.maximum(values, max(values[-1] * ridge, np.finfo(float).tiny)))
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
