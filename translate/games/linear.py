"""Linear maps between many domains, which the data determine: nothing is trained."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.games.base import Batch, Fit, Turn
from translate.games.graph import Graph
from translate.games.vectors import Coded, VectorGame
from translate.networks.linear import LinearMaps


class LinearGame(VectorGame):
    """Translation by the linear map from each domain to each other one.

    Args:
        domains: names of the domains.
        maps: the maps.
        weights: loss weights by player: `generator` without any loss.
    """

    def __init__(
        self, domains: Sequence[str], maps: LinearMaps, weights: Mapping[str, Mapping[str, LossWeight]]
    ):
        super().__init__({"generator": nn.ModuleDict({"map": maps})}, weights, domains, exclusive=True)

    def prepare(self, fit: Fit) -> None:
        self.map.fit(fit)

    @property
    def map(self) -> LinearMaps:
        """Return the maps."""
        return self.players["generator"]["map"]  # type: ignore[index, return-value]

    def generate(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Map `x` (B, Q, T) by the codes (B, K) of its source and target."""
        return self.map(x, torch.cat([source, target], dim=1))

    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        yield from ()

    def translate(self, x: Tensor, source: str | Tensor, target: str | Tensor, **condition: Any) -> Tensor:
        """Map `x` (B, Q, T); the domains are names or vectors, see `VectorGame.read_code`."""
        return self.generate(x, self.read_code(source, x, "source"), self.read_code(target, x, "target"))

    def graph(self, source: str, target: str) -> Graph:
        """Return one graph for all domains, whose codes are inputs."""
        return Graph(Coded(self), {"source": "code", "target": "code"}, self.draw_codes, facts={"sets": 0})
