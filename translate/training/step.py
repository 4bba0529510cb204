"""One step of the loop: the game yields losses, each player learns from its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from torch import Tensor

from translate.games.base import Batch, Game
from translate.training.player import Player

StepLog = list[tuple[str, dict[str, Tensor]]]                       # losses by player in the order of turns; monitors


class Step:
    """Plays steps.

    Args:
        game: on the device, in training mode.
        players: the players of the game by name.
        autocast: makes the context that sets the precision of the networks.
    """

    def __init__(self, game: Game, players: Mapping[str, Player], autocast: Callable[[], AbstractContextManager]):
        self.game, self.players, self.autocast = game, players, autocast

    def __call__(self, batch: Batch, step: int, rate: float) -> StepLog:
        """Play step number `step` with the learning rates multiplied by `rate`; return what is worth logging."""
        for player in self.players.values():
            player.schedule(step, rate)
        return self.play(batch, step)

    def play(self, batch: Batch, step: int) -> StepLog:
        """Play all turns of the step, at the rates that are set."""
        played = []
        turns = self.game.play(batch, step)
        while True:
            with self.autocast():
                turn = next(turns, None)
            if turn is None:
                break
            name, losses = turn
            self.players[name].update(losses, self.game.weights[name], step)
            played.append((name, {key: loss.detach() for key, loss in losses.items()}))
        return [*played, ("monitor", dict(self.game.monitors))]
