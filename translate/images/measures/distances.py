"""Measures of images.

Images are arrays (H, W, C) of 0..255, whole numbers or floats, gray (1 channel) or colour (3); all is computed in
float64. Every function compares an estimate with a reference of the same shape.
"""

import numpy as np
from scipy.ndimage import correlate1d

BORDER = 4                                                          # pixels cut before PSNR and SSIM of Y
LARGEST_PSNR = 100.0                                                # dB; for equal images, in place of infinity
WINDOW, DEVIATION = 11, 1.5                                         # pixels; SSIM's Gaussian
K1, K2 = 0.01, 0.03                                                 # constants of SSIM


def measure_l1(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Measure the mean absolute difference, 0 to 255."""
    return float(np.abs(_difference(estimate, reference)).mean())


def measure_psnr(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Measure the peak signal-to-noise ratio in dB, peak 255, one mean square over all channels; 100 dB if equal."""
    square = float(np.square(_difference(estimate, reference)).mean())
    return LARGEST_PSNR if square == 0 else min(LARGEST_PSNR, 10 * np.log10(255**2 / square))


def measure_ssim(estimate: np.ndarray, reference: np.ndarray) -> float | None:
    """Measure the structural similarity (Wang et al. 2004), at most 1; mean over channels.

    Gaussian window of 11 pixels and deviation 1.5, K1 0.01, K2 0.03, range 255, population covariances; only places
    where the window fits, hence None for images below 11 pixels.
    """
    _difference(estimate, reference)
    if min(estimate.shape[:2]) < WINDOW:
        return None
    x, y = (picture.astype(np.float64) for picture in (estimate, reference))
    mean_x, mean_y = _blur(x), _blur(y)
    variances = _blur(x * x) + _blur(y * y) - mean_x**2 - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())


def convert_luma(picture: np.ndarray) -> np.ndarray:
    """Convert (H, W, C) to luma (H, W, 1) float64: Y of ITU-R BT.601, 16 to 235, for colours; gray as it is, 0 to 255.

    Published numbers treat gray images like this: the one in Set14 lowers its mean by 0.09 dB.
    """
    if picture.shape[2] == 1:
        return picture.astype(np.float64)
    return (16 + picture.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255)[..., None]


def measure_psnr_y(estimate: np.ndarray, reference: np.ndarray, border: int = BORDER) -> float:
    """Measure PSNR on Y (BT.601, not rounded), without `border` pixels on each side, as usual for super-resolution."""
    return measure_psnr(*(_crop(convert_luma(picture), border) for picture in (estimate, reference)))


def measure_ssim_y(estimate: np.ndarray, reference: np.ndarray, border: int = BORDER) -> float | None:
    """Measure SSIM on Y (BT.601, not rounded), without `border` pixels on each side."""
    return measure_ssim(*(_crop(convert_luma(picture), border) for picture in (estimate, reference)))


def measure_sharpness(estimate: np.ndarray, reference: np.ndarray) -> float:
    """Measure the mean gradient magnitude of Y relative to the reference: below 1 is blurred, above 1 noisy."""
    ours, theirs = (
        np.hypot(*np.gradient(convert_luma(picture)[..., 0])).mean() for picture in (estimate, reference)
    )
    return float(ours / max(theirs, 1e-12))


def count_classes(estimate: np.ndarray, reference: np.ndarray, classes: int) -> np.ndarray:
    """Count the confusion (K, K) of label maps (H, W) of 0..K-1: pixels by [class of reference, class of estimate]."""
    pairs = reference.astype(np.int64) * classes + estimate
    return np.bincount(pairs.ravel(), minlength=classes**2).reshape(classes, classes)


def score_classes(confusion: np.ndarray) -> tuple[float, float]:
    """Return pixel accuracy and mean intersection over union of a confusion (K, K), over the classes that occur."""
    hits = confusion.diagonal()
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
    return float(hits.sum() / confusion.sum()), float((hits[union > 0] / union[union > 0]).mean())


def _difference(estimate: np.ndarray, reference: np.ndarray) -> np.ndarray:
    if estimate.shape != reference.shape or estimate.ndim != 3:
        raise ValueError(f"expected two pictures (H, W, C) of one shape, got {estimate.shape} and {reference.shape}")
    return estimate.astype(np.float64) - reference.astype(np.float64)


def _crop(picture: np.ndarray, border: int) -> np.ndarray:
    """Cut `border` pixels off each side; smaller images stay whole."""
    if min(picture.shape[:2]) <= 2 * border:
        return picture
    return picture[border : picture.shape[0] - border, border : picture.shape[1] - border]


def _blur(picture: np.ndarray) -> np.ndarray:
    """Return weighted means over the Gaussian window, where it fits."""
    places = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-np.square(places) / (2 * DEVIATION**2))
    weights /= weights.sum()
    return _crop(correlate1d(correlate1d(picture, weights, axis=0), weights, axis=1), WINDOW // 2)
