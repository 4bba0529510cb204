"""Gated convolutions (Dauphin et al. 2017): a learned gate scales every value.

A gated linear unit is `A * sigmoid(B)`. The papers use two convolutions, one for the value A and one for the gate B. A
single convolution with twice the channels, split in two, computes the same map (instance norm works channel by channel)
with one kernel instead of two. Here `outputs` always counts the channels *after* the gate, so the two conventions of
the literature differ only in the number passed:

    CycleGAN-VC                "c channels" = outputs c    (value and gate have c channels each)
    CycleGAN-VC2, StarGAN-VC2  "c channels" = outputs c/2  (one convolution of c channels is split)
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from translate.layers.norm import instance_norm, make_norm
from translate.layers.shuffle import PixelShuffle1d
from translate.layers.wide import WideConvolution

Size = int | tuple[int, int]

_CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d}


def pad_same(kernel: Size) -> Size:
    """Return the padding that keeps the size at stride 1 (odd kernels)."""
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)


class GatedConvolution(nn.Module):
    """Convolution -> [pixel shuffle] -> [norm] -> gated linear unit, over 1 or 2 dimensions.

    Args:
        rank: 1 for (B, C, T), 2 for (B, C, Q, T).
        inputs: input channels.
        outputs: output channels, after the gate.
        kernel, stride: arguments of the convolution; the default padding keeps the size at stride 1.
        norm: whether an instance norm with learned scale and shift precedes the gate; or the function that makes
            another norm of that many channels, such as `nn.BatchNorm2d`.
        padding: padding to use instead of the one that keeps the size.
        upsample: whether a pixel shuffle (Shi et al. 2016) doubles every dimension; replaces striding.
    """

    def __init__(
        self,
        rank: int,
        inputs: int,
        outputs: int,
        kernel: Size,
        stride: Size = 1,
        norm: bool | Callable[[int], nn.Module] = True,
        upsample: bool = False,
        padding: Size | None = None,
    ):
        super().__init__()
        widened = 2 * outputs * (2**rank if upsample else 1)
        self.convolution: nn.Module
        if inputs == 1 and rank == 2 and stride == 1 and isinstance(kernel, tuple):
            self.convolution = WideConvolution(inputs, widened, kernel)
        else:
            around = pad_same(kernel) if padding is None else padding
            self.convolution = _CONVOLUTION[rank](inputs, widened, kernel, stride, around)  # type: ignore[arg-type]
        self.shuffle: nn.Module = nn.Identity()
        if upsample:
            self.shuffle = PixelShuffle1d(2) if rank == 1 else nn.PixelShuffle(2)
        self.norm = make_norm(norm, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, *S) -> (B, outputs, *S')
        return functional.glu(self.norm(self.shuffle(self.convolution(x))), dim=1)


class GatedResidual(nn.Module):
    """Residual block: gated convolution to `hidden` channels, convolution back, instance norm, sum.

    Kernel 3 as in CycleGAN-VC (Fig. 4, 1-D) and CycleGAN-VC2 (Fig. 4, 1-D or 2-D).
    """

    def __init__(self, rank: int, channels: int, hidden: int):
        super().__init__()
        self.widen = GatedConvolution(rank, channels, hidden, 3)
        self.narrow = _CONVOLUTION[rank](hidden, channels, 3, padding=1)
        self.norm = instance_norm(channels)

    def forward(self, x: Tensor) -> Tensor:  # (B, channels, *S)
        return x + self.norm(self.narrow(self.widen(x)))
