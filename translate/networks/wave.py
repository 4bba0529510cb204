"""Networks on waveforms (B, 1, T): the generators of WaveCycleGAN and WaveCycleGAN2, and a discriminator.

WaveCycleGAN's generator changes the sampling rate, which causes aliasing: a strided convolution folds frequencies above
the new half rate onto those below, and a pixel shuffle repeats the spectrum below the old half rate above it. A sine
comes out with mirrored components at multiples of a quarter of the rate plus and minus its frequency. WaveCycleGAN2's
generator keeps the rate in all layers: it commutes with shifts by any number of samples, and a periodic signal stays
periodic.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized

from translate.layers.exporting import is_exporting
from translate.layers.norm import instance_norm
from translate.layers.padding import extend, pad_to_multiple
from translate.layers.shuffle import PixelShuffle1d
from translate.layers.wide import WideConvolution
from translate.losses.judgement import Judgement

Norm = Literal["instance", "weight"]


class WaveConvolution(nn.Module):
    """Reflected edges -> convolution over time -> [pixel shuffle] -> [instance norm] -> [gated linear unit].

    Args:
        inputs: input channels.
        outputs: output channels, after the gate.
        kernel: number of taps, odd.
        stride, dilation: stride and dilation of the convolution.
        norm: "instance" normalises every channel over time (learned scale and shift), before the gate; "weight"
            reparametrises the weights as direction and length (Salimans and Kingma 2016) and does not touch the signal;
            None: neither.
        gated: whether a gated linear unit follows.
        upsample: whether a pixel shuffle doubles the rate.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        norm: Norm | None = None,
        gated: bool = True,
        upsample: bool = False,
    ):
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel is {kernel}: expected an odd number of taps")
        widened = outputs * (2 if gated else 1) * (2 if upsample else 1)
        self.gated, self.reach = gated, kernel // 2 * dilation
        self.convolution = _make_convolution(inputs, widened, kernel, stride, dilation)
        if norm == "weight":
            weight_norm(self.convolution)
        self.shuffle = PixelShuffle1d(2) if upsample else nn.Identity()
        self.norm = instance_norm(widened // (2 if upsample else 1)) if norm == "instance" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, T) -> (B, outputs, T / stride, or 2 T)
        x = self.norm(self.shuffle(self.convolution(reflect(x, self.reach))))
        return functional.glu(x, dim=1) if self.gated else x


class WaveResidual(nn.Module):
    """Two gated convolutions plus the identity.

    Args:
        channels: channels of input, hidden layer and output.
        kernel, dilation, norm: kernel size, dilation and norm of both convolutions.
    """

    def __init__(self, channels: int, kernel: int, dilation: int = 1, norm: Norm = "instance"):
        super().__init__()
        self.first = WaveConvolution(channels, channels, kernel, dilation=dilation, norm=norm)
        self.second = WaveConvolution(channels, channels, kernel, dilation=dilation, norm=norm)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T)
        return x + self.second(self.first(x))


class ResamplingGenerator(nn.Module):
    """WaveCycleGAN's generator: down by 2 twice, residual blocks, up by 2 twice by pixel shuffle.

    Args:
        channels: channels of the first layer after its gate; four times as many at a quarter of the rate.
        blocks: number of residual blocks.
        kernel: taps of every layer, odd.
        skip: whether the network adds to its input instead of replacing it; the initial change is then close to zero.
    """

    context: None = None  # instance norm: every sample depends on all others

    def __init__(self, channels: int = 32, blocks: int = 6, kernel: int = 15, skip: bool = False):
        super().__init__()
        c, k = channels, kernel
        self.skip = skip
        self.shortest = 4 * (kernel // 2 + 1)  # samples, so that a quarter of them can still be reflected
        self.layers = nn.Sequential(
            WaveConvolution(1, c, k),
            WaveConvolution(c, 2 * c, k, stride=2, norm="instance"),
            WaveConvolution(2 * c, 4 * c, k, stride=2, norm="instance"),
            *(WaveResidual(4 * c, k) for _ in range(blocks)),
            WaveConvolution(4 * c, 2 * c, k, norm="instance", upsample=True),
            WaveConvolution(2 * c, c, k, norm="instance", upsample=True),
            WaveConvolution(c, 1, k, gated=False),
        )
        if skip:
            _quieten(self.layers[-1])

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, T) -> (B, 1, T), any T
        length = x.shape[-1]
        y = self.layers(pad_to_multiple(extend(x, [self.shortest]), 4, dims=1))[..., :length]
        return x + y if self.skip else y


