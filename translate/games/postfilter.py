"""A map that takes noise beside its input, learned from pairs: GAN postfilters of mel-cepstra and of spectra."""

from typing import Any

import torch
from torch import Tensor, nn

from translate.games.base import Batch
from translate.games.graph import Graph
from translate.games.paired import PairedGame

EXAMPLE = 0                                                         # the seed of the noise that a graph is checked with


class PostfilterGame(PairedGame):
    """A `PairedGame` whose map takes noise: drawn anew in every step of the training, from a seed afterwards.

    Args:
        strength: how much of the residual conversion adds: 0 leaves the source as it is.
        others: arguments of `PairedGame`.
    """

    def __init__(self, *others: Any, strength: float = 1.0, **named: Any):
        super().__init__(*others, **named)
        self.strength = strength

    def translate(
        self,
        x: Tensor,
        source: str,
        target: str,
        seed: int | None = None,
        noise: Tensor | None = None,
        **condition: Any,
    ) -> Tensor:
        """Draw one sample of what the natural features of `x` (B, Q, T) could be, (B, Q, T).

        Args:
            x: normalised.
            source, target: the domains, in the direction that was trained.
            seed: which sample; None is 0. The same seed gives the same sample on every device.
            noise: (B, Q, T) from N(0, 1) instead of a seed.
        """
        self.check_direction(source, target)
        if noise is None:
            noise = draw_noise(x, 0 if seed is None else seed)
        return torch.lerp(x, self.generator["map"](x, noise), self.strength)

    def graph(self, source: str, target: str) -> Graph:
        """The noise (B, Q, T) from N(0, 1) is an input."""
        return Graph(
            Noisy(self),
            {"noise": "map"},
            draw=lambda x, random: {"noise": draw_noise(x[:1], EXAMPLE).expand_as(x)},
            ask=lambda x, given: {"seed": EXAMPLE},
        )


class BandGame(PostfilterGame):
    """Trains bands side by side, (B, sum of F_b, T): losses see what every generator made, before the cross-fade."""

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        x, y, network = batch["source"], batch["target"], self.generator["map"]
        fake = network.generate(x, torch.randn_like(x))  # type: ignore[operator]
        split = network.bands.split
        return torch.cat(split(x), dim=1), torch.cat(split(y), dim=1), torch.cat(fake, dim=1), {}  # type: ignore[operator]


class Noisy(nn.Module):
    """A postfilter that is given its noise."""

    def __init__(self, game: PostfilterGame):
        super().__init__()
        self.game = game

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return torch.lerp(x, self.game.generator["map"](x, noise), self.game.strength)


def draw_noise(x: Tensor, seed: int) -> Tensor:
    """Draw noise of the shape of `x` from N(0, 1): the same on every device."""
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
