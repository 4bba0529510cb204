"""Mean and deviation of a domain's features, computed from moments that add up over utterances."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from translate.errors import UserError
from translate.files import load_arrays

FLOOR = 1e-6                                                        # smallest deviation, avoids division by 0
FIELDS = ("mean", "deviation", "log_f0_mean", "log_f0_deviation", "frames", "voiced")


def moments(frames: np.ndarray, f0: np.ndarray | None = None) -> np.ndarray:
    """Compute the additive moments of one utterance.

    Args:
        frames: (T, Q) features.
        f0: (T,) Hz, 0 where unvoiced; None for a front end without F0.

    Returns:
        (2Q + 4,) float64: sum (Q), sum of squares (Q), frames, sum of log F0, sum of squares, voiced frames.
    """
    wide = frames.astype(np.float64)
    log_f0 = np.zeros(0) if f0 is None else np.log(f0[f0 > 0].astype(np.float64))
    counts = [len(wide), log_f0.sum(), (log_f0**2).sum(), len(log_f0)]
    return np.concatenate([wide.sum(axis=0), (wide**2).sum(axis=0), counts])


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a domain, for normalisation and F0 conversion."""

    mean: np.ndarray                                                # (Q,) mean of the features
    deviation: np.ndarray                                           # (Q,) standard deviation, at least FLOOR
    log_f0_mean: float                                              # natural log of Hz; 0 if no frame is voiced
    log_f0_deviation: float
    frames: int
    voiced: int                                                     # frames with F0 > 0

    @classmethod
    def from_moments(cls, total: np.ndarray) -> "Statistics":
        """Make them from the sum (2Q + 4,) of `moments` over a domain; raise `UserError` if it counts no frame."""
        dimensions = (len(total) - 4) // 2
        frames, log_sum, log_squares, voiced = total[2 * dimensions :]
        if frames < 1:
            raise UserError("statistics of no frames: the domain has no training utterance")
        mean = total[:dimensions] / frames
        variance = total[dimensions : 2 * dimensions] / frames - mean**2
        log_mean = log_sum / max(voiced, 1)
        log_variance = max(log_squares / max(voiced, 1) - log_mean**2, 0.0)
        return cls(
            mean=mean,
            deviation=np.maximum(np.sqrt(np.maximum(variance, 0)), FLOOR),
            log_f0_mean=float(log_mean),
            log_f0_deviation=float(np.sqrt(log_variance)),
            frames=int(frames),
            voiced=int(voiced),
        )

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
        for field in FIELDS
    }






def load_statistics(path: str | os.PathLike[str]) -> dict[str, Statistics]:
    """Read the statistics of all domains, {domain: Statistics}; raise `UserError` for any other file."""
    values: dict[str, dict[str, np.ndarray]] = {}
    for key, tensor in load_arrays(path).items():
        if key.count("/") > 1:                                      # of a norm, see `translate.speech.conversion.norms`
            continue
        domain, _, field = key.rpartition("/")
        values.setdefault(domain, {})[field] = tensor
    for domain, of_domain in values.items():
        if sorted(of_domain) != sorted(FIELDS):
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
        )
        for domain, of_domain in values.items()
    }


def _is_sound(fields: Mapping[str, np.ndarray]) -> bool:
    """Return whether a domain's arrays have the shapes, types and ranges of `Statistics` and are finite."""
    shapes = {field: fields["mean"].shape if field in ("mean", "deviation") else () for field in FIELDS}
    kinds = {field: "iu" if field in ("frames", "voiced") else "f" for field in FIELDS}
    return (
        fields["mean"].ndim == 1
        and all(fields[field].shape == shapes[field] and fields[field].dtype.kind in kinds[field] for field in FIELDS)
        and all(bool(np.isfinite(value).all()) for value in fields.values())
        and bool((fields["deviation"] > 0).all())
        and all(fields[field] >= 0 for field in ("log_f0_deviation", "frames", "voiced"))
    )
