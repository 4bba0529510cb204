"""The contract between a system and the trainer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from translate.config import LossWeight

# Unpaired and paired: "source" and "target", (B, C, *S). Labelled: "source", "domain" (B, K) and "mask" (B, K).
# Speech is normalised by domain, pictures are in [-1, 1], low resolutions in [0, 1].
Batch = dict[str, Tensor]
Turn = tuple[str, dict[str, Tensor]]  # a player, and its losses by name
OwnLoss = Callable[[Batch, dict[str, Tensor]], Tensor]  # of the batch and the fakes, see `translate.models.own`


class Translator(nn.Module, ABC):
    """Networks grouped into players, and the training step that they play.

    A *player* is a named set of networks with one optimiser, one schedule and one dictionary of loss weights.
    Everything that the trainer and the checkpoints do derives from `players`.

    Args:
        players: networks by player, in the order in which the players take their turns.
        weights: per player the weight of each of its losses; the keys name the losses everywhere.
    """

    def __init__(self, players: Mapping[str, nn.Module], weights: Mapping[str, Mapping[str, LossWeight]]):
        super().__init__()
        self.players = nn.ModuleDict(players)
        self.weights = weights
        # Quantities worth logging that nobody minimises; of `change`, how much a generator alters its input relative
        # to it, the trainer warns when it stays near 0.
        self.monitors: dict[str, Tensor] = {}
        # What the generators made of this step's batch, by the domain that it is to belong to: "target", "source".
        self.fakes: dict[str, Tensor] = {}
        self.own_losses: dict[str, dict[str, OwnLoss]] = {}         # by player and path

    # What `data.batches` must be, for a translator that needs a certain kind.
    batches: str | None = None
    # Whether it translates from the source to the target domain only, though batches are not paired.
    one_way = False

    @abstractmethod
    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Yield `(player, {loss name: 0-dim tensor})` in the order of the updates.

        The trainer weights and sums the losses, back-propagates into that player's parameters alone and steps its
        optimiser before it resumes this function; so what follows a `yield` sees the updated player. Ask `active`
        before computing a loss: one whose weight is 0 at this step should cost nothing.
        """

    def play(self, batch: Batch, step: int) -> Iterator[Turn]:
        """`training_step` with the losses that the user has added to it (`translate.models.own`)."""
        for player, losses in self.training_step(batch, step):
            for path, loss in self.own_losses.get(player, {}).items():
                if self.active(player, path, step):
                    losses[path] = self._take(loss(batch, self.fakes), path)
            yield player, losses

    def _take(self, value: Any, path: str) -> Tensor:
        """The value of the user's loss; `ValueError` where it is none."""
        if not self.fakes:
            name = type(self).__name__
            raise ValueError(f"own.losses: {name} shows no fakes; its training_step must set `self.fakes`")
        if not isinstance(value, Tensor) or value.dim():
            found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise ValueError(f"own.losses: {path} returned {found}; expected a 0-dim tensor")
        return value

    @abstractmethod
    def translate(self, x: Tensor, source: str, target: str, **condition: Any) -> Tensor:
        """Map `x` (B, C, *S) of any size from the domain `source` to the domain `target`.

        `condition` is what only this system takes besides, such as a style; each is documented where it is.
        """

    def finish(self, batches: Iterator[Batch]) -> None:
        """After the last step, before the last checkpoint: what a system gathers from its training data.

        Weights are averaged and frozen then; buffers may be filled. Training goes on from the batches of before.
        """

    def networks(self, player: str) -> dict[str, nn.Module]:
        """The networks of a player by name; a player that is a network itself has one without a name."""
        module = self.players[player]
        return dict(module.named_children()) if isinstance(module, nn.ModuleDict | nn.ModuleList) else {"": module}

    def active(self, player: str, loss: str, step: int) -> bool:
        """Whether the loss has a weight above 0 at this step; `ValueError` for a loss that the player does not have."""
        if loss not in self.weights[player]:
            raise ValueError(f"`{player}` has no loss `{loss}`; its weights are {', '.join(self.weights[player])}")
        return self.weights[player][loss].at(step) > 0

    def pattern(self, step: int) -> Hashable:
        """Steps of one pattern are the same operations on other numbers: one recording serves all (`train.graph`).

        Here the weights of the losses at this step. A translator whose step asks for the number of the step beyond
        that, as to whose turn it is, adds what comes of it.
        """
        return tuple((p, name, w.at(step)) for p, losses in self.weights.items() for name, w in losses.items())

    def memory(self) -> dict[str, Tensor]:
        """What a resumed run needs besides the weights, such as an image pool."""
        return {}

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Take back what `memory` gave."""


def measure_change(x: Tensor, fake: Tensor) -> Tensor:
    """Mean |G(x) - x| over mean |x|: near 0 when a generator returns its input."""
    with torch.no_grad():
        return (fake.float() - x.float()).abs().mean() / x.float().abs().mean().clamp_min(1e-8)
