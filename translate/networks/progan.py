"""ProGAN's networks (Karras, Aila, Laine, Lehtinen 2018, section 2 and table 2), which grow while they train.

Level 0 is the coarsest size, each further level doubles it. As in the public code (progressive_growing_of_gans,
networks.py): no tanh behind the picture; leaky rectifiers of slope 0.2, equalised rates, gain sqrt(2) before them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from translate.layers.equalised import RECTIFIED, EqualisedConv2d, EqualisedLinear
from translate.layers.progressive import MinibatchDeviation, blur, double, halve, leak, pixel_norm
from translate.losses.judgement import Judgement
from translate.networks.dcgan import find_coarsest


class Growing(nn.Module):
    """A network that works at one of its levels, the newest of which is faded in; a fresh one is fully grown.

    Level and weight of the newest are in the buffer `growth`, so that a checkpoint from inside a fade is used as it was
    trained.

    Args:
        layers: number of doublings, the highest level.
    """

    growth: Tensor                                                  # (2,): level, and weight of the newest level

    def __init__(self, layers: int):
        super().__init__()
        self.level, self.fading = layers, False
        self.register_buffer("growth", torch.tensor([float(layers), 1.0]))
        self.register_load_state_dict_post_hook(_read_growth)

    def grow(self, level: int, alpha: float) -> None:
        """Work at a level, with the weight `alpha` (0 to 1) of its own layers against those of the level below."""
        self.level, self.fading = level, alpha < 1
        self.growth[0].fill_(level)
        self.growth[1].fill_(alpha)

    def fade(self, old: Tensor, new: Tensor) -> Tensor:
        """Mix what the level below and the newest level give: exactly `old` at 0, exactly `new` at 1."""
        return torch.lerp(old, new, self.growth[1].to(new.dtype))


def _read_growth(network: Growing, *_: Any) -> None:
    """Work at the level that was loaded."""
    if not network.growth.is_meta:
        level, alpha = network.growth.tolist()
        network.level, network.fading = int(level), alpha < 1


def find_widths(layers: int, capacity: int, most: int) -> list[int]:
    """Return the channels of every level: capacity / 2^(level + 1), at most `most` (the paper: 8192 and 512)."""
    return [max(1, min(capacity // 2 ** (level + 1), most)) for level in range(layers + 1)]


class ProganGenerator(Growing):
    """Generator: z, normalised, to the coarsest size, then a block of doubling and two convolutions per level.

    23.1 M parameters for 1024 x 1024 pixels. The output is linear.

    Args:
        latent: entries of z.
        planes: channels of the picture.
        size: (height, width) of the full picture in pixels, multiples of 2^layers.
        layers: number of doublings (8 for 1024 pixels from 4).
        channels, capacity: channels of every level, see `find_widths`.
        entries: entries of a label vector, which is joined to z before both are normalised; 0: no labels.
    """

    def __init__(
        self,
        latent: int,
        planes: int,
        size: tuple[int, int],
        layers: int = 8,
        channels: int = 512,
        capacity: int = 8192,
        entries: int = 0,
    ):
        super().__init__(layers)
        widths = find_widths(layers, capacity, channels)
        self.coarsest = (widths[0], *find_coarsest(size, layers))
        positions = self.coarsest[1] * self.coarsest[2]
        self.first = EqualisedLinear(latent + entries, widths[0] * positions, RECTIFIED / 4, bias=False)
        self.first_bias = nn.Parameter(torch.zeros(widths[0], 1, 1))
        self.second = EqualisedConv2d(widths[0], widths[0], 3)
        self.blocks = nn.ModuleList(_UpBlock(widths[level - 1], widths[level]) for level in range(1, layers + 1))
        self.pictures = nn.ModuleList(EqualisedConv2d(width, planes, 1, gain=1) for width in widths)

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:
        """Make pictures (B, planes, H, W) of the size of the level from z (B, Z) and y (B, K)."""
        z = latent if code is None else torch.cat([latent, code.to(latent.dtype)], dim=1)
        x = self.first(pixel_norm(z)).view(-1, *self.coarsest)
        x = pixel_norm(leak(x + self.first_bias))
        x = below = pixel_norm(leak(self.second(x)))
        for block in self.blocks[: self.level]:
            below, x = x, block(x)
        picture = self.pictures[self.level](x)
        return self.fade(double(self.pictures[self.level - 1](below)), picture) if self.fading else picture


class ProganDiscriminator(Growing):
    """Discriminator: a block of two convolutions and halving per level, then the deviation over the minibatch.

    23.1 M parameters for 1024 x 1024 pixels.

    Args:
        planes: channels of the picture.
        size: (height, width) of the full picture in pixels, multiples of 2^layers.
        layers: number of halvings.
        channels, capacity: channels of every level, see `find_widths`.
        group: samples whose deviation is taken together, see `MinibatchDeviation`; 0: it is left out.
        told: entries of a label vector y: one logit per label, of which D(x, y) takes the one of y (StyleGAN's code);
            0: none.
        asked: classes of a classifier beside the logit (AC-GAN); 0: none.
        blurs: whether pictures are blurred before they are halved (StyleGAN).
    """

    def __init__(
        self,
        planes: int,
        size: tuple[int, int],
        layers: int = 8,
        channels: int = 512,
        capacity: int = 8192,
        group: int = 4,
        told: int = 0,
        asked: int = 0,
        blurs: bool = False,
    ):
        super().__init__(layers)
        widths = find_widths(layers, capacity, channels)
        height, width = find_coarsest(size, layers)
        last = widths[0]
        self.told, self.asked = told, asked
        self.head = nn.Sequential(
            MinibatchDeviation(group) if group else nn.Identity(),
            EqualisedConv2d(last + bool(group), last, 3),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            EqualisedLinear(last * height * width, last),
            nn.LeakyReLU(0.2),
            EqualisedLinear(last, max(1, told) + asked, gain=1),
        )
        self.blocks = nn.ModuleList(
            _DownBlock(widths[level], widths[level - 1], blurs) for level in range(1, layers + 1)
        )
        self.pictures = nn.ModuleList(EqualisedConv2d(planes, width, 1) for width in widths)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Judgement:
        """Judge pictures (B, planes, H, W) of the size of the level, told y (B, told)."""
        y = leak(self.pictures[self.level](x))
        for level in range(self.level, 0, -1):
            y = self.blocks[level - 1](y)
            if level == self.level and self.fading:
                y = self.fade(leak(self.pictures[level - 1](halve(x))), y)
        logits, classes = self.head(y).split([max(1, self.told), self.asked], dim=1)
        if self.told and code is not None:
            logits = (logits * code.to(logits.dtype)).sum(dim=1, keepdim=True)
        return Judgement(logits=[logits], classes=classes if self.asked else None)


class _UpBlock(nn.Module):
    """Doubling, then two convolutions, each with leaky rectifier and pixel norm."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolutions = nn.ModuleList(EqualisedConv2d(n, outputs, 3) for n in (inputs, outputs))

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, 2 H, 2 W)
        x = pixel_norm(leak(self.convolutions[0](double(x))))
        return pixel_norm(leak(self.convolutions[1](x)))


class _DownBlock(nn.Module):
    """Two convolutions with leaky rectifiers, the second with halving."""

    def __init__(self, inputs: int, outputs: int, blurs: bool):
        super().__init__()
        self.convolutions = nn.ModuleList(EqualisedConv2d(inputs, n, 3) for n in (inputs, outputs))
        self.blurs = blurs

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H / 2, W / 2)
        x = leak(self.convolutions[0](x))
        return leak(halve(self.convolutions[1](blur(x) if self.blurs else x)))
