"""StyleGAN's generator (Karras, Laine, Aila 2019, section 2 and figure 1); its discriminator is ProGAN's, with blur.

As in the public code (stylegan, training/networks_stylegan.py): every level has two layers, each of a convolution,
noise, bias, leaky rectifier, instance norm and style.
"""

import torch
from torch import Tensor, nn

from translate.layers.equalised import RECTIFIED, EqualisedConv2d, EqualisedLinear
from translate.layers.progressive import EPSILON, blur, double, leak, pixel_norm
from translate.networks.dcgan import find_coarsest
from translate.networks.progan import Growing, find_widths

RATE = 0.01                                                         # the mapping network's, over the others'
MEMORY = 0.995                                                      # what the moving average of w keeps per batch


class StyleGenerator(Growing):
    """Generator: a mapping network z -> w, and a synthesis network whose layers take their style from w.

    26.2 M parameters for 1024 x 1024 pixels. The output is linear. In training the mean of w is followed and every pass
    draws new noise; in evaluation the noise is what the buffers `noise` hold, so that a picture depends on z alone.

    Args:
        latent: entries of z.
        planes: channels of the picture.
        size: (height, width) of the full picture in pixels, multiples of 2^layers.
        layers: number of doublings (8 for 1024 pixels from 4).
        channels, capacity: channels of every level, see `find_widths`.
        entries: entries of a label vector, which is embedded and joined to z before both are normalised; 0: no labels.
        units: entries of w, and units of the mapping network (paper: 512).
        depth: layers of the mapping network (paper: 8).
        truncated: layers of the synthesis network whose style is truncated, from the coarsest (code: 8).
        styles: whether there are a mapping network and styles; else z enters at the bottom and pixel norm follows every
            layer, as in ProGAN (table 1, up to B).
        constant: whether the coarsest input is learned; else it is a linear map of w (table 1, up to C), or of z.
        noisy: whether there is noise (table 1, from E).
        blurs: whether doubling is bilinear (table 1, from B).
    """

    average: Tensor                                                 # (units,), mean of w

    def __init__(
        self,
        latent: int,
        planes: int,
        size: tuple[int, int],
        layers: int = 8,
        channels: int = 512,
        capacity: int = 8192,
        entries: int = 0,
        units: int = 512,
        depth: int = 8,
        truncated: int = 8,
        styles: bool = True,
        constant: bool = True,
        noisy: bool = True,
        blurs: bool = True,
    ):
        super().__init__(layers)
        self.styles, self.truncated, self.blurs = styles, truncated, blurs
        widths = find_widths(layers, capacity, channels)
        height, width = find_coarsest(size, layers)
        self.coarsest = (widths[0], height, width)
        self.embedding = EqualisedLinear(entries, latent, gain=1, bias=False) if entries else None
        inputs, mapping = latent * (2 if entries else 1), []
        for _ in range(depth if styles else 0):
            mapping.append(EqualisedLinear(inputs, units, rate=RATE))
            inputs = units
        self.mapping = nn.ModuleList(mapping)
        self.register_buffer("average", torch.zeros(inputs))
        if constant:
            self.constant = nn.Parameter(torch.ones(*self.coarsest))
            self.first = None
        else:
            self.first = EqualisedLinear(inputs, widths[0] * height * width, RECTIFIED / 4, bias=False)
        sizes = [(height * 2**level, width * 2**level) for level in range(layers + 1)]
        parts: list[nn.Module] = []
        for level, (outputs, place) in enumerate(zip(widths, sizes, strict=True)):
            for number in range(2):
                before = widths[level - 1] if level and not number else outputs
                convolution = None if level == number == 0 else EqualisedConv2d(before, outputs, 3, bias=False)
                parts.append(_StyleLayer(convolution, outputs, place, inputs if styles else 0, noisy))
        self.layers = nn.ModuleList(parts)
        self.pictures = nn.ModuleList(EqualisedConv2d(width, planes, 1, gain=1) for width in widths)

    @property
    def count(self) -> int:
        """Return the number of layers in use at this level, each with a style of its own."""
        return 2 * (self.level + 1)

    def map(self, latent: Tensor, code: Tensor | None = None) -> Tensor:
        """Map z (B, Z) and y (B, K) to w (B, W); without styles w is z, normalised."""
        if self.embedding is not None and code is not None:
            latent = torch.cat([latent, self.embedding(code.to(latent.dtype))], dim=1)
        w = pixel_norm(latent)
        for layer in self.mapping:
            w = leak(layer(w))
        return w

    def forward(
        self,
        latent: Tensor,
        code: Tensor | None = None,
        other: Tensor | None = None,
        mixed: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """Make pictures (B, planes, H, W) of the size of the level.

        Args:
            latent: z (B, Z).
            code: y (B, K).
            other: z (B, Z) of the second style, see `mixed`.
            mixed: (B, `count`) bool: layers that take the second style.
            truncation: psi: the coarsest layers take w_mean + psi (w - w_mean) (section B of the appendix); None: w.
        """
        if other is None or mixed is None:
            w = self.map(latent, code)
            styles = w.unsqueeze(1).expand(-1, self.count, -1)
        else:                                                       # one pass of the mapping network for both
            both = self.map(torch.cat([latent, other]), None if code is None else torch.cat([code, code]))
            w, second = both.chunk(2)
            styles = torch.where(mixed.unsqueeze(2), second.unsqueeze(1), w.unsqueeze(1))
        if self.training and self.styles:
            with torch.no_grad():
                self.average.lerp_(w.float().mean(dim=0), 1 - MEMORY)
        if truncation is not None:
            moved = torch.lerp(self.average.expand_as(styles), styles, truncation)
            near = torch.arange(self.count, device=styles.device) < self.truncated
            styles = torch.where(near[:, None], moved, styles)
        return self.synthesise(styles)

    def synthesise(self, styles: Tensor) -> Tensor:
        """Make pictures of the styles w of every layer, (B, count, W) -> (B, planes, H, W)."""
        # One layout in memory, so that the same style gives the same numbers whatever the number of layers.
        of_layers = [style.contiguous() for style in styles.unbind(dim=1)]
        if self.first is None:
            x = self.constant.expand(len(styles), -1, -1, -1)
        else:
            x = self.first(of_layers[0]).view(-1, *self.coarsest)
        below = x
        for level in range(self.level + 1):
            below = x
            for number in range(2):
                place = 2 * level + number
                x = self.layers[place](x, of_layers[place], doubles=level > 0 and number == 0, blurs=self.blurs)
        picture = self.pictures[self.level](x)
        return self.fade(double(self.pictures[self.level - 1](below)), picture) if self.fading else picture


class _StyleLayer(nn.Module):
    """Convolution, noise with a weight per channel, bias, leaky rectifier, then instance norm and style, or pixel norm.

    Args:
        convolution: convolution; None for the first layer, whose input is the coarsest one.
        channels: channels of the output.
        size: (height, width) of the output.
        units: entries of w; 0: pixel norm.
        noisy: whether there is noise.
    """

    noise: Tensor                                                   # (1, 1, H, W), of evaluation

    def __init__(
        self, convolution: nn.Module | None, channels: int, size: tuple[int, int], units: int, noisy: bool
    ):
        super().__init__()
        self.convolution = convolution
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))
        self.strength = nn.Parameter(torch.zeros(channels, 1, 1)) if noisy else None
        if noisy:
            self.register_buffer("noise", torch.randn(1, 1, *size))
        self.style = EqualisedLinear(units, 2 * channels, gain=1) if units else None

    def forward(self, x: Tensor, w: Tensor, doubles: bool, blurs: bool) -> Tensor:  # (B, C, H, W), (B, units)
        if self.convolution is not None:
            x = self.convolution(double(x) if doubles else x)
        if doubles and blurs:
            x = blur(x)
        if self.strength is not None:
            noise = torch.randn_like(x[:, :1]) if self.training else self.noise.to(x.dtype)
            x = x + self.strength * noise
        x = leak(x + self.bias)
        if self.style is None:
            return pixel_norm(x)
        return modulate(x, self.style(w))


def modulate(x: Tensor, style: Tensor) -> Tensor:
    """Normalise every channel of every sample and give it the style: (s_0 + 1) (x - mu) / sigma + s_1 (AdaIN).

    Karras et al. 2019, eq. 1; that scales are 1 more is the code's.

    Args:
        x: (B, C, H, W).
        style: s (B, 2 C), scales before shifts.
    """
    scale, shift = style[:, :, None, None].chunk(2, dim=1)          # (B, C, 1, 1) each
    centred = x.float() - x.float().mean(dim=(2, 3), keepdim=True)  # bfloat16 could not tell small deviations from 0
    normal = centred * torch.rsqrt(centred.square().mean(dim=(2, 3), keepdim=True) + EPSILON)
    return normal.to(x.dtype) * (scale + 1) + shift
