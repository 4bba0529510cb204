"""The networks of the GAN postfilters: they add texture, drawn from noise, to over-smoothed speech."""

import torch
from torch import Tensor, nn

from translate.layers.initialise import initialise_normal
from translate.layers.wide import WideConvolution
from translate.losses.judgement import Judgement


class PostfilterGenerator(nn.Module):
    """x + G(x, z): the smooth features and a residual (Kaneko et al. 2017, ICASSP, figure 2).

    Four 5x5 convolutions without strides over (coefficients, time), with ReLU between them and x concatenated to the
    input of each. The last is linear, so that the residual may have either sign and any size. Its initial weights are
    small, so that the untrained postfilter hardly changes its input. The receptive field is 17 coefficients and frames.

    Args:
        channels: channels of the first and the third layer (paper: 128); the second has twice as many.
        keep: number of first coefficients that pass through; the network does not see them.
    """

    def __init__(self, channels: int = 128, keep: int = 0):
        super().__init__()
        self.keep = keep
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(2, channels, 5, padding=2),
                nn.Conv2d(channels + 1, 2 * channels, 5, padding=2),
                nn.Conv2d(2 * channels + 1, channels, 5, padding=2),
            ]
        )
        self.head = WideConvolution(channels + 1, 1, (5, 5))
        initialise_normal(self.head, 1e-3)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Draw one sample of the natural features.

        Args:
            x: (B, Q, T), any Q above `keep` and any T.
            noise: (B, Q, T) from N(0, 1); None draws it from torch's global random generator.

        Returns:
            (B, Q, T).
        """
        noise = torch.randn_like(x) if noise is None else noise
        kept, smooth = x[:, : self.keep], x[:, None, self.keep :]
        hidden = noise[:, None, self.keep :]
        for layer in self.layers:
            hidden = layer(torch.cat([hidden, smooth], dim=1)).relu()  # (B, C, Q - keep, T)
        residual = self.head(torch.cat([hidden, smooth], dim=1))
        return torch.cat([kept, (smooth + residual)[:, 0]], dim=1)


class PostfilterDiscriminator(nn.Module):
    """Patch discriminator of (coefficients, time): three 5x5 convolutions of stride 2 and a 3x3 one (the same paper).

    The receptive field of a logit is 45 coefficients and frames.

    Args:
        channels: channels of the first layer (paper: 64); they double twice.
        keep: number of first coefficients that are not judged, since the generator cannot change them.
        planes: 1, or 2 where the smooth features are shown beside the sample.
    """

    def __init__(self, channels: int = 64, keep: int = 0, planes: int = 1):
        super().__init__()
        self.keep = keep
        widths = [planes, channels, 2 * channels, 4 * channels]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(widths[i], widths[i + 1], 5, stride=2, padding=2), nn.LeakyReLU(0.2))
            for i in range(3)
        )
        self.head = nn.Conv2d(4 * channels, 1, 3, padding=1)

    def forward(self, x: Tensor, *condition: Tensor) -> Judgement:
        """Judge `x` (B, Q, T) given conditions (B, Q, T); together they must have `planes` planes.

        Returns:
            logits (B, 1, Q/8, T/8), rounded up, and the activations of the three layers.
        """
        hidden = torch.stack([x, *condition], dim=1)[:, :, self.keep :]  # (B, planes, Q - keep, T)
        features = []
        for layer in self.layers:
            hidden = layer(hidden)
            features.append(hidden)
        return Judgement(logits=[self.head(hidden)], features=[features])
