"""Discriminators on sequences of feature vectors (B, Q, T), treated as images of frequency by time."""

from torch import Tensor, nn

from translate.layers.gated import GatedConvolution
from translate.layers.padding import pad_to_multiple
from translate.losses.judgement import Judgement


class FullDiscriminator(nn.Module):
    """A single judgement of the whole crop through a fully connected layer (CycleGAN-VC, Fig. 4).

    Args:
        dimensions: Q, coefficients per frame.
        crop: T, frames of a training crop; the fully connected layer fixes it.
        channels: channels of the first layer after its gate (CycleGAN-VC: 128).
        padded: whether the last kernel is 6x3 and padded so that it keeps the height, for any Q; else it is as high as
            what is left (6 for the paper's 24 coefficients), so that nothing of the frequency axis remains after it.

    Attributes:
        shortest: the fewest frames of a crop: the last norm needs two positions.
    """

    shortest = 17

    def __init__(self, dimensions: int, crop: int, channels: int = 128, padded: bool = False):
        super().__init__()
        c = channels
        self.crop = crop
        height, width = (dimensions + 3) // 4, (crop + 15) // 16    # 6 and 8 for the paper's 24 x 128
        self.layers = nn.ModuleList(
            [
                GatedConvolution(2, 1, c, 3, stride=(1, 2), norm=False),
                GatedConvolution(2, c, 2 * c, 3, stride=2),
                GatedConvolution(2, 2 * c, 4 * c, 3, stride=2),
                nn.Sequential(
                    nn.ZeroPad2d((0, 0, 2, 3) if padded else 0),
                    GatedConvolution(2, 4 * c, 8 * c, (6 if padded else height, 3), stride=(1, 2), padding=(0, 1)),
                ),
            ]
        )
        self.head = nn.Linear(8 * c * width * (height if padded else 1), 1)

    def forward(self, x: Tensor) -> Judgement:  # (B, Q, crop)
        if x.shape[-1] != self.crop:
            raise ValueError(f"the full discriminator judges crops of {self.crop} frames, got {x.shape[-1]}")
        features = _collect(self.layers, pad_to_multiple(x.unsqueeze(1), 4, dims=2))
        return Judgement(logits=[self.head(features[-1].flatten(1))], features=[features])


class PatchDiscriminator(nn.Module):
    """Fully convolutional discriminator: every logit judges a patch (CycleGAN-VC2, Fig. 4).

    Args:
        channels: channels of the first convolution, before its gate (paper: 128).
    """

    def __init__(self, channels: int = 128):
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            [
                GatedConvolution(2, 1, c // 2, 3, norm=False),
                GatedConvolution(2, c // 2, c, 3, stride=2),
                GatedConvolution(2, c, 2 * c, 3, stride=2),
                GatedConvolution(2, 2 * c, 4 * c, 3, stride=2),
                GatedConvolution(2, 4 * c, 4 * c, (1, 5)),
            ]
        )
        self.head = nn.Conv2d(4 * c, 1, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Judgement:  # (B, Q, T) -> logits (B, 1, Q/8, T/8)
        features = _collect(self.layers, x.unsqueeze(1))
        return Judgement(logits=[self.head(features[-1])], features=[features])


class FrameDiscriminator(nn.Module):
    """Discriminator of short stretches of frames, with coefficients as channels; ours, for little data.

    Neighbouring mel-cepstral coefficients are not alike, as neighbouring pixels are, so that kernels over them learn
    little. There are no norms: an instance norm would remove the means of the coefficients, which tell voices apart.
    c0 is not judged: conversion gives every frame the source's power.

    Args:
        dimensions: Q, coefficients per frame, at least 2.
        channels: channels of the first layer; the others have twice as many.
    """

    def __init__(self, dimensions: int, channels: int = 64):
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            [
                GatedConvolution(1, dimensions - 1, c, 5, norm=False),
                GatedConvolution(1, c, 2 * c, 5, stride=2, norm=False),
                GatedConvolution(1, 2 * c, 2 * c, 5, stride=2, norm=False),
            ]
        )
        self.head = nn.Conv1d(2 * c, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Judgement:  # (B, Q, T) -> logits (B, 1, T/4)
        features = _collect(self.layers, x[:, 1:])
        return Judgement(logits=[self.head(features[-1])], features=[features])


def _collect(layers: nn.ModuleList, x: Tensor) -> list[Tensor]:
    features = []
    for layer in layers:
        x = layer(x)
        features.append(x)
    return features
