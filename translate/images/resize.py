"""Bicubic resizing as super-resolution defines it: MATLAB's `imresize`.

Published numbers of super-resolution rest on one way of shrinking images. Most libraries differ from it: PyTorch's
and OpenCV's bicubic use another cubic (a = -0.75), and OpenCV's does not average before it drops pixels.

    kernel  Keys 1981, "Cubic convolution interpolation for digital image processing", eq. 15 (a = -0.5)
    smaller the kernel is stretched by 1 / factor, so that it averages (antialiasing)
    edges   the edge pixel is repeated; the weights of each output pixel sum to 1
    size    ceil(size * factor); pixel centres lie at half-integers

These rules give every pixel of the usual low-resolution files of Set5 and Set14. (MATLAB reflects at the edges since;
the files are older, and only the outermost two pixels would differ.)
"""

import math
from functools import lru_cache

import numpy as np
from scipy import sparse


def bicubic(image: np.ndarray, factor: float) -> np.ndarray:
    """Resize an image by `factor`.

    Args:
        image: array (H, W) or (H, W, C); integers such as uint8, or floats of any range.
        factor: size after over size before; 0.25 gives a quarter of the height and of the width, 4 four times.

    Returns:
        (ceil(H * factor), ceil(W * factor)[, C]) of the same type. Integers are rounded and clipped to their range,
        after the rows and again after the columns, as MATLAB does; floats may overshoot theirs.

    Raises:
        ValueError: a factor that is not positive, or another number of dimensions.
    """
    if not factor > 0 or image.ndim not in (2, 3):
        raise ValueError(f"expected a factor above 0 and (H, W[, C]), got {factor} and {image.shape}")
    rows = _apply(image, factor)
    return np.ascontiguousarray(_apply(rows.swapaxes(0, 1), factor).swapaxes(0, 1))


@lru_cache(maxsize=256)
def bicubic_matrix(size: int, factor: float) -> sparse.csr_matrix:
    """Return the linear map of `size` values in a row to `ceil(size * factor)`: (outputs, size), float64.

    Batches on a device resize with its dense form, `H @ image @ W.T`.
    """
    outputs = math.ceil(size * factor - 1e-9)  # 1e-9: factors such as 1 / 3 are not exact
    width = 4 / min(factor, 1)  # width of the kernel, in input pixels
    centres = (np.arange(outputs) + 0.5) / factor - 0.5
    first = np.floor(centres - width / 2).astype(int)
    taps = first[:, None] + np.arange(math.ceil(width) + 2)  # (outputs, taps)
    weights = _cubic((centres[:, None] - taps) * min(factor, 1))
    weights /= weights.sum(axis=1, keepdims=True)
    places = np.repeat(np.arange(outputs), taps.shape[1]), np.clip(taps, 0, size - 1).ravel()
    matrix = sparse.csr_matrix((weights.ravel(), places), shape=(outputs, size))  # adds up repeated places
    matrix.eliminate_zeros()
    return matrix


def _apply(image: np.ndarray, factor: float) -> np.ndarray:
    """Resize the first dimension."""
    matrix = bicubic_matrix(image.shape[0], float(factor))
    if np.issubdtype(image.dtype, np.floating):
        matrix = matrix.astype(image.dtype)
    resized = (matrix @ image.reshape(image.shape[0], -1)).reshape(matrix.shape[0], *image.shape[1:])
    if np.issubdtype(image.dtype, np.integer):
        limits = np.iinfo(image.dtype)
        return np.clip(np.floor(resized + 0.5), limits.min, limits.max).astype(image.dtype)
    return resized


def _cubic(x: np.ndarray) -> np.ndarray:
    """Evaluate the cubic of Keys (1981), eq. 15: 1 at 0, 0 at the other integers and from 2 on."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
