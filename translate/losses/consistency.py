"""Distances between an estimate and its reference.

One formula serves the three consistencies of translation; the game names the loss:

    "cycle":     l1(backward_map(forward_map(x)), x)      Zhu et al. 2017 (CycleGAN), eq. 2
    "identity":  l1(forward_map(y), y)                    Taigman et al. 2017; Zhu et al. 2017, section 5.2
    "paired":    l1(forward_map(x), y)                    Isola et al. 2017 (pix2pix), eq. 3
"""

from torch import Tensor


def l1(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute error E|estimate - reference| over all elements.

    Args:
        estimate: tensor (B, C, *S).
        reference: tensor of the same shape: nothing is broadcast.

    Returns:
        0-dim float32, in the unit of the data.

    Raises:
        ValueError: the shapes differ.
    """
    return _difference(estimate, reference).abs().mean()


def l2(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the mean squared error E(estimate - reference)^2 over all elements (no root); else as `l1`."""
    return _difference(estimate, reference).square().mean()


def _difference(estimate: Tensor, reference: Tensor) -> Tensor:
    if estimate.shape != reference.shape:
        shapes = f"{tuple(estimate.shape)} and {tuple(reference.shape)}"
        raise ValueError(f"estimate and reference: expected one shape, got {shapes}")
    return estimate.float() - reference.float()
