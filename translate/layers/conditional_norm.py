"""Two ways to condition a layer on a code: by modulating its norm (instance or batch), or by extra input channels."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from translate.layers.norm import instance_norm

SPREAD = 0.1  # standard deviation of initial scales around 1, of shifts around 0


class ConditionalInstanceNorm(nn.Module):
    """Instance norm whose scale and shift come from a code: gamma(c) (x - mu) / sigma + beta(c).

    gamma and beta are affine maps of the code. A one-hot code selects one row per domain (Dumoulin et al. 2017, "A
    Learned Representation for Artistic Style"). A code that concatenates source and target adds the rows of both
    (Kaneko et al. 2019, StarGAN-VC2, sec. 3.2). Soft codes mix the rows.

    Args:
        channels: channels of the input.
        entries: length of a code.
    """

    def __init__(self, channels: int, entries: int):
        super().__init__()
        self.norm = instance_norm(channels, affine=False)
        self.modulate = nn.Linear(entries, 2 * channels)            # scales, then shifts
        nn.init.normal_(self.modulate.weight, 0.0, SPREAD)
        nn.init.ones_(self.modulate.bias[:channels])
        nn.init.zeros_(self.modulate.bias[channels:])

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, channels, *S), (B, entries) -> (B, channels, *S)
        # The bias is added separately, so that a one-hot code gives the same values for any number of domains.
        modulation = linear(code, self.modulate.weight) + self.modulate.bias
        modulation = modulation.view(x.shape[0], -1, *[1] * (x.dim() - 2))
        scale, shift = modulation.chunk(2, dim=1)                   # (B, channels, 1, ...) each
        return self.norm(x) * scale + shift


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose scale and shift come from a code: (1 + gamma(c)) (x - mu) / sigma + beta(c).

    gamma and beta are linear maps of the code, which begin at 0. A one-hot code selects one row per class (Dumoulin et
    al. 2017; de Vries et al. 2017), soft codes mix the rows.

    Args:
        channels: channels of the input (B, C, H, W).
        entries: length of a code.
    """

    def __init__(self, channels: int, entries: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.modulate = nn.Linear(entries, 2 * channels, bias=False)  # scales, then shifts
        nn.init.zeros_(self.modulate.weight)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:  # (B, channels, H, W), (B, entries) -> (B, channels, H, W)
        code = code.to(self.modulate.weight.dtype)
        scale, shift = self.modulate(code)[:, :, None, None].chunk(2, dim=1)
        return self.norm(x) * (1 + scale) + shift


def join_code(x: Tensor, code: Tensor) -> Tensor:
    """Append the entries of the code to the channels of `x`, each constant over all positions.

    An instance norm after the next convolution removes these constants except near the edges, where zero padding makes
    them visible. A convolution without a norm keeps them.

    Args:
        x: (B, C, *S).
        code: (B, entries).

    Returns:
        (B, C + entries, *S).
    """
    planes = code.to(x.dtype).view(*code.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
    return torch.cat([x, planes], dim=1)
