"""Any size in, the same size out: padding to a network's stride and cropping back."""

from torch import Tensor
from torch.nn import functional


def pad_to_multiple(x: Tensor, multiple: int, dims: int) -> Tensor:
    """Repeat the last values of the last `dims` dimensions until each is a multiple of `multiple`.

    Args:
        x: (B, C, *S).
        multiple: the network's total stride.
        dims: how many trailing dimensions are padded, 1 or 2.

    Returns:
        `x` itself when nothing is missing, else the padded tensor; crop with `y[..., :Q, :T]`.
    """
    missing = [-size % multiple for size in x.shape[-dims:]]
    if not any(missing):
        return x
    pads = [amount for size in reversed(missing) for amount in (0, size)]
    return functional.pad(x, pads, mode="replicate")
