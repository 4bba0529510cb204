"""DCGAN's networks (Radford, Metz, Chintala 2016, fig. 1 and section 3), for pictures of any height and width that the
strides allow.

As in the public code (pytorch/examples, dcgan/main.py): no biases beside norms or in the last layers, no norm in the
generator's last layer and the discriminator's first, weights from N(0, 0.02).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from translate.layers.conditional_norm import join_code
from translate.layers.initialise import initialise_normal
from translate.losses.judgement import Judgement


class DcganGenerator(nn.Module):
    """Generator of transposed convolutions with batch norm and ReLU: 3.6 M parameters for 64 x 64 pixels.

    z becomes (H / 2^layers, W / 2^layers) positions, and each of `layers` strided layers doubles both and halves the
    channels. The output lies in [-1, 1].

    Args:
        latent: entries of z.
        planes: channels of the picture.
        size: (height, width) in pixels, multiples of 2^layers.
        channels: channels before the last layer (paper: 64).
        layers: number of strided layers (paper: 4, for 64 pixels).
        entries: entries of a label vector, which is joined to z; 0: no labels.
    """

    def __init__(
        self, latent: int, planes: int, size: tuple[int, int], channels: int = 64, layers: int = 4, entries: int = 0
    ):
        super().__init__()
        widths = [channels * 2**level for level in reversed(range(layers))]
        first = nn.ConvTranspose2d(latent + entries, widths[0], find_coarsest(size, layers), bias=False)
        parts: list[nn.Module] = [first, nn.BatchNorm2d(widths[0]), nn.ReLU(inplace=True)]
        for inputs, outputs in pairwise(widths):
            strided = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
            parts += [strided, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*parts, nn.ConvTranspose2d(channels, planes, 4, 2, 1, bias=False), nn.Tanh())
        initialise_normal(self)

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:  # (B, Z), (B, K) -> (B, planes, H, W)
        z = latent if code is None else torch.cat([latent, code.to(latent.dtype)], dim=1)
        return self.layers(z[:, :, None, None])


class DcganDiscriminator(nn.Module):
    """Discriminator of strided convolutions with batch norm and leaky ReLU: 2.8 M parameters for 64 x 64 pixels.

    Args:
        planes: channels of the picture.
        size: (height, width) in pixels, multiples of 2^layers.
        channels: channels of the first layer (paper: 64); they double with each of the next.
        layers: number of strided layers (paper: 4).
        norm: whether there is batch norm; penalties on gradients need a discriminator without it.
        entries: entries of a label vector, which becomes planes beside the picture's; 0: no labels.
    """

    def __init__(
        self,
        planes: int,
        size: tuple[int, int],
        channels: int = 64,
        layers: int = 4,
        norm: bool = True,
        entries: int = 0,
    ):
        super().__init__()
        widths = [channels * 2**level for level in range(layers)]
        parts: list[nn.Module] = [nn.Conv2d(planes + entries, channels, 4, 2, 1, bias=False), _leak()]
        for inputs, outputs in pairwise(widths):
            parts.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not norm))
            parts += [nn.BatchNorm2d(outputs), _leak()] if norm else [_leak()]
        self.layers = nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, find_coarsest(size, layers), bias=False))
        initialise_normal(self)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Judgement:  # (B, planes, H, W), (B, K)
        return Judgement(logits=[self.layers(x if code is None else join_code(x, code)).flatten(1)])


def find_coarsest(size: tuple[int, int], layers: int) -> tuple[int, int]:
    """Return the size after halving `layers` times; raise `ValueError` where a side is no multiple of 2^layers."""
    if any(side % 2**layers for side in size):
        raise ValueError(f"expected sides that are multiples of {2**layers}, got {size[0]} x {size[1]}")
    return size[0] // 2**layers, size[1] // 2**layers


def _leak() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2, inplace=True)
