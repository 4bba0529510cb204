"""A generator for little data: gated convolutions over time at the full frame rate, without norms."""

from torch import Tensor, nn
from torch.nn.functional import glu, pad

KERNEL = 5                                                          # frames, 25 ms


class FlatGenerator(nn.Module):
    """A generator without sampling layers and norms, which keeps every frame and sees a bounded stretch around it.

    It is ours, for networks that start from the linear map: what is left to learn there is small and local, such as how
    fast coefficients move, and strides would lose it. Dilations grow 1, 2, 4 and begin anew.

    Args:
        dimensions: Q, coefficients per frame.
        channels: channels of all layers.
        blocks: number of residual blocks, each one gated convolution.
    """

    def __init__(self, dimensions: int, channels: int = 64, blocks: int = 6):
        super().__init__()
        half = KERNEL // 2
        self.first = nn.Conv1d(dimensions, channels, KERNEL)
        self.dilations = [2 ** (number % 3) for number in range(blocks)]
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, KERNEL, dilation=dilation) for dilation in self.dilations
        )
        self.last = nn.Conv1d(channels, dimensions, KERNEL)
        self.context = half * (2 + sum(self.dilations))

    def forward(self, x: Tensor) -> Tensor:  # (B, Q, T) -> (B, Q, T), any T
        hidden = self.first(_extend(x, 1))
        for block, dilation in zip(self.blocks, self.dilations, strict=True):
            hidden = hidden + glu(block(_extend(hidden, dilation)), dim=1)
        return self.last(_extend(hidden, 1))


def _extend(x: Tensor, dilation: int) -> Tensor:
    """Repeat the first and the last frame, so that a convolution keeps the length."""
    half = KERNEL // 2 * dilation
    return pad(x, (half, half), mode="replicate")
