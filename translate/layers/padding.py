"""Padding to a network's stride, so that outputs have the size of their inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from translate.layers.exporting import is_exporting


def pad_to_multiple(x: Tensor, multiple: int, dims: int) -> Tensor:
    """Repeat the last values of the last `dims` dimensions until each is a multiple of `multiple`.

    Args:
        x: (B, C, *S).
        multiple: total stride of the network.
        dims: number of trailing dimensions to pad, 1 or 2.

    Returns:
        `x` itself when no padding is needed, else the padded tensor; crop the output with `y[..., :Q, :T]`.
    """
    return extend(x, [(size + multiple - 1) // multiple * multiple for size in x.shape[-dims:]])


def extend(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Repeat the last values of the last 1 or 2 dimensions of `x` (B, C, *S) up to the given sizes.

    Sizes below those of `x` have no effect. Returns `x` itself when no padding is needed.
    """
    if is_exporting():
        return _gather(x, sizes)
    missing = [max(0, size - given) for size, given in zip(sizes, x.shape[-len(sizes) :], strict=True)]
    if not any(missing):
        return x
    pads = [amount for size in reversed(missing) for amount in (0, size)]
    return functional.pad(x, pads, mode="replicate")


def _gather(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Pad as `extend` does without branching on sizes, which are symbols while a graph for any size is exported."""
    for dim, size in enumerate(sizes, start=x.dim() - len(sizes)):
        given = x.shape[dim]
        if isinstance(size, int):                                   # a fixed number; symbols depend on the input
            size = torch.sym_max(size, given)
        x = x.index_select(dim, torch.arange(size, device=x.device).clamp(max=given - 1))
    return x
