"""Statistics of a domain's features and F0, computed from moments that add up over utterances.

Those of mel-cepstra leave out long silence around the speech, which says nothing about a voice, and digital silence,
which would ruin a mean. F0 is trimmed: octave errors of the estimation would widen its distribution by a third.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from translate.errors import UserError
from translate.files import load_arrays

FLOOR = 1e-6                                                        # smallest deviation, avoids division by 0
FIELDS = ("mean", "deviation", "log_f0_mean", "log_f0_deviation", "frames", "voiced")
OPTIONAL = ("covariance", "f0_range")
LOWEST_F0, HIGHEST_F0 = 40.0, 2000.0                                # Hz, as those of `features.f0_floor`, `f0_ceil`
TRIM = 0.75                                                         # octaves around an utterance's median F0


def moments(frames: np.ndarray, f0: np.ndarray | None = None, speech: np.ndarray | None = None) -> np.ndarray:
    """Compute the additive moments of one utterance.

    Args:
        frames: (T, Q) features.
        f0: (T,) Hz, 0 where unvoiced; None for a front end without F0.
        speech: (T,) bool, the frames that count; None: all.

    Returns:
        (Q + Q * Q + 4,) float64 with F0: sum (Q), sum of products (Q * Q), frames, sum of log F0, sum of its squares,
        voiced frames. Without F0 (2Q + 4,): squares in place of products, as such frames may have hundreds of values.
    """
    wide = frames.astype(np.float64)
    if speech is not None:
        wide, f0 = wide[speech], None if f0 is None else f0[speech]
    log_f0 = np.zeros(0) if f0 is None else trim_f0(np.log(f0[f0 > 0].astype(np.float64)))
    counts = [len(wide), log_f0.sum(), (log_f0**2).sum(), len(log_f0)]
    squares = (wide**2).sum(axis=0) if f0 is None else (wide.T @ wide).ravel()
    return np.concatenate([wide.sum(axis=0), squares, counts])


def is_range(low: float, high: float) -> bool:
    """Return whether F0 can be estimated from `low` to `high` Hz."""
    return LOWEST_F0 <= low < high <= HIGHEST_F0


def count_moments(dimensions: int, with_f0: bool) -> int:
    """Return the length of `moments` for Q dimensions."""
    return dimensions + (dimensions**2 if with_f0 else dimensions) + 4


def trim_f0(log_f0: np.ndarray) -> np.ndarray:
    """Return the natural logarithms of F0 (N,) that are within 0.75 octaves of their median."""
    if not len(log_f0):
        return log_f0
    return log_f0[np.abs(log_f0 - np.median(log_f0)) <= TRIM * np.log(2)]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a domain, for normalisation and F0 conversion."""

    mean: np.ndarray                                                # (Q,) mean of the features
    deviation: np.ndarray                                           # (Q,) standard deviation, at least FLOOR
    log_f0_mean: float                                              # natural log of Hz; 0 if no frame is voiced
    log_f0_deviation: float
    frames: int
    voiced: int                                                     # frames whose F0 counts
    covariance: np.ndarray | None = None                            # (Q, Q); None: features without F0
    f0_range: np.ndarray | None = None  # (2,) Hz in which F0 was estimated; None: that of the analysis

    @classmethod
    def from_moments(cls, total: np.ndarray, dimensions: int) -> "Statistics":
        """Make them from the sum of `moments` over a domain's utterances.

        Args:
            total: (Q + Q * Q + 4,), or (2Q + 4,) without F0.
            dimensions: Q.

        Raises:
            UserError: the moments count no frame.
        """
        frames, log_sum, log_squares, voiced = total[-4:]
        if frames < 1:
            raise UserError("statistics of no frames: the domain has no training utterance")
        mean, second = total[:dimensions] / frames, total[dimensions:-4] / frames
        covariance = None
        if len(second) == dimensions**2 > 1:
            covariance = second.reshape(dimensions, dimensions) - np.outer(mean, mean)
        variance = second - mean**2 if covariance is None else np.diag(covariance)
        log_mean = log_sum / max(voiced, 1)
        log_variance = max(log_squares / max(voiced, 1) - log_mean**2, 0.0)
        return cls(
            mean=mean,
            deviation=np.maximum(np.sqrt(np.maximum(variance, 0)), FLOOR),
            log_f0_mean=float(log_mean),
            log_f0_deviation=float(np.sqrt(log_variance)),
            frames=int(frames),
            voiced=int(voiced),
            covariance=covariance,
        )

    @property
    def voice_range(self) -> tuple[float, float] | None:
        """Return `f0_range` as numbers."""
        return None if self.f0_range is None else (float(self.f0_range[0]), float(self.f0_range[1]))

    def normalise(self, frames: np.ndarray) -> np.ndarray:
        """Normalise (T, Q) to zero mean and unit deviation, in the dtype of `frames`."""
        return ((frames - self.mean) / self.deviation).astype(frames.dtype)

    def denormalise(self, frames: np.ndarray) -> np.ndarray:
        """Invert `normalise`."""
        return (frames * self.deviation + self.mean).astype(frames.dtype)


