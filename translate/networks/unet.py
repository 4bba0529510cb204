"""The U-Net of pix2pix: an encoder and a decoder with a skip connection at every level."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from translate.layers.initialise import initialise_normal
from translate.layers.padding import extend


class UNet(nn.Module):
    """Isola et al. 2017 (arXiv 1611.07004), appendix 6.1.1; U-Net-256 has depth 8, U-Net-128 depth 7.

    Every level halves the image by a convolution of width 4 and doubles it again by a transposed one. Batch norm
    follows all convolutions except the first, the innermost and the output. Dropout of one half in the three innermost
    levels of the decoder is the only noise. The source has planes of any range, the output lies in [-1, 1].

    Input of any size is accepted: a level of odd size repeats its last row or column, and the way up crops it again.
    Images of at most 2^(depth - 1) pixels are padded further, so that the innermost norm has more than one value to
    average.

    Args:
        source_planes, target_channels: input planes and output channels.
        channels: channels of the first level (paper: 64); they double up to eight times that.
        depth: number of levels.
        dropout: whether there is any dropout.
        test_dropout: whether dropout stays on in evaluation, as in the paper: outputs then depend on torch's random
            generator.
        test_norm: statistics in evaluation: each image's own ("batch": like the paper's test batches of one image,
            whatever the batch size is here), or those gathered in training ("running").
    """

    def __init__(
        self,
        source_planes: int,
        target_channels: int,
        channels: int = 64,
        depth: int = 8,
        dropout: bool = True,
        test_dropout: bool = True,
        test_norm: Literal["batch", "running"] = "batch",
    ):
        super().__init__()
        self.smallest = 2 ** (depth - 1) + 1
        widths = [channels * min(2**level, 8) for level in range(depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            first, innermost = level == 0, level == depth - 1
            inputs = source_planes if first else widths[level - 1]
            plain = first or innermost  # without a norm, which would remove a bias
            down: list[nn.Module] = [nn.Conv2d(inputs, width, 4, 2, 1, bias=plain)]
            down = down if first else [nn.LeakyReLU(0.2), *down]
            self.down.append(nn.Sequential(*down, *([] if plain else [PolicyNorm(width, test_norm)])))

            outputs = target_channels if first else widths[level - 1]
            joined = width if innermost else 2 * width
            up: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(joined, outputs, 4, 2, 1, bias=first)]
            up.append(nn.Tanh() if first else PolicyNorm(outputs, test_norm))
            if dropout and level >= max(1, depth - 3):
                up.append(PolicyDropout(0.5, test_dropout))
            self.up.append(nn.Sequential(*up))
        initialise_normal(self)

    def forward(self, x: Tensor) -> Tensor:  # (B, source_planes, H, W) -> (B, target_channels, H, W)
        height, width = x.shape[-2:]
        hidden = extend(x, [self.smallest] * 2)
        sizes, skips = hidden.shape[-2:], []
        for level, down in enumerate(self.down, start=1):
            skips.append(hidden)
            halves = [(size + 2**level - 1) // 2**level for size in sizes]  # halved sizes, rounded up
            hidden = down(extend(hidden, [2 * half for half in halves]))
        for level in reversed(range(len(self.up))):
            skip = skips[level]
            hidden = self.up[level](hidden)[..., : skip.shape[-2], : skip.shape[-1]]
            if level:
                hidden = torch.cat([skip, hidden], dim=1)
        return hidden[..., :height, :width]


class PolicyNorm(nn.BatchNorm2d):
    """Batch norm that in evaluation uses the running statistics, or each image's own ("batch")."""

    def __init__(self, channels: int, test: Literal["batch", "running"]):
        super().__init__(channels)
        self.test = test

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        if self.training or self.test == "running":
            return super().forward(x)
        return functional.group_norm(x, self.num_features, self.weight, self.bias, self.eps)


class PolicyDropout(nn.Dropout):
    """Dropout that stays on in evaluation if `test` is true."""

    def __init__(self, probability: float, test: bool):
        super().__init__(probability)
        self.test = test

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.p, self.training or self.test)
