"""Self-attention over the positions of a picture."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

FEWER = 8                                                           # times fewer channels in queries and keys


class SelfAttention(nn.Module):
    """Add to every position a mixture of all positions: x + gain · W_o (softmax(q^T k) v).

    Queries, keys and values are convolutions of width 1, without biases, to C / 8, C / 8 and C / 2 channels. The
    softmax runs over the positions of the keys, without a scale. Keys and values are the maxima of cells of 2 x 2
    positions, as in the code of the paper (there are none in its text), a quarter of the products. `gain` begins at 0:
    the layer is then the identity, and learns to look further.

    Zhang et al. 2019 (SAGAN), eq. 1 to 3.

    Args:
        channels: channels C of the input.
    """

    def __init__(self, channels: int):
        super().__init__()
        few, half = max(1, channels // FEWER), max(1, channels // 2)
        self.query = nn.Conv2d(channels, few, 1, bias=False)
        self.key = nn.Conv2d(channels, few, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.output = nn.Conv2d(half, channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W), H and W even; the same
        query = self.query(x).flatten(2)                            # (B, C / 8, N), N = H W
        key = max_pool2d(self.key(x), 2).flatten(2)                 # (B, C / 8, N / 4)
        value = max_pool2d(self.value(x), 2).flatten(2)             # (B, C / 2, N / 4)
        weights = (query.transpose(1, 2) @ key).softmax(dim=2)      # (B, N, N / 4)
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        return x + self.gain * self.output(mixed)
