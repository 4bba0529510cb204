"""Norms of activations."""

from torch import nn


def instance_norm(channels: int) -> nn.Module:
    """Instance norm with learned scale and shift (Ulyanov et al. 2016), over any number of dimensions.

    Each channel of each sample is brought to mean 0 and variance 1 over its positions. A group norm with one channel
    per group is the same map, and takes half the time of `torch.nn.InstanceNorm` on CPUs.
    """
    return nn.GroupNorm(channels, channels)
