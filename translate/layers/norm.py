"""Norms of activations."""

from torch import nn


def instance_norm(channels: int, affine: bool = True) -> nn.Module:
    """Instance norm (Ulyanov et al. 2016) over any number of dimensions.

    Each channel of each sample is brought to mean 0 and variance 1 over its positions. A group norm with one channel
    per group is the same map, and takes half the time of `torch.nn.InstanceNorm` on CPUs.

    Args:
        channels: channels of the input.
        affine: with learned scale and shift; the CycleGAN family on images has none.
    """
    return nn.GroupNorm(channels, channels, affine=affine)
