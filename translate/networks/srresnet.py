"""Networks of super-resolution: SRResNet and its discriminator (Ledig et al. 2017)."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from translate.losses.judgement import Judgement

_STEPS = {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}  # factors of the sub-pixel convolutions


class SrResidual(nn.Module):
    """3x3 convolution, [batch norm,] PReLU, 3x3 convolution[, batch norm], sum."""

    def __init__(self, channels: int, norm: bool):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels) if norm else nn.Identity(),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels) if norm else nn.Identity(),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, channels, H, W)
        return x + self.layers(x)


class SRResNet(nn.Module):
    """Super-resolution by a factor `scale` (Ledig et al. 2017, Fig. 4); 1.5 M parameters as published.

    A convolution, residual blocks with a long skip connection around them, sub-pixel convolutions (Shi et al. 2016),
    and a convolution to the output channels. Fully convolutional: input of any size.

    Args:
        source, target: channels of the low and the high resolution.
        scale: 2, 3, 4 or 8; 4 and 8 are reached in steps of 2.
        channels, blocks: width and number of the residual blocks; 64 and 16 in the paper.
        norm: "batch" as in the paper; "none" for blocks without (Lim et al. 2017, EDSR): faster, and better scores.
        kernel: kernel size of the first and the last convolution; 9 in the paper.
        upsample: "steps" as in the paper; "direct" goes from the long skip to all pixels in the last convolution
            (Shi et al. 2016), so that everything is computed at low resolution: two thirds of the work at the
            published size, less than half in small networks.
        skip: "none" as in the paper; "bicubic" adds the interpolated source, so that only the difference is learned; it
            needs as many output as input channels.
    """

    def __init__(
        self,
        source: int = 3,
        target: int = 3,
        scale: int = 4,
        channels: int = 64,
        blocks: int = 16,
        norm: Literal["batch", "none"] = "batch",
        kernel: int = 9,
        upsample: Literal["steps", "direct"] = "steps",
        skip: Literal["none", "bicubic"] = "none",
    ):
        super().__init__()
        self.scale, self.skip = scale, skip
        around, batch = kernel // 2, norm == "batch"
        self.first = nn.Sequential(nn.Conv2d(source, channels, kernel, padding=around), nn.PReLU())
        self.body = nn.Sequential(
            *(SrResidual(channels, batch) for _ in range(blocks)),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels) if batch else nn.Identity(),
        )
        layers: list[nn.Module] = []
        if upsample == "direct":
            layers = [nn.Conv2d(channels, target * scale**2, kernel, padding=around), nn.PixelShuffle(scale)]
        else:
            for factor in _STEPS[scale]:
                widen = nn.Conv2d(channels, channels * factor**2, 3, padding=1)
                layers += [widen, nn.PixelShuffle(factor), nn.PReLU()]
            layers.append(nn.Conv2d(channels, target, kernel, padding=around))
        self.last = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:  # (B, source, H, W) in [0, 1] -> (B, target, H * scale, W * scale)
        first = self.first(x)
        y = self.last(first + self.body(first))
        if self.skip == "bicubic":
            y = y + 2 * functional.interpolate(x, scale_factor=self.scale, mode="bicubic") - 1
        return y


class SrDiscriminator(nn.Module):
    """Discriminator of photographs against super-resolved images, one logit per image (Ledig et al. 2017, Fig. 4).

    Eight 3x3 convolutions, every second of stride 2, then two dense layers. The dense layers of the paper fit its crops
    of 96 pixels; here the last activations are pooled to the 6 x 6 that those crops give, so that any crop works.

    Args:
        planes: channels of the images.
        channels: channels of the first convolution (paper: 64); others have up to 8 times, the dense layer 16 times.
    """

    def __init__(self, planes: int = 3, channels: int = 64):
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Conv2d(planes, channels, 3, padding=1), nn.LeakyReLU(0.2))])
        widths = [channels * 2 ** (k // 2) for k in range(8)]
        for k in range(1, 8):
            convolution = nn.Conv2d(widths[k - 1], widths[k], 3, stride=1 + k % 2, padding=1, bias=False)
            self.layers.append(nn.Sequential(convolution, nn.BatchNorm2d(widths[k]), nn.LeakyReLU(0.2)))
        self.dense = nn.Sequential(
            nn.AdaptiveAvgPool2d(6),
            nn.Flatten(),
            nn.Linear(36 * widths[-1], 16 * channels),
            nn.LeakyReLU(0.2),
            nn.Linear(16 * channels, 1),
        )

    def forward(self, x: Tensor) -> Judgement:  # (B, planes, H, W) -> logits (B, 1)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return Judgement(logits=[self.dense(x)], features=[features])
