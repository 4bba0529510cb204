"""Copies of all that a step changes, taken before a trial and restored after it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from translate.games.base import Game
from translate.training.player import Player


class Snapshot:
    """Copies of all that a step changes, restored in place: recordings know tensors by their addresses."""

    def __init__(self, game: Game, players: Mapping[str, Player]):
        self.game, self.players = game, players
        self.tensors = self._find_tensors()
        self.kept = {name: value.detach().clone() for name, value in self.tensors.items()}
        self.memory, self.random = game.memory(), torch.get_rng_state()
        device = next(game.parameters()).device
        self.gpu = device if device.type == "cuda" else None
        self.random_gpu = torch.cuda.get_rng_state(device) if self.gpu else None

    def check_host(self) -> None:
        """Raise `RuntimeError` where a step did something that a replay would not repeat."""
        if self.game.memory():
            raise RuntimeError("the processor decides which fakes the discriminators meet again; set network.pool=0")
        if self.gpu and not torch.equal(self.random, torch.get_rng_state()):
            raise RuntimeError("the step draws random numbers on the processor")
        now = self._find_tensors()
        if replaced := [name for name, value in self.tensors.items() if now.get(name) is not value]:
            raise RuntimeError(f"the step puts another tensor in the place of `{replaced[0]}`")

    @torch.no_grad()
    def restore(self) -> None:
        """Restore everything, and clear the gradients."""
        for name, value in self._find_tensors().items():
            if name in self.kept:
                value.copy_(self.kept[name])
            else:
                value.zero_()                                       # its optimiser had not stepped yet
        self.game.zero_grad(set_to_none=True)
        self.game.recall(self.memory)
        torch.set_rng_state(self.random)
        if self.random_gpu is not None:
            torch.cuda.set_rng_state(self.random_gpu, self.gpu)  # type: ignore[arg-type]

    def _find_tensors(self) -> dict[str, Tensor]:
        """Return weights, buffers, averages and the optimisers' state, by name."""
        found = dict([*self.game.named_parameters(), *self.game.named_buffers()])
        for name, player in self.players.items():
            found |= {f"average of {key}": value for key, value in player.average.items()}
            for key, parameter in player.named.items():
                memories = player.optimizer.state.get(parameter, {})
                found |= {f"{name}'s {memory} of {key}": value for memory, value in memories.items()}
        return found
