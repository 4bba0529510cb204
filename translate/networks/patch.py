"""Discriminators that judge patches of an image, at one scale or at several."""

import itertools
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d
from torch.nn.utils.parametrizations import spectral_norm

from translate.layers.initialise import initialise_normal
from translate.layers.norm import instance_norm
from translate.losses.judgement import Judgement


class PatchGan(nn.Module):
    """The PatchGAN of pix2pix (Isola et al. 2017, appendix 6.1.2): every logit judges one patch.

    All convolutions have width 4: `layers` of stride 2, one of stride 1, and one of stride 1 that gives the logits. The
    channels double from layer to layer up to eight times the first. With 1, 2, 3, 4 or 5 layers the receptive field of
    a logit is 16, 34, 70, 142 or 286 pixels.

    Args:
        planes: channels of the image and of all its conditions together.
        channels: channels of the first convolution (paper: 64).
        layers: number of layers of stride 2 (paper: 3).
        norm: norm of all layers but the first and the logits; instance norm has no affine map.
        spectral: whether the convolutions with a norm get spectral norm, as in SPADE's code: the first and the last
            convolution have none.
        padding: pixels around every convolution: 1 in pix2pix and CycleGAN, 2 in pix2pixHD and SPADE.
    """

    def __init__(
        self,
        planes: int,
        channels: int = 64,
        layers: int = 3,
        norm: Literal["batch", "instance", "none"] = "batch",
        spectral: bool = False,
        padding: int = 1,
    ):
        super().__init__()
        widths = [channels * min(2**layer, 8) for layer in range(layers + 1)]
        first = nn.Sequential(nn.Conv2d(planes, channels, 4, 2, padding), nn.LeakyReLU(0.2, inplace=True))
        self.layers = nn.ModuleList([first])
        for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
            stride = 2 if layer < layers else 1
            # A norm would remove the bias.
            convolution = nn.Conv2d(inputs, outputs, 4, stride, padding, bias=norm == "none")
            self.layers.append(
                nn.Sequential(convolution, *_make_norm(norm, outputs), nn.LeakyReLU(0.2, inplace=True))
            )
        self.head = nn.Conv2d(widths[-1], 1, 4, 1, padding)
        initialise_normal(self)
        if spectral:
            for sequence in list(self.layers)[1:]:
                spectral_norm(sequence[0])  # type: ignore[index]

    def forward(self, x: Tensor, *condition: Tensor) -> Judgement:
        """Judge `x` given conditions of the same size.

        Args:
            x: (B, C, H, W).
            condition: (B, *, H, W) each.

        Returns:
            logits (B, 1, H', W') and, per layer, the activations (B, *, H', W').
        """
        hidden, features = torch.cat([*condition, x], dim=1), []
        for layer in self.layers:
            hidden = layer(hidden)
            features.append(hidden)
        return Judgement(logits=[self.head(hidden)], features=[features])


def _make_norm(kind: str, channels: int) -> list[nn.Module]:
    if kind == "none":
        return []
    return [nn.BatchNorm2d(channels) if kind == "batch" else instance_norm(channels, affine=False)]


class MultiScale(nn.Module):
    """One discriminator per scale, each at half the resolution of the one before (Wang et al. 2018, sec. 3.2).

    Args:
        make: function that makes one discriminator.
        scales: number of scales.
    """

    def __init__(self, make: Callable[[], nn.Module], scales: int):
        super().__init__()
        self.scales = nn.ModuleList(make() for _ in range(scales))

    def forward(self, x: Tensor, *condition: Tensor) -> Judgement:  # like `PatchGan`, with one entry per scale
        judgement = Judgement(logits=[])
        for number, discriminator in enumerate(self.scales):
            if number:
                x, *condition = [_halve(picture) for picture in (x, *condition)]  # type: ignore[assignment]
            one = discriminator(x, *condition)
            judgement.logits += one.logits
            judgement.features += one.features
        return judgement


def _halve(x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C, H/2, W/2), rounded up
    return avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
