"""One step of the loop: the game yields losses, each player learns from its own.

Under `train.accumulate` a step plays several micro-batches, slices of the batch, in lock-step: every turn is played on
all of them, their gradients are added up, and then the player is updated. So what follows a turn sees the updated
player, as on the whole batch, and the gradient is that of the whole batch wherever losses are means over independent
samples. No game knows of it. What a game does across the samples of a batch, it does within a micro-batch: batch norms
take their statistics from it, and wanted domains are shuffled within it; random numbers are drawn micro-batch by
micro-batch. Spectral norms make their power iterations in a turn's first micro-batch, which the others share: a turn
advances them as often as the whole batch would.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from translate.errors import UserError
from translate.games.base import Batch, Game, Turn
from translate.layers.spectral import hold_spectral_norms, list_spectral_norms
from translate.training.player import Player

StepLog = list[tuple[str, dict[str, Tensor]]]                       # losses by player in the order of turns; monitors


class Step:
    """A player of steps.

    Args:
        game: game on the device, in training mode.
        players: players of the game by name.
        autocast: factory of the context that sets the precision of the networks.
        accumulate: number of micro-batches per step.
    """

    def __init__(
        self,
        game: Game,
        players: Mapping[str, Player],
        autocast: Callable[[], AbstractContextManager],
        accumulate: int = 1,
    ):
        self.game, self.players, self.autocast, self.accumulate = game, players, autocast, accumulate
        self.spectral = list_spectral_norms(game)

    def __call__(self, batch: Batch, step: int, rate: float) -> StepLog:
        """Play step number `step` with the learning rates multiplied by `rate`; return its losses and monitors."""
        for player in self.players.values():
            player.schedule(step, rate)
        return self.play(batch, step)

    def restart(self) -> None:
        """Clear the optimisers' state, where the game enters another stage."""
        for player in self.players.values():
            player.restart()

    def play(self, batch: Batch, step: int) -> StepLog:
        """Play all turns of the step, at the rates that are set; losses and monitors are means over micro-batches."""
        parts = [_Part(self.game, part, step) for part in cut_batch(batch, self.accumulate)]
        played: StepLog = []
        while True:
            turns = []
            for number, part in enumerate(parts):
                with self.autocast(), hold_spectral_norms(self.spectral) if number else nullcontext():
                    turn = part.play_turn()
                if turn and turn[1]:
                    name, losses = turn
                    turns_before = self.game.turn(name, step)
                    self.players[name].add_gradients(
                        losses, self.game.weights[name], step, turns_before, number, len(parts)
                    )
                turns.append(turn and (turn[0], {key: loss.detach() for key, loss in turn[1].items()}))
            self._check_alike(turns)
            if turns[0] is None:
                return [*played, ("monitor", _average([part.monitors for part in parts]))]
            name, losses = turns[0]
            if losses:                                              # else every weight is 0 at this step
                self.players[name].update()
            played.append((name, _average([turn[1] for turn in turns if turn])))

    def _check_alike(self, turns: Sequence[Turn | None]) -> None:
        """Raise `UserError` unless all micro-batches play the same turn with the same losses."""
        kinds = ["none" if turn is None else f"{turn[0]} with {', '.join(turn[1]) or 'no loss'}" for turn in turns]
        if len(set(kinds)) > 1:
            other = next(kind for kind in kinds if kind != kinds[0])
            raise UserError(
                f"train.accumulate is {self.accumulate}: {type(self.game).__name__} plays turns that depend on the "
                f"micro-batch ({kinds[0]}; {other}); set train.accumulate=1"
            )


class _Part:
    """A micro-batch in play, with fakes and monitors of its own."""

    def __init__(self, game: Game, batch: Batch, step: int):
        self.game, self.turns = game, game.play(batch, step)
        self.fakes: dict[str, Tensor] = {}
        self.monitors: dict[str, Tensor] = {}

    def play_turn(self) -> Turn | None:
        """Play the next turn and return it; None: the step is over."""
        self.game.fakes, self.game.monitors = self.fakes, self.monitors
        turn = next(self.turns, None)
        self.fakes, self.monitors = self.game.fakes, self.game.monitors
        return turn


def cut_batch(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch into `parts` micro-batches of equal size, without copying.

    Raises:
        ValueError: its size is no multiple of their number.
    """
    size = len(next(iter(batch.values())))
    if size % parts:
        raise ValueError(f"a batch of {size} cannot be cut into {parts} micro-batches")
    size //= parts
    return [{name: value[n * size : (n + 1) * size] for name, value in batch.items()} for n in range(parts)]


def _average(values: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the mean of every entry over the micro-batches."""
    if len(values) == 1:
        return dict(values[0])
    return {name: torch.stack([one[name].float() for one in values]).mean() for name in values[0]}
