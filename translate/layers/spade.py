"""Spatially-adaptive normalisation: a label map sets the scale and shift of every activation."""

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm

from translate.layers.norm import instance_norm


class Spade(nn.Module):
    """norm(x) * (1 + gamma(labels)) + beta(labels), the norm without parameters (Park et al. 2019, eq. 1 and fig. 2).

    The label map is resized to `x` by nearest neighbours. A 3x3 convolution with ReLU and two further 3x3 convolutions
    turn it into gamma and beta. Where all labels around a pixel are equal, both are constant.

    Args:
        channels: channels of `x`.
        planes: planes of the label map.
        hidden: channels of the first convolution (paper: 128).
        norm: "batch" keeps the overall level of a label, which an instance norm would remove; on several GPUs the
            statistics cover the batches of all, as in the paper. "instance" suits batches of one.
    """

    def __init__(self, channels: int, planes: int, hidden: int = 128, norm: Literal["batch", "instance"] = "batch"):
        super().__init__()
        self.norm = SharedBatchNorm(channels) if norm == "batch" else instance_norm(channels, affine=False)
        self.shared = nn.Sequential(make_convolution(planes, hidden, 3), nn.ReLU(inplace=True))
        self.gamma = make_convolution(hidden, channels, 3)
        self.beta = make_convolution(hidden, channels, 3)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, C, H, W), (B, P, *, *) -> (B, C, H, W)
        hidden = self.shared(fit_labels(labels, x))
        return self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)


class SpadeResidual(nn.Module):
    """Two times (SPADE, leaky ReLU, 3x3 convolution) plus a shortcut; spectral norm (Park et al. 2019, appendix A).

    Where the number of channels changes, the shortcut is learned: SPADE and a 1x1 convolution.

    Args:
        inputs: channels of `x`.
        outputs: channels of the result.
        planes, hidden, norm: arguments of every `Spade`.
    """

    def __init__(
        self, inputs: int, outputs: int, planes: int, hidden: int = 128, norm: Literal["batch", "instance"] = "batch"
    ):
        super().__init__()
        middle = min(inputs, outputs)
        self.first_norm = Spade(inputs, planes, hidden, norm)
        self.first = make_convolution(inputs, middle, 3, spectral=True)
        self.second_norm = Spade(middle, planes, hidden, norm)
        self.second = make_convolution(middle, outputs, 3, spectral=True)
        self.learned = inputs != outputs
        if self.learned:
            self.shortcut_norm = Spade(inputs, planes, hidden, norm)
            self.shortcut = make_convolution(inputs, outputs, 1, bias=False, spectral=True)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H, W)
        y = self.first(leaky_relu(self.first_norm(x, labels), 0.2))
        y = self.second(leaky_relu(self.second_norm(y, labels), 0.2))
        return y + (self.shortcut(self.shortcut_norm(x, labels)) if self.learned else x)


def fit_labels(labels: Tensor, x: Tensor) -> Tensor:
    """Resize the label map (B, P, *, *) to the size of `x` (B, C, H, W) by nearest neighbours."""
    return labels if labels.shape[-2:] == x.shape[-2:] else interpolate(labels, size=x.shape[-2:], mode="nearest")


class SharedBatchNorm(nn.SyncBatchNorm):
    """Batch norm without parameters, over the batches of all GPUs; on CPUs each process normalises its own batch.

    Args:
        channels: channels of the input.
    """

    def __init__(self, channels: int):
        super().__init__(channels, affine=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        # SyncBatchNorm refuses to work on CPUs as soon as there are several processes.
        return super().forward(x) if x.is_cuda else _BatchNorm.forward(self, x)


def make_convolution(
    inputs: int, outputs: int, width: int, stride: int = 1, bias: bool = True, spectral: bool = False
) -> nn.Module:
    """Make a convolution that keeps the size, initialised as in SPADE's code: Glorot's normal with gain 0.02.

    Args:
        inputs, outputs: channels.
        width: width of the kernel, odd.
        stride: stride in both directions.
        bias: whether there is a bias, initially 0.
        spectral: whether spectral norm is applied (Miyato et al. 2018).
    """
    convolution = nn.Conv2d(inputs, outputs, width, stride, padding=width // 2, bias=bias)
    nn.init.xavier_normal_(convolution.weight, gain=0.02)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return spectral_norm(convolution) if spectral else convolution
