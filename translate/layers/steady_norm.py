"""Instance norms whose statistics do not come from their input, and what an output then depends on.

An instance norm computes its statistics over the whole utterance: silence around a sentence changes the sentence, and a
stream does not have the whole. `copy_with` copies a network with others in their place: `StoredNorm`, whose statistics
are those of the training material, or `SteadyNorm`, which gathers them from what the network is given. Outputs then
have a bounded receptive field, which `measure_context` finds.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

Module = TypeVar("Module", bound=nn.Module)

LONGEST = 2**17  # frames; a larger receptive field counts as unbounded


class SteadyNorm(nn.Module):
    """An instance norm (`nn.GroupNorm` of one channel per group) whose statistics are gathered from its inputs.

    All samples of a batch count together, so that every layer gathers what it will see once its input is normalised by
    fixed statistics.

    Args:
        norm: norm whose scale and shift are used.

    Attributes:
        counted: (T,) or (B, T) weights of the network's input frames, from 0 to 1, which further inputs add to the
            statistics; None: they add nothing. Layers at a fraction of the frame rate average them.
        count: number of values per channel in the statistics, so far.
    """

    def __init__(self, norm: nn.GroupNorm):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.counted: Tensor | None = None
        self.forget()

    def forget(self) -> None:
        """Begin the statistics anew."""
        self.count, self._sums = 0.0, torch.zeros(2, 1, dtype=torch.float64)  # sums of values and of squares

    def read(self) -> Tensor:
        """Return mean and variance (2, C), float64."""
        mean, square = self._sums / self.count
        return torch.stack([mean, (square - mean.square()).clamp_min(0)])

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *S, T)
        if self.counted is not None:
            self._add(x)
        if not self.count:
            return x                                                # no statistics yet: the context is being measured
        return normalise(x, self.read(), self)

    def _add(self, x: Tensor) -> None:
        assert self.counted is not None
        rows = self.counted.to(x.device, torch.float32).view(-1, 1, self.counted.shape[-1])  # (1 or B, 1, T)
        rows = interpolate(rows, x.shape[-1], mode="area").expand(len(x), -1, -1)
        wide = x.float().flatten(2, -2) if x.dim() > 3 else x.float().unsqueeze(2)  # (B, C, S, T)
        weighted = wide * rows.unsqueeze(2)
        sums = [part.sum(dim=(0, 2, 3), dtype=torch.float64) for part in (weighted, weighted * wide)]
        self._sums = self._sums.to(x.device) + torch.stack(sums)
        self.count += float(rows.sum(dtype=torch.float64)) * wide.shape[2]


class StoredNorm(nn.Module):
    """An instance norm with fixed statistics.

    Args:
        norm: norm whose scale and shift are used.
        statistics: mean and variance (2, C).
    """

    statistics: Tensor

    def __init__(self, norm: nn.GroupNorm, statistics: Tensor):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.register_buffer("statistics", statistics.to(device=norm.weight.device if norm.affine else None))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *S)
        return normalise(x, self.statistics, self)


class Choice:
    """The statistics that `ChosenNorm`s take, as weights of a batch (B, N); whoever calls the network sets them."""

    weights: Tensor


class ChosenNorm(nn.Module):
    """An instance norm with fixed statistics of N directions, of which inputs beside the network's choose.

    Args:
        norm: norm whose scale and shift are used.
        statistics: means and variances (2, N, C).
        choice: weights of the directions.
    """

    statistics: Tensor

    def __init__(self, norm: nn.GroupNorm, statistics: Tensor, choice: Choice):
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.choice = choice
        self.register_buffer("statistics", statistics)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, *S)
        return normalise(x, self.choice.weights @ self.statistics, self)  # (2, B, C)


def normalise(x: Tensor, statistics: Tensor, norm: Any) -> Tensor:
    """Normalise `x` (B, C, *S) by mean and variance, (2, C) or (2, B, C), with the scale and shift of `norm`."""
    mean, variance = statistics.to(x.device)
    scale = (variance + norm.eps).rsqrt()
    shift = -mean * scale
    if norm.weight is not None:
        scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
    shape = (-1, x.shape[1], *[1] * (x.dim() - 2))
    return x * scale.to(x.dtype).view(shape) + shift.to(x.dtype).view(shape)


def copy_with(module: Module, make: Callable[[str, nn.GroupNorm], nn.Module]) -> Module:
    """Copy `module` in evaluation mode with the same tensors, but with other modules in place of instance norms.

    Only modules are copied, nothing that they hold beside tensors and modules.

    Args:
        module: any module.
        make: function that is called with the name and the instance norm, and returns what takes its place.
    """
    copies: dict[int, nn.Module] = {}

    def copy(given: nn.Module, name: str) -> nn.Module:
        if id(given) not in copies:
            if isinstance(given, nn.GroupNorm) and given.num_groups == given.num_channels:
                copies[id(given)] = make(name, given)
            else:
                twin = copies[id(given)] = given.__class__.__new__(given.__class__)
                twin.__dict__ = dict(given.__dict__)
                prefix = f"{name}." if name else ""
                twin._modules = {key: child and copy(child, prefix + key) for key, child in given._modules.items()}
        return copies[id(given)]

    twin: Module = copy(module, "")  # type: ignore[assignment]
    return twin.eval()


def list_norms(module: nn.Module) -> dict[str, nn.GroupNorm]:
    """List the instance norms inside `module` by name."""
    return {
        name: child
        for name, child in module.named_modules()
        if isinstance(child, nn.GroupNorm) and child.num_groups == child.num_channels
    }


def steady(module: Module) -> tuple[Module, dict[str, SteadyNorm]]:
    """Copy `module` as `copy_with` does, with steady norms; return the copy and these norms by name."""
    norms: dict[str, SteadyNorm] = {}

    def make(name: str, norm: nn.GroupNorm) -> SteadyNorm:
        norms[name] = SteadyNorm(norm)
        return norms[name]

    return copy_with(module, make), norms


def gather(norms: Iterable[SteadyNorm], counted: Tensor | None) -> None:
    """Let the norms add frames of further inputs with these weights (T,) or (B, T) to their statistics."""
    for norm in norms:
        norm.counted = counted


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
