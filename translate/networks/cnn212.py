"""The 2-D and 2-1-2-D gated generators of CycleGAN-VC2: mel-cepstra as an image of frequency by time."""

from torch import Tensor, nn

from translate.layers.gated import GatedConvolution, GatedResidual
from translate.layers.norm import instance_norm
from translate.layers.padding import pad_to_multiple
from translate.layers.wide import WideConvolution


class Generator2d(nn.Module):
    """Kaneko et al. 2019 (arXiv 1904.04631), Fig. 3 (b), (c) and 4: 2-D down- and up-sampling around a middle.

    The middle is either 1-D over time (`middle=1`, the paper's 2-1-2D: features and channels are flattened and
    projected, so that the conversion sees all frequencies at once) or 2-D (`middle=2`, the ablation).

    Args:
        dimensions: Q, coefficients per frame; any number (padded to a multiple of 4 inside).
        channels: channels of the first convolution, before its gate (paper: 128); the others are multiples of it.
        blocks: number of residual blocks (paper: 6).
        middle: rank of the middle, 1 or 2.
    """

    def __init__(self, dimensions: int, channels: int = 128, blocks: int = 6, middle: int = 1):
        super().__init__()
        c = channels
        height = (dimensions + 3) // 4
        self.middle = middle
        self.down = nn.Sequential(
            GatedConvolution(2, 1, c // 2, (5, 15), norm=False),
            GatedConvolution(2, c // 2, c, 5, stride=2),
            GatedConvolution(2, c, 2 * c, 5, stride=2),
        )
        residual = [GatedResidual(middle, 2 * c, 2 * c) for _ in range(blocks)]
        flat = 2 * c * height
        self.convert = nn.Sequential(*residual)
        if middle == 1:
            self.convert.insert(0, _project(flat, 2 * c))
            self.convert.append(_project(2 * c, flat))
        self.up = nn.Sequential(
            GatedConvolution(2, 2 * c, c, 5, upsample=True),
            GatedConvolution(2, c, c // 2, 5, upsample=True),
            WideConvolution(c // 2, 1, (5, 15)),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, Q, T) -> (B, Q, T), any T
        deep = self.down(pad_to_multiple(x.unsqueeze(1), 4, dims=2))  # (B, 2c, Q/4, T/4)
        if self.middle == 1:
            batch, channels, height, width = deep.shape
            deep = self.convert(deep.reshape(batch, channels * height, width)).view_as(deep)
        else:
            deep = self.convert(deep)
        return self.up(deep)[:, 0, : x.shape[1], : x.shape[2]]


def _project(inputs: int, outputs: int) -> nn.Module:
    """Make a 1x1 convolution with instance norm: the transitions between 2-D and 1-D (layers 4 and 11)."""
    return nn.Sequential(nn.Conv1d(inputs, outputs, 1), instance_norm(outputs))
