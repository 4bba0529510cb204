"""Parts of ProGAN and StyleGAN that have no weights: pixel norm, the deviation over a minibatch, doubling, blur."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, leaky_relu, pad

EPSILON = 1e-8


def pixel_norm(x: Tensor) -> Tensor:
    """Divide every position's vector of channels by its root mean square: x / sqrt(mean_c x^2 + 1e-8), (B, C, *S).

    Karras et al. 2018, section 4.2. A latent vector (B, Z) comes to the length sqrt(Z).
    """
    return x * torch.rsqrt(x.float().square().mean(dim=1, keepdim=True) + EPSILON).to(x.dtype)


class MinibatchDeviation(nn.Module):
    """Append a channel that says how much the samples of a group differ (Karras et al. 2018, section 3).

    The standard deviation over a group of samples, of every channel and position, averaged over both: one number per
    group, the same at all its positions. Groups are strided: of 8 samples in groups of 4, the even ones are a group.

    Args:
        group: samples of a group; where a batch is no multiple, its largest divisor below (the paper: the whole batch;
            its code: 4).
    """

    mixes_samples = True

    def __init__(self, group: int = 4):
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, C + 1, H, W)
        count, _, height, width = x.shape
        group = next(size for size in range(min(self.group, count), 0, -1) if count % size == 0)
        members = x.float().unflatten(0, (group, -1))               # (G, B / G, C, H, W)
        deviation = (members.var(dim=0, unbiased=False) + EPSILON).sqrt().mean(dim=(1, 2, 3))  # (B / G,)
        plane = deviation.repeat(group).to(x.dtype).view(-1, 1, 1, 1).expand(-1, -1, height, width)
        return torch.cat([x, plane], dim=1)


def double(x: Tensor) -> Tensor:
    """Repeat every pixel in both directions: (B, C, H, W) -> (B, C, 2 H, 2 W)."""
    return interpolate(x, scale_factor=2, mode="nearest")


def halve(x: Tensor) -> Tensor:
    """Average blocks of 2 x 2 pixels: (B, C, H, W) -> (B, C, H / 2, W / 2)."""
    return avg_pool2d(x, 2)


def leak(x: Tensor) -> Tensor:
    return leaky_relu(x, 0.2)


def blur(x: Tensor) -> Tensor:
    """Convolve every channel with [1, 2, 1] / 4 in both directions, zeros around it (B, C, H, W).

    Behind `double` it makes bilinear interpolation, before `halve` it takes away what would alias (Zhang 2019; Karras
    et al. 2019, section 2).
    """
    line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
    return conv2d(pad(x, [1, 1, 1, 1]), kernel, groups=x.shape[1])
