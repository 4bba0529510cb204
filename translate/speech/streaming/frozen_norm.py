"""Networks with instance norms that do not depend on their input, for streams.

An instance norm computes its statistics over the whole utterance, which a stream does not have. A copy of the network
with the same weights uses `SteadyNorm` instead, whose statistics were either measured before on a recording of the
speaker, or accumulate during the stream. Outputs then have a bounded receptive field, which `measure_context` finds.
"""

import copy
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)

LONGEST = 2**17  # frames; a larger receptive field counts as unbounded


class SteadyNorm(nn.Module):
    """An instance norm (`nn.GroupNorm` of one channel per group) with given statistics.

    Args:
        norm: norm whose scale and shift are used.

    Attributes:
        fresh: fraction of the input, at its end, that is added to the statistics; 0: none.
    """

    def __init__(self, norm: nn.GroupNorm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.fresh = 0.0
        self.count = 0
        self.sums = torch.zeros(2, norm.num_channels, dtype=torch.float64)  # sums of values and of squares

    def forward(self, x: Tensor) -> Tensor:  # (1, C, *S, T)
        if self.fresh:
            part = x[..., x.shape[-1] - round(self.fresh * x.shape[-1]) :].double().transpose(0, 1).flatten(1)
            self.sums = self.sums.to(x.device) + torch.stack([part.sum(dim=1), part.square().sum(dim=1)])
            self.count += part.shape[1]
        if not self.count:
            return x                                                # no statistics yet: the context is being measured
        mean, square = self.sums / self.count
        scale = ((square - mean.square()).clamp_min(0) + self.eps).rsqrt()
        shift = -mean * scale
        if self.weight is not None:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        shape = (1, -1, *[1] * (x.dim() - 2))
        return x * scale.to(x.dtype).view(shape) + shift.to(x.dtype).view(shape)


def steady(module: Module) -> tuple[Module, list[SteadyNorm]]:
    """Copy `module` with the same tensors but steady norms in place of instance norms; return it and these norms."""
    tensors = [*module.parameters(), *module.buffers()]
    twin = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    norms = []
    for parent in list(twin.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.GroupNorm) and child.num_groups == child.num_channels:
                norms.append(SteadyNorm(child))
                setattr(parent, name, norms[-1])
    return twin.eval(), norms


def gather(norms: Iterable[SteadyNorm], fresh: float) -> None:
    """Let the norms add the last fraction `fresh` of further inputs to their statistics."""
    for norm in norms:
        norm.fresh = fresh


@torch.inference_mode()
def measure_context(function: Callable[[Tensor], Tensor], dimensions: int, step: int) -> tuple[int, int]:
    """Measure how far an output looks back and ahead in frames, both multiples of `step`.

    One step of the input is set to NaN, which makes every output that depends on it NaN. The result is exact on CPUs;
    convolutions that compute in tiles may give a little more, which is harmless.

    Args:
        function: function (1, Q, T) -> (1, Q', T) for any T.
        dimensions: Q.
        step: multiple of the network's strides.

    Raises:
        ValueError: the receptive field is unbounded, or larger than 131,072 frames.
    """
    length = 64 * step
    while length <= LONGEST:
        x = torch.zeros(1, dimensions, length)
        middle = length // 2 // step * step
        x[..., middle : middle + step] = torch.nan
        touched = function(x).isnan().any(dim=1)[0].nonzero()
        if len(touched) and touched[0] >= step and touched[-1] < length - step:
            ahead, back = middle - int(touched[0]), int(touched[-1]) - (middle + step - 1)
            return -(-back // step) * step, -(-ahead // step) * step
        length *= 2
    raise ValueError(f"the network looks further than {LONGEST} frames")
