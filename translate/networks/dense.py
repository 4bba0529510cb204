"""Fully connected networks of Goodfellow et al. 2014: a generator of rectifiers, a discriminator of maxout units."""

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from translate.losses.judgement import Judgement

RANGE, JUDGE_RANGE = 0.05, 0.005                                    # weights are drawn from U(-range, range)


class DenseGenerator(nn.Module):
    """Generator of fully connected layers with rectifiers; the output is a picture in [-1, 1].

    Args:
        latent: entries of z.
        shape: (C, H, W) of the output.
        units: units of each hidden layer (paper's code for MNIST: 1200).
        layers: number of hidden layers (there 2).
        entries: entries of a label vector, which is joined to z; 0: no labels (Mirza and Osindero 2014).
    """

    def __init__(self, latent: int, shape: tuple[int, int, int], units: int = 1200, layers: int = 2, entries: int = 0):
        super().__init__()
        self.shape = shape
        hidden: list[nn.Module] = []
        for inputs, outputs in pairwise([latent + entries, *[units] * layers]):
            hidden += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.layers = nn.Sequential(*hidden, nn.Linear(units, prod(shape)), nn.Tanh())
        _initialise_uniform(self, RANGE)

    def forward(self, latent: Tensor, code: Tensor | None = None) -> Tensor:  # (B, Z), (B, K) -> (B, C, H, W)
        return self.layers(_join(latent, code)).view(-1, *self.shape)


class DenseDiscriminator(nn.Module):
    """Discriminator of maxout layers (Goodfellow et al. 2013) with dropout; one logit per sample.

    Args:
        shape: (C, H, W) of the samples.
        units: maxout units of each hidden layer (paper's code for MNIST: 240).
        pieces: linear pieces per unit (there 5).
        layers: number of hidden layers (there 2).
        entries: entries of a label vector, which is joined to the pixels; 0: no labels.
        dropout: fractions of the pixels and of the hidden units that a training pass leaves out (there 0.2, 0.5).
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        units: int = 240,
        pieces: int = 5,
        layers: int = 2,
        entries: int = 0,
        dropout: tuple[float, float] = (0.2, 0.5),
    ):
        super().__init__()
        parts: list[nn.Module] = [nn.Dropout(dropout[0])]
        for inputs, outputs in pairwise([prod(shape) + entries, *[units] * layers]):
            parts += [nn.Linear(inputs, outputs * pieces), Maxout(pieces), nn.Dropout(dropout[1])]
        self.layers = nn.Sequential(*parts, nn.Linear(units, 1))
        _initialise_uniform(self, JUDGE_RANGE)

    def forward(self, x: Tensor, code: Tensor | None = None) -> Judgement:  # (B, C, H, W), (B, K)
        return Judgement(logits=[self.layers(_join(x.flatten(1), code))])


class Maxout(nn.Module):
    """The largest of `pieces` neighbouring entries: (B, units * pieces) -> (B, units)."""

    def __init__(self, pieces: int):
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (-1, self.pieces)).amax(dim=2)


def _join(x: Tensor, code: Tensor | None) -> Tensor:
    return x if code is None else torch.cat([x, code.to(x.dtype)], dim=1)


def _initialise_uniform(module: nn.Module, bound: float) -> None:
    """Draw weights from U(-bound, bound), and set biases to 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)
