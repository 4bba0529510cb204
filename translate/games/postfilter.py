"""A map that takes noise beside its input, learned from pairs: GAN postfilters of mel-cepstra and of spectra."""

from typing import Any

import torch
from torch import Tensor, nn

from translate.games.base import Batch
from translate.games.graph import Graph
from translate.games.paired import PairedGame

EXAMPLE = 0                                                         # seed of the noise that checks an exported graph


class PostfilterGame(PairedGame):
    """A `PairedGame` whose map takes noise: drawn anew in every training step, and from a seed in conversion.

    Args:
        strength: factor on the residual in conversion: 0 leaves the source as it is.
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
        """Draw one sample (B, Q, T) of natural features for `x` (B, Q, T).

        Args:
            x: normalised features.
            source, target: the domains, in the direction that was trained.
            seed: seed of the noise; None is 0. The same seed gives the same sample on every device.
            noise: noise (B, Q, T) from N(0, 1), instead of a seed.
        """
        self.check_direction(source, target)
        if noise is None:
            noise = draw_noise(x, 0 if seed is None else seed)
        return torch.lerp(x, self.generator["map"](x, noise), self.strength)

    def graph(self, source: str, target: str) -> Graph:
        """Return the graph; the noise (B, Q, T) from N(0, 1) is an input."""
        return Graph(
            Noisy(self),
            {"noise": "map"},
            draw=lambda x, random: {"noise": draw_noise(x[:1], EXAMPLE).expand_as(x)},
            ask=lambda x, given: {"seed": EXAMPLE},
        )


class BandGame(PostfilterGame):
    """A `PostfilterGame` with a generator per band: losses see the bands side by side, before the cross-fade,
    (B, sum of F_b, T).
    """

    def generate(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        x, y, network = batch["source"], batch["target"], self.generator["map"]
        fake = network.generate(x, torch.randn_like(x))  # type: ignore[operator]
        split = network.bands.split
        return torch.cat(split(x), dim=1), torch.cat(split(y), dim=1), torch.cat(fake, dim=1), {}  # type: ignore[operator]


class Noisy(nn.Module):
    """A postfilter with its noise as an input."""

    def __init__(self, game: PostfilterGame):
        super().__init__()
        self.game = game

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return torch.lerp(x, self.game.generator["map"](x, noise), self.game.strength)


def draw_noise(x: Tensor, seed: int) -> Tensor:
    """Draw noise of the shape of `x` from N(0, 1): the same on every device."""
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed)).to(x)
