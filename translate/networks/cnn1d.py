"""The 1-D gated generator of CycleGAN-VC: features are channels, convolutions run over time."""

from torch import Tensor, nn

from translate.layers.gated import GatedConvolution, GatedResidual
from translate.layers.padding import pad_to_multiple


class Generator1d(nn.Module):
    """Generator of Kaneko and Kameoka 2018 (arXiv 1711.11293), Fig. 4.

    Args:
        dimensions: Q, coefficients per frame.
        channels: channels of the first layer after its gate (paper: 128); the others are multiples of it.
        blocks: number of residual blocks (paper: 6).
    """

    def __init__(self, dimensions: int, channels: int = 128, blocks: int = 6):
        super().__init__()
        c = channels
        self.layers = nn.Sequential(
            GatedConvolution(1, dimensions, c, 15, norm=False),
            GatedConvolution(1, c, 2 * c, 5, stride=2),
            GatedConvolution(1, 2 * c, 4 * c, 5, stride=2),
            *(GatedResidual(1, 4 * c, 8 * c) for _ in range(blocks)),
            GatedConvolution(1, 4 * c, 4 * c, 5, upsample=True),
            GatedConvolution(1, 4 * c, 2 * c, 5, upsample=True),
            nn.Conv1d(2 * c, dimensions, 15, padding=7),
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, Q, T) -> (B, Q, T), any T
        return self.layers(pad_to_multiple(x, 4, dims=1))[..., : x.shape[-1]]
