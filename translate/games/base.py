"""The contract between a game and the trainer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.games.graph import Direct, Graph
from translate.networks.linear import Fit

# Unpaired and paired: "source" and "target", (B, C, *S). Labelled: "source", "domain" (B, K) and "mask" (B, K).
# Single, of games that begin with noise: "target" and, where `data.domains` names labels, "domain" (B, K).
# Speech is normalised by domain, images are in [-1, 1], low resolutions in [0, 1].
Batch = dict[str, Tensor]
Turn = tuple[str, dict[str, Tensor]]  # a player, and its losses by name
OwnLoss = Callable[[Batch, dict[str, Tensor]], Tensor]  # takes the batch and the fakes, see `translate.models.own`


@dataclass(frozen=True)
class Stage:
    """What a game that grows sets for one step.

    Attributes:
        number: number of the stage; optimisers start afresh where it changes.
        batch_size: examples in a batch, over all processes; None: `train.batch_size`.
        rate: factor on the learning rates.
    """

    number: int = 0
    batch_size: int | None = None
    rate: float = 1.0


class Game(nn.Module, ABC):
    """Networks grouped into players, and the training step that they play.

    A *player* is a named set of networks with one optimiser, one schedule and one dictionary of loss weights.
    The trainer and the checkpoints use nothing but this class, whether the game translates or generates from noise.

    Args:
        players: networks by player, in the order in which the players take their turns.
        weights: per player the weight of each of its losses; the keys name the losses everywhere.
    """

    def __init__(self, players: Mapping[str, nn.Module], weights: Mapping[str, Mapping[str, LossWeight]]):
        super().__init__()
        self.players = nn.ModuleDict(players)
        self.weights = weights
        # Quantities that are logged, not minimised. `change` is how much a generator alters its input, relative to the
        # input: the trainer warns when it stays near 0.
        self.monitors: dict[str, Tensor] = {}
        # The fakes of this step, by the domain that they should belong to: "target", "source".
        self.fakes: dict[str, Tensor] = {}
        self.own_losses: dict[str, dict[str, OwnLoss]] = {}         # by player and path

    # The value of `data.batches` that the game needs; None: any.
    batches: str | None = None

    @abstractmethod
    def training_step(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Yield `(player, {loss name: 0-dim tensor})` in the order of the updates.

        The trainer weights and sums the losses, back-propagates into that player's parameters alone and steps its
        optimiser before it resumes this function; so the code after a `yield` sees the updated player. Ask `active`
        before computing a loss: one whose weight is 0 at this step should cost nothing.

        Keep tensors that a later turn needs in local variables, not in attributes other than `fakes` and `monitors`:
        several micro-batches of one step may be played side by side (`train.accumulate`).
        """

    def play(self, batch: Batch, step: int) -> Iterator[Turn]:
        """Yield the turns of `training_step` with the user's own losses added (`translate.models.own`)."""
        for player, losses in self.training_step(batch, step):
            for path, loss in self.own_losses.get(player, {}).items():
                if self.active(player, path, step):
                    losses[path] = self._take(loss(batch, self.fakes), path)
            yield player, losses

    def _take(self, value: Any, path: str) -> Tensor:
        """Return the user's loss `value`; raise `ValueError` unless it is a 0-dim tensor."""
        if not self.fakes:
            name = type(self).__name__
            raise ValueError(f"own.losses: {name} shows no fakes; its training_step must set `self.fakes`")
        if not isinstance(value, Tensor) or value.dim():
            found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            raise ValueError(f"own.losses: {path} returned {found}; expected a 0-dim tensor")
        return value

    def prepare(self, fit: Fit) -> None:
        """Set what the data determine, before a training begins: linear maps between domains, by `fit`."""

    def begin(self, step: int) -> Stage:
        """Prepare for a step, before its batch is drawn, and return its stage.

        A game that grows updates the buffers here that depend on the step. The result may depend on the number of the
        step only: a resumed run calls this for the last step that was played, too, and trials for steps to come.
        """
        return Stage()

    def stages(self) -> list[Stage]:
        """Return all stages of a training that are known before it begins; their batch sizes are checked then."""
        return []

    def finish(self, batches: Iterator[Batch]) -> None:
        """Gather what the game needs from the training data, after the last step and before the last checkpoint.

        The weights are the averaged ones and must not change; buffers may be filled. The batches read here are drawn
        again if the run is later made longer.
        """

    def networks(self, player: str) -> dict[str, nn.Module]:
        """Return the networks of a player by name; a player that is one network itself has the name ""."""
        module = self.players[player]
        return dict(module.named_children()) if isinstance(module, nn.ModuleDict | nn.ModuleList) else {"": module}

    def active(self, player: str, loss: str, step: int) -> bool:
        """Return whether the loss has a weight above 0 at this step.

        Raises:
            ValueError: the player has no such loss.
        """
        if loss not in self.weights[player]:
            raise ValueError(f"`{player}` has no loss `{loss}`; its weights are {', '.join(self.weights[player])}")
        return self.weights[player][loss].at(step, self.turn(player, step)) > 0

    def turn(self, player: str, step: int) -> int:
        """Return how many turns the player has had before this step; a player that waits for others has had fewer."""
        return step

    def pattern(self, step: int) -> Hashable:
        """Return a key of what a step does: steps with equal keys are the same operations on other numbers.

        One recording serves them all (`train.graph`). By default the key is the weights of the losses at this step. A
        game that depends on the step in other ways, such as whose turn it is, adds them to the key.
        """
        return tuple(
            (player, name, weight.at(step, self.turn(player, step)))
            for player, losses in self.weights.items()
            for name, weight in losses.items()
        )

    def memory(self) -> dict[str, Tensor]:
        """Return what a resumed run needs besides the weights and buffers, such as an image pool."""
        return {}

    def recall(self, memory: dict[str, Tensor]) -> None:
        """Restore what `memory` returned."""


class Translator(Game):
    """A game whose generator maps samples of one domain to another."""

    @abstractmethod
    def translate(self, x: Tensor, source: str, target: str, **condition: Any) -> Tensor:
        """Map `x` (B, C, *S) of any size from the domain `source` to the domain `target`.

        `condition` holds further arguments of the game, such as a style; each game documents its own.
        """

    def graph(self, source: str, target: str) -> Graph:
        """Return the module to export for a direction; games whose networks take more than samples override it.

        The names are `all` where codes are inputs and choose the domains.
        """
        return Graph(Direct(self, source, target))


def measure_change(x: Tensor, fake: Tensor) -> Tensor:
    """Return mean |G(x) - x| over mean |x|: near 0 when a generator returns its input."""
    with torch.no_grad():
        return (fake.float() - x.float()).abs().mean() / x.float().abs().mean().clamp_min(1e-8)
