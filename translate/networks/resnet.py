"""The residual generator of CycleGAN, also the global generator of pix2pixHD."""

from typing import Literal

import torch
from torch import Tensor, nn

from translate.layers.initialise import initialise_normal
from translate.layers.norm import instance_norm
from translate.layers.padding import extend, pad_to_multiple

Upsample = Literal["transposed", "resize", "pixelshuffle"]


class ResNet(nn.Module):
    """Zhu et al. 2017 (arXiv 1703.10593), appendix 7.2, after Johnson et al. 2016: c7s1-64, d128, d256, R256 x 9,
    u128, u64, c7s1-3.


    Wide convolutions and residual blocks are padded by reflection, all others by zeros; instance norm and ReLU
    everywhere. The output lies in [-1, 1]. Input of any size is accepted: the right and lower edges are
    repeated up to a multiple of the stride, and the output is cropped to the size of the input.

    Args:
        source, target: input and output channels.
        channels: channels of the first convolution (paper: 64); they double at each of the `downs`.
        blocks: number of residual blocks (paper: 9 for 256 pixels, 6 for 128).
        upsample: kind of `make_upsampling`.
        downs: number of down-samplings by 2 (CycleGAN: 2, pix2pixHD: 4).
        affine: whether the instance norm has learned scale and shift.
    """

    def __init__(
        self,
        source: int,
        target: int,
        channels: int = 64,
        blocks: int = 9,
        upsample: Upsample = "transposed",
        downs: int = 2,
        affine: bool = False,
    ):
        super().__init__()
        widths = [channels * 2**level for level in range(downs + 1)]
        self.stride = 2**downs
        self.down = nn.Sequential(
            nn.Sequential(_reflected(source, channels, 7), *_finish(channels, affine)),
            *(
                nn.Sequential(nn.Conv2d(inputs, 2 * inputs, 3, 2, 1, bias=False), *_finish(2 * inputs, affine))
                for inputs in widths[:-1]
            ),
        )
        self.convert = nn.Sequential(*(ResidualBlock(widths[-1], affine) for _ in range(blocks)))
        self.up = nn.Sequential(
            *(
                nn.Sequential(*make_upsampling(upsample, 2 * outputs, outputs), *_finish(outputs, affine))
                for outputs in reversed(widths[:-1])
            )
        )
        self.picture = nn.Sequential(_reflected(channels, target, 7, bias=True), nn.Tanh())
        initialise_normal(self)
        for module in self.up.modules():
            if isinstance(module, ShuffleConvolution):
                module.align()

    def forward(self, x: Tensor) -> Tensor:  # (B, source, H, W) -> (B, target, H, W)
        return self.picture(self._run(x))[..., : x.shape[-2], : x.shape[-1]]

    def features(self, x: Tensor) -> Tensor:
        """Compute the activations before the output convolution: (B, source, H, W) -> (B, channels, H, W)."""
        return self._run(x)[..., : x.shape[-2], : x.shape[-1]]

    def _run(self, x: Tensor) -> Tensor:  # (B, source, H, W) -> (B, channels, H', W'), padded to the stride
        # A residual block reflects one pixel, which needs at least two.
        x = pad_to_multiple(extend(x, [2 * self.stride] * 2), self.stride, dims=2)
        return self.up(self.convert(self.down(x)))


class ResidualBlock(nn.Module):
    """Two convolutions of width 3 with instance norm, one ReLU between them, and the sum with the input."""

    def __init__(self, channels: int, affine: bool = False):
        super().__init__()
        self.layers = nn.Sequential(
            _reflected(channels, channels, 3),
            *_finish(channels, affine),
            _reflected(channels, channels, 3),
            instance_norm(channels, affine),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W), at least 2 x 2
        return x + self.layers(x)


def make_upsampling(kind: Upsample, inputs: int, outputs: int) -> list[nn.Module]:
    """Make layers that double the resolution and map `inputs` channels to `outputs`; a norm should follow.

    Transposed convolutions (the paper's) overlap unevenly and may leave checkerboards. The two others avoid them:
    "resize" repeats the pixels before an ordinary convolution (Odena et al. 2016); "pixelshuffle" interleaves four
    channels into one (Shi et al. 2016), which start equal (Aitken et al. 2017).
    """
    if kind == "transposed":
        return [nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)]
    if kind == "resize":
        return [nn.Upsample(scale_factor=2, mode="nearest"), _reflected(inputs, outputs, 3)]
    return [ShuffleConvolution(inputs, outputs)]


class ShuffleConvolution(nn.Sequential):
    """Convolution of width 3 and pixel shuffle, which doubles the resolution (Shi et al. 2016)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(_reflected(inputs, 4 * outputs, 3), nn.PixelShuffle(2))

    @torch.no_grad()
    def align(self) -> None:
        """Make the four pixels of a group start equal, which is nearest-neighbour scaling (Aitken et al. 2017)."""
        weight: Tensor = self[0].weight  # type: ignore[assignment]  # (4 C, inputs, 3, 3), groups of 4 in a row
        weight.copy_(weight[::4].repeat_interleave(4, dim=0))


def _reflected(inputs: int, outputs: int, kernel: int, bias: bool = False) -> nn.Conv2d:
    # A norm follows and would remove a bias.
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias)


def _finish(channels: int, affine: bool) -> list[nn.Module]:
    return [instance_norm(channels, affine), nn.ReLU(inplace=True)]
