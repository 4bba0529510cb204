"""Any size in, the same size out: padding to a network's stride and cropping back."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from translate.layers.exporting import is_exporting


def pad_to_multiple(x: Tensor, multiple: int, dims: int) -> Tensor:
    """Repeat the last values of the last `dims` dimensions until each is a multiple of `multiple`.

    Args:
        x: (B, C, *S).
        multiple: the network's total stride.
        dims: how many trailing dimensions are padded, 1 or 2.

    Returns:
        `x` itself when nothing is missing, else the padded tensor; crop with `y[..., :Q, :T]`.
    """
    return extend(x, [(size + multiple - 1) // multiple * multiple for size in x.shape[-dims:]])


def extend(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Repeat the last values of the last dimensions of `x` (B, C, *S) until they have these sizes, 1 or 2 of them.

    Sizes below those of `x` leave it; `x` itself when nothing is missing.
    """
    if is_exporting():
        return _gather(x, sizes)
    missing = [max(0, size - given) for size, given in zip(sizes, x.shape[-len(sizes) :], strict=True)]
    if not any(missing):
        return x
    pads = [amount for size in reversed(missing) for amount in (0, size)]
    return functional.pad(x, pads, mode="replicate")


def _gather(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """`extend` without a branch on the sizes, which are symbols while a graph for any size is exported."""
    for dim, size in enumerate(sizes, start=x.dim() - len(sizes)):
        given = x.shape[dim]
        if isinstance(size, int):                                   # a number, whatever the input; symbols come from it
            size = torch.sym_max(size, given)
        x = x.index_select(dim, torch.arange(size, device=x.device).clamp(max=given - 1))
    return x
