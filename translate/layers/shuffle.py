"""Pixel shuffle in one dimension; `torch.nn.PixelShuffle` covers two."""

from torch import Tensor, nn


class PixelShuffle1d(nn.Module):
    """Pixel shuffle that moves channels into time (Shi et al. 2016): `out[c, r t + k] = in[r c + k, t]`.

    The `factor` channels of a group become neighbours in time. (A bare `view(B, C / r, T r)` would instead concatenate
    whole channels.)
    """

    def __init__(self, factor: int):
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:  # (B, C, T) -> (B, C / factor, T * factor)
        batch, channels, length = x.shape
        grouped = x.view(batch, channels // self.factor, self.factor, length)
        return grouped.transpose(2, 3).reshape(batch, channels // self.factor, length * self.factor)
