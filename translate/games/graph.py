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
    """What a game translates, as a module of tensors alone: one direction, or all where codes say which.

    Attributes:
        network: called with samples x (B, C, *S) of any size and with the inputs below, in their order.
        inputs: what the network takes besides x, by name: a "code" (B, K [+ sets]), named `source` or `target` after
            the domain that it tells; a "vector" (B, N); or a "map" (B, N, *S), of the size of x.
        draw: makes examples of these inputs, called with x and NumPy's random numbers.
        ask: called with x and such examples, codes apart; gives the keyword arguments by which `translate` does what
            the graph does.
        facts: what else a runner of the graph must know, as JSON takes it.
    """

    network: nn.Module
    inputs: Mapping[str, Kind] = field(default_factory=dict)
    draw: Callable[[Tensor, np.random.Generator], dict[str, Tensor]] = _nothing
    ask: Callable[[Tensor, Given], dict[str, Any]] = _nothing
    facts: Mapping[str, Any] = field(default_factory=dict)


class Direct(nn.Module):
    """What `translate` does with samples and the names of two domains."""

    def __init__(self, game: Translator, source: str, target: str):
        super().__init__()
        self.game, self.source, self.target = game, source, target

    def forward(self, x: Tensor) -> Tensor:
        return self.game.translate(x, self.source, self.target)
