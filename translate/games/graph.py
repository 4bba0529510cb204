"""A direction of a game as a graph: tensors in, tensors out, as `translate export` writes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor, nn

if TYPE_CHECKING:
    from translate.games.base import Translator

Kind = Literal["code", "vector", "map"]
Given = Mapping[str, Tensor]


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Graph:
    """A module that takes and returns tensors only: one direction of a game, or all where codes choose the domains.

    Attributes:
        network: module called with samples x (B, C, *S) of any size and with `inputs`, in their order.
        inputs: kinds of the network's other inputs by name: a "code" (B, K [+ sets]), named `source` or `target` after
            its domain; a "vector" (B, N); or a "map" (B, N, *S), of the size of x.
        draw: function that makes examples of these inputs, called with x and NumPy's random generator.
        ask: function that turns x and such examples (without codes) into the keyword arguments with which `translate`
            gives the graph's output.
        facts: further facts for the user of the graph, as JSON values.
    """

    network: nn.Module
    inputs: Mapping[str, Kind] = field(default_factory=dict)
    draw: Callable[[Tensor, np.random.Generator], dict[str, Tensor]] = _nothing
    ask: Callable[[Tensor, Given], dict[str, Any]] = _nothing
    facts: Mapping[str, Any] = field(default_factory=dict)


class Direct(nn.Module):
    """`translate` between two fixed domains, as a module."""

    def __init__(self, game: Translator, source: str, target: str):
        super().__init__()
        self.game, self.source, self.target = game, source, target

    def forward(self, x: Tensor) -> Tensor:
        return self.game.translate(x, self.source, self.target)
