"""StarGAN's networks (Choi et al. 2018, appendix, tables 4 and 5): one generator and one discriminator for all domains.

Where the paper's tables are ambiguous, its public code decides: no biases before the norms, slope 0.01.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from translate.layers.norm import instance_norm
from translate.layers.padding import pad_to_multiple
from translate.losses.judgement import Judgement

SMALLEST = 32  # smallest crop in pixels that the discriminator can judge
DEEPEST = 6                                                         # most strided convolutions, for crops of any size


class StarGenerator(nn.Module):
    """Generator that maps an image to the domains in a vector (table 4): 8.4 M parameters at 64 channels.

    The vector's entries become planes beside those of the image. The output has the size of the input, which may be
    any.

    Args:
        planes: channels of the image, input and output.
        entries: length of the vector.
        channels: channels of the first convolution; the residual blocks have four times as many.
        blocks: number of residual blocks.
    """

    def __init__(self, planes: int, entries: int, channels: int = 64, blocks: int = 6):
        super().__init__()
        c = channels
        self.down = nn.Sequential(
            *_normed(nn.Conv2d(planes + entries, c, 7, padding=3, bias=False)),
            *_normed(nn.Conv2d(c, 2 * c, 4, 2, 1, bias=False)),
            *_normed(nn.Conv2d(2 * c, 4 * c, 4, 2, 1, bias=False)),
        )
        self.convert = nn.Sequential(*(_Residual(4 * c) for _ in range(blocks)))
        self.up = nn.Sequential(
            *_normed(nn.ConvTranspose2d(4 * c, 2 * c, 4, 2, 1, bias=False)),
            *_normed(nn.ConvTranspose2d(2 * c, c, 4, 2, 1, bias=False)),
            nn.Conv2d(c, planes, 7, padding=3, bias=False),
            nn.Tanh(),
        )

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:  # (B, planes, H, W), (B, entries) -> (B, planes, H, W)
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, 4, dims=2)
        code = vector.to(x.dtype)[:, :, None, None].expand(-1, -1, *x.shape[-2:])
        return self.up(self.convert(self.down(torch.cat([x, code], dim=1))))[..., :height, :width]

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        return {"down.0.weight": (1, 1)}


class StarDiscriminator(nn.Module):
    """Patch discriminator that also classifies the domain of the whole crop (table 5): 44.8 M parameters at 128 pixels.

    Strided convolutions without norms, each with twice the channels, reduce the crop to 2 x 2 positions (crops larger
    than 128 pixels: to size / 64, as in the public code). A 3x3 kernel judges every position. A kernel over all
    positions gives the logits of the domains, which ties the discriminator to one crop size.

    Args:
        planes: channels of the image.
        domains: number of domains.
        size: height and width of a crop in pixels, a power of two from 32.
        channels: channels of the first convolution.

    Raises:
        ValueError: `size` is none of these.
    """

    def __init__(self, planes: int, domains: int, size: int, channels: int = 64):
        super().__init__()
        if not is_judgeable(size):
            raise ValueError(f"StarGAN's discriminator: expected crops of a power of two from {SMALLEST}, got {size}")
        self.size = size
        layers = min(size.bit_length() - 2, DEEPEST)                # log2(size) - 1
        widths = [planes, *(channels * 2**layer for layer in range(layers))]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.01))
            for inputs, outputs in pairwise(widths)
        )
        self.patches = nn.Conv2d(widths[-1], 1, 3, padding=1, bias=False)
        self.classes = nn.Conv2d(widths[-1], domains, size >> layers, bias=False)

    def forward(self, x: Tensor) -> Judgement:  # (B, planes, size, size) -> logits (B, 1, n, n), classes (B, domains)
        size, (height, width) = self.size, x.shape[-2:]
        if not size == height == width:
            raise ValueError(f"this discriminator judges crops of {size} x {size} pixels, got {height} x {width}")
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Judgement(logits=[self.patches(x)], features=[features], classes=self.classes(x).flatten(1))

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return the parameters that domains index, by name: the axis, and how many runs of K domains end it."""
        return {"classes.weight": (0, 1)}


def is_judgeable(size: int) -> bool:
    """Return whether `StarDiscriminator` takes crops of this many pixels."""
    return size >= SMALLEST and size & (size - 1) == 0


class _Residual(nn.Module):
    """Two 3x3 convolutions with norm plus the identity; no activation after the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.layers = nn.Sequential(
            *_normed(nn.Conv2d(channels, channels, 3, padding=1, bias=False)),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, channels, H, W)
        return x + self.layers(x)


def _normed(convolution: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a convolution, instance norm with learned scale and shift, and ReLU."""
    return convolution, instance_norm(convolution.out_channels), nn.ReLU(inplace=True)