class PlainGenerator(nn.Module):
    """WaveCycleGAN2's generator: dilated residual blocks at the rate of the wave, without a norm over time.

    Args:
        channels: channels of all layers, after their gates.
        dilations: dilation of each residual block.
        kernel: taps of every layer, odd.
        skip: whether the network adds to its input instead of replacing it; the initial change is then close to zero.

    Attributes:
        context: receptive field on each side in samples.
    """

    def __init__(
        self,
        channels: int = 128,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32),
        kernel: int = 15,
        skip: bool = False,
    ):
        super().__init__()
        self.skip = skip
        self.context = kernel // 2 * (2 + 2 * sum(dilations))
        self.layers = nn.Sequential(
            WaveConvolution(1, channels, kernel, norm="weight"),
            *(WaveResidual(channels, kernel, dilation, norm="weight") for dilation in dilations),
            WaveConvolution(channels, 1, kernel, norm="weight", gated=False),
        )
        if skip:
            _quieten(self.layers[-1])

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, T) -> (B, 1, T), any T
        y = self.layers(x)
        return x + y if self.skip else y


class WaveDiscriminator(nn.Module):
    """Patch discriminator of a wave: gated convolutions, each layer at a fraction of the rate before.

    Args:
        channels: channels of the first layer after its gate; doubled by every strided layer.
        strides: strides of the layers after the first.
        kernel: taps of every layer, odd.
        norm: norm of all layers but the first and the logits.

    Attributes:
        hop: samples per logit.
        shortest: smallest number of samples that it can judge.
    """

    def __init__(
        self, channels: int = 32, strides: Sequence[int] = (4, 4, 4, 4), kernel: int = 15, norm: Norm = "instance"
    ):
        super().__init__()
        self.hop = math.prod(strides)
        self.shortest = self.hop * (kernel // 2 + 1)
        widths = [channels * 2**layer for layer in range(len(strides) + 1)]
        self.layers = nn.ModuleList([WaveConvolution(1, channels, kernel)])
        for inputs, outputs, stride in zip(widths[:-1], widths[1:], strides, strict=True):
            self.layers.append(WaveConvolution(inputs, outputs, kernel, stride, norm=norm))
        self.head = WaveConvolution(widths[-1], 1, 3, gated=False)

    def forward(self, x: Tensor) -> Judgement:  # (B, 1, T) -> logits (B, 1, T / hop)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Judgement(logits=[self.head(x)], features=[features])


@torch.no_grad()
def _quieten(layer: nn.Module) -> None:
    """Scale the initial weights of a `WaveConvolution` to a hundredth."""
    convolution: Any = layer.convolution
    if is_parametrized(convolution):
        convolution.weight = convolution.weight / 100               # divides its length
    else:
        convolution.weight /= 100
    convolution.bias /= 100


def reflect(x: Tensor, amount: int) -> Tensor:
    """Extend (B, C, T) on both sides by reflection; beyond T - 1 samples, repeat the last one."""
    if amount == 0:
        return x
    if is_exporting():                               # sizes are symbols: no branch may depend on them
        last = x.shape[-1] - 1
        places = torch.arange(-amount, x.shape[-1] + amount, device=x.device).clamp(min=-last, max=2 * last)
        return x.index_select(-1, last - (last - places.abs()).abs())
    mirrored = min(amount, x.shape[-1] - 1)
    x = functional.pad(x, (mirrored, mirrored), mode="reflect")
    rest = amount - mirrored
    return functional.pad(x, (rest, rest), mode="replicate") if rest else x


class _ThinConvolution(WideConvolution):
    """A convolution from or to one channel, several times faster on CPUs than `Conv1d`; see `WideConvolution`."""

    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__(inputs, outputs, (1, kernel))

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, T) -> (B, outputs, T - kernel + 1)
        edge = self.kernel_size[1] // 2
        return super().forward(x.unsqueeze(2)).squeeze(2)[..., edge : x.shape[-1] - edge]


def _make_convolution(inputs: int, outputs: int, kernel: int, stride: int, dilation: int) -> nn.Module:
    if stride == dilation == 1 and 1 in (inputs, outputs):
        return _ThinConvolution(inputs, outputs, kernel)
    return nn.Conv1d(inputs, outputs, kernel, stride, dilation=dilation)
