"""One step of the loop: the translator yields losses, each player learns from its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from torch import Tensor

from translate.games.base import Batch, Translator
from translate.training.player import Player

Heard = list[tuple[str, dict[str, Tensor]]]                         # losses by player in the order of turns; monitors


class Step:
    """Plays steps.

    Args:
        translator: on the device, in training mode.
        players: its players by name.
        autocast: makes the context of the networks' precision.
    """

    def __init__(
        self, translator: Translator, players: Mapping[str, Player], autocast: Callable[[], AbstractContextManager]
    ):
        self.translator, self.players, self.autocast = translator, players, autocast

    def __call__(self, batch: Batch, step: int, rate: float) -> Heard:
        """Play step number `step`, the learning rates multiplied by `rate`; returns what is worth logging."""
        for player in self.players.values():
            player.schedule(step, rate)
        return self.play(batch, step)

    def play(self, batch: Batch, step: int) -> Heard:
        """All turns of the step, at the rates that are set."""
        heard = []
        turns = self.translator.play(batch, step)
        while True:
            with self.autocast():
                turn = next(turns, None)
            if turn is None:
                break
            name, losses = turn
            self.players[name].update(losses, self.translator.weights[name], step)
            heard.append((name, {key: loss.detach() for key, loss in losses.items()}))
        return [*heard, ("monitor", dict(self.translator.monitors))]
