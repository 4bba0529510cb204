"""The networks of SPADE (Park et al. 2019, arXiv 1903.07291): label map to image, and image to style."""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from translate.layers.norm import instance_norm
from translate.layers.padding import pad_to_multiple
from translate.layers.spade import SpadeResidual, fit_labels, make_convolution

STRIDE = 32                                                         # output pixels per element of the seed
_UPSAMPLE_BEFORE = (1, 3, 4, 5, 6)                                  # blocks preceded by upsampling, counted from 0


class SpadeGenerator(nn.Module):
    """Seven residual blocks that get the label map at every scale (appendix A, fig. 11).

    They have 1024 x3, 512, 256, 128 and 64 channels and double the size five times by nearest neighbours. The input is
    a small seed of 1024 channels: a convolution of the down-scaled label map, or a linear map of a style vector.

    Args:
        planes: planes of the label map.
        target_channels: channels of the image.
        channels: channels of the last block (paper: 64); the others have 2, 4, 8, 16 times as many, SPADE's hidden
            layer twice.
        norm: norm of SPADE, see `layers.spade.Spade`. In evaluation mode batch norm uses its running statistics.
        style: length of the style vector; None: the seed comes from the label map.
        crop: (height, width) of a training crop; with a style, the linear map makes the seed of this size.
    """

    def __init__(
        self,
        planes: int,
        target_channels: int = 3,
        channels: int = 64,
        norm: Literal["batch", "instance"] = "batch",
        style: int | None = None,
        crop: tuple[int, int] = (256, 256),
    ):
        super().__init__()
        widths = [factor * channels for factor in (16, 16, 16, 16, 8, 4, 2, 1)]
        self.seed_shape = (widths[0], *(max(2, math.ceil(side / STRIDE)) for side in crop))
        self.seed = make_convolution(planes, widths[0], 3) if style is None else _map(style, math.prod(self.seed_shape))
        self.blocks = nn.ModuleList(
            SpadeResidual(inputs, outputs, planes, 2 * channels, norm)
            for inputs, outputs in pairwise(widths)
        )
        self.picture = make_convolution(channels, target_channels, 3)

    def forward(self, labels: Tensor, style: Tensor | None = None) -> Tensor:
        """Make an image (B, C, H, W) in [-1, 1] from a label map (B, P, H, W) of any size and a style (B, Z)."""
        height, width = labels.shape[-2:]
        # Norms need more than one element, so the seed has at least 2 x 2.
        factor = 2 - torch.sym_min(1, torch.sym_min(height, width) // (STRIDE + 1))
        labels = pad_to_multiple(labels, STRIDE * factor, dims=2)
        size = [side // STRIDE for side in labels.shape[-2:]]
        if style is None:
            x = self.seed(interpolate(labels, size=size, mode="nearest"))
        else:
            x = self.seed(style).view(-1, *self.seed_shape)
            if list(x.shape[-2:]) != size:
                x = interpolate(x, size=size, mode="bilinear")
        for number, block in enumerate(self.blocks):
            if number in _UPSAMPLE_BEFORE:
                x = interpolate(x, scale_factor=2, mode="nearest")
            x = block(x, fit_labels(labels, x))  # resized once here; the norms then need not resize
        return torch.tanh(self.picture(leaky_relu(x, 0.2)))[..., :height, :width]


class StyleEncoder(nn.Module):
    """Encoder of an image's style as mean and log variance, as in a variational autoencoder (appendix A, fig. 14).

    3x3 convolutions of stride 2 with spectral and instance norm; one linear layer for the mean and one for the
    variance. The image is first resized to a fixed size, 256 x 256 in the paper.

    Args:
        target_channels: channels of the image.
        channels: channels of the first convolution (paper: 64); they double up to eight times as many.
        style: length of the style vector (paper: 256).
        crop: height of a training crop: images are resized to the power of two at or below it, 16 to 256.
    """

    def __init__(self, target_channels: int = 3, channels: int = 64, style: int = 256, crop: int = 256):
        super().__init__()
        count = min(max(int(math.log2(crop)) - 2, 2), 6)            # convolutions, down to 4 x 4
        self.size = 4 * 2**count
        widths = [target_channels, *(channels * min(2**layer, 8) for layer in range(count))]
        self.layers = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            # A norm would remove the bias.
            self.layers.append(make_convolution(inputs, outputs, 3, stride=2, bias=False, spectral=True))
            self.layers += nn.Sequential(instance_norm(outputs, affine=False), nn.LeakyReLU(0.2))
        self.mean = _map(widths[-1] * 16, style)
        self.logvar = _map(widths[-1] * 16, style)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:  # (B, C, H, W) -> two (B, style)
        if picture.shape[-2:] != (self.size, self.size):
            picture = interpolate(picture, size=(self.size, self.size), mode="bilinear")
        hidden = self.layers(picture).flatten(1)
        return self.mean(hidden), self.logvar(hidden)


def _map(inputs: int, outputs: int) -> nn.Linear:
    """Make a linear layer, initialised like `make_convolution`."""
    linear = nn.Linear(inputs, outputs)
    nn.init.xavier_normal_(linear.weight, gain=0.02)
    nn.init.zeros_(linear.bias)
    return linear
