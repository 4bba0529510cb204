"""Measures of images by trained networks: LPIPS, FID and KID, through torchmetrics.

Their weights are downloaded at first use; without them every function here raises `UserError`.
"""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from translate.errors import UserError
from translate.images.arrays import convert_channels

SUBSETS, SUBSET = 10, 1000                                          # number and size, for KID (Binkowski et al. 2018)


class Lpips:
    """Learned perceptual distance (Zhang et al. 2018), AlexNet, version 0.1.

    Raises:
        UserError: the weights are not available.
    """

    def __init__(self) -> None:
        def make() -> Any:
            from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

            return LearnedPerceptualImagePatchSimilarity("alex")

        self.network = _make("LPIPS", make)

    def __call__(self, estimate: np.ndarray, reference: np.ndarray) -> float:
        """Measure the distance of two images (H, W, C) uint8: 0 for equal ones, about 0.7 for unrelated ones."""
        pair = (_to_tensor(picture).float() / 127.5 - 1 for picture in (estimate, reference))
        with torch.inference_mode():
            return float(self.network(*pair))


def measure_fid(estimates: Iterable[np.ndarray], references: Iterable[np.ndarray], feature: Any = 2048) -> float:
    """Measure the Fréchet distance (Heusel et al. 2017) of two sets of images (H, W, C) uint8, biased upwards if small.

    Args:
        estimates, references: sets of at least two images of any sizes; the network resizes them to 299 x 299
            (bilinear).
        feature: layer of Inception; or a network (1, 3, H, W) uint8 -> (1, D) in its place.

    Raises:
        UserError: the weights are not available.
    """

    def make() -> Any:
        from torchmetrics.image.fid import FrechetInceptionDistance

        return FrechetInceptionDistance(feature)

    metric = _make("FID", make)
    return float(_compare(metric, estimates, references))


def measure_kid(estimates: Iterable[np.ndarray], references: Iterable[np.ndarray], feature: Any = 2048) -> float:
    """Measure the kernel distance (Binkowski et al. 2018), mean over 10 subsets of up to 1000.

    It is unbiased, so suitable for small sets. Arguments and errors as for `measure_fid`.
    """

    def make() -> Any:
        from torchmetrics.image.kid import KernelInceptionDistance

        return KernelInceptionDistance(feature, subsets=SUBSETS)

    metric = _make("KID", make)
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(0)
        return float(_compare(metric, estimates, references)[0])


def _make(name: str, make: Callable[[], Any]) -> Any:
    """Call `make`; turn any failure to get its weights into a one-line `UserError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")                         # about memory use
            return make()
    except (OSError, RuntimeError, ImportError) as error:           # no network, a damaged file, a package missing
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"{name}: weights not available ({reason}); connect once, or leave out --deep") from None


def _compare(metric: Any, estimates: Iterable[np.ndarray], references: Iterable[np.ndarray]) -> Any:
    counts = [0, 0]
    with torch.inference_mode():
        for number, pictures in enumerate((estimates, references)):
            for picture in pictures:
                metric.update(_to_tensor(picture), real=bool(number))
                counts[number] += 1
        if min(counts) < 2:
            raise ValueError(f"expected at least two pictures of each kind, got {counts}")
        metric.subset_size = min(SUBSET, *counts)                   # KID has subsets, FID none
        return metric.compute()


def _to_tensor(picture: np.ndarray) -> Tensor:
    """Convert to (1, 3, H, W) uint8."""
    return torch.from_numpy(np.moveaxis(convert_channels(picture, 3), 2, 0).copy())[None]