def pack_statistics(statistics: Mapping[str, Statistics]) -> dict[str, np.ndarray]:
    """Return the statistics of all domains as arrays with the keys `<domain>/mean`, ..."""
    return {
        f"{domain}/{field}": np.asarray(getattr(of_domain, field), order="C")
        for domain, of_domain in statistics.items()
        for field in (*FIELDS, *OPTIONAL)
        if getattr(of_domain, field) is not None
    }

def load_statistics(path: str | os.PathLike[str]) -> dict[str, Statistics]:
    """Read the statistics of all domains, {domain: Statistics}; raise `UserError` for any other file."""
    values: dict[str, dict[str, np.ndarray]] = {}
    for key, tensor in load_arrays(path).items():
        if key.startswith("norms/") and key.count("/") > 2:         # see `translate.speech.conversion.norms`
            continue
        domain, _, field = key.rpartition("/")
        values.setdefault(domain, {})[field] = tensor
    for domain, of_domain in values.items():
        if sorted(set(of_domain) - set(OPTIONAL)) != sorted(FIELDS):
            raise UserError(f"{path}: expected the keys {', '.join(FIELDS)} of domain `{domain}`")
        if not _is_sound(of_domain):
            raise UserError(f"{path}: the numbers of domain `{domain}` are no statistics; take another checkpoint")
    return {
        domain: Statistics(
            mean=of_domain["mean"],
            deviation=of_domain["deviation"],
            log_f0_mean=float(of_domain["log_f0_mean"]),
            log_f0_deviation=float(of_domain["log_f0_deviation"]),
            frames=int(of_domain["frames"]),
            voiced=int(of_domain["voiced"]),
            covariance=of_domain.get("covariance"),
            f0_range=of_domain.get("f0_range"),
        )
        for domain, of_domain in values.items()
    }


def _is_sound(fields: Mapping[str, np.ndarray]) -> bool:
    """Return whether a domain's arrays have the shapes, types and ranges of `Statistics` and are finite."""
    line = fields["mean"].shape
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(FIELDS, ())
    shapes |= {"mean": line, "deviation": line, "covariance": (*line, *line), "f0_range": (2,)}
    kinds = {field: "iu" if field in ("frames", "voiced") else "f" for field in shapes}
    return (
        fields["mean"].ndim == 1
        and all(value.shape == shapes[field] and value.dtype.kind in kinds[field] for field, value in fields.items())
        and all(bool(np.isfinite(value).all()) for value in fields.values())
        and bool((fields["deviation"] > 0).all())
        and is_range(*fields.get("f0_range", (LOWEST_F0, HIGHEST_F0)))
        and all(fields[field] >= 0 for field in ("log_f0_deviation", "frames", "voiced"))
    )
