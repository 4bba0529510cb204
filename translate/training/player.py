"""A player in training: its parameters, their optimiser and their moving average."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.config import LossWeight, PlayerConfig
from translate.games.base import Game
from translate.training import distributed


class Player:
    """One of a game's players with its optimiser and moving average.

    Args:
        name: name of the player.
        module: its networks.
        config: optimiser, learning rate, betas, clipping, averaging.
    """

    def __init__(self, name: str, module: nn.Module, config: PlayerConfig):
        self.config = config
        self.named = {f"players.{name}.{key}": p for key, p in module.named_parameters() if p.requires_grad}
        self.parameters = list(self.named.values())
        self.average = {k: p.detach().clone() for k, p in self.named.items()} if config.average else {}
        self.newest_weight: float | Tensor = 0.0                    # weight of the newest parameters in their average
        self.optimizer = self._make_optimizer()

    def _make_optimizer(self) -> torch.optim.Optimizer:
        rate, (first, second) = self.config.learning_rate, self.config.betas
        if self.config.optimizer == "rmsprop":
            return torch.optim.RMSprop(self.parameters, lr=rate, alpha=second)
        return torch.optim.Adam(self.parameters, lr=rate, betas=(first, second), fused=True)

    def restart(self) -> None:
        """Clear the optimiser's state, where a game enters another stage; averages stay."""
        self.optimizer = self._make_optimizer()
        if isinstance(self.newest_weight, Tensor):
            self.use_tensors()

    def schedule(self, step: int, rate: float) -> None:
        """Set this step's learning rate (`rate` is a factor on it) and the weight of the newest parameters."""
        group, rate = self.optimizer.param_groups[0], self.config.learning_rate * rate
        # Early averages span fewer steps, so that the random initial weights are soon forgotten.
        newest_weight = 1 - min(self.config.average or 0.0, (1 + step) / (10 + step))
        if isinstance(self.newest_weight, Tensor):
            group["lr"].fill_(rate)
            self.newest_weight.fill_(newest_weight)
        else:
            # Rounded as a tensor rounds it: recorded steps and others are equal to the bit.
            group["lr"], self.newest_weight = float(np.float32(rate)), newest_weight

    def use_tensors(self, use: bool = True) -> None:
        """Let `schedule` fill tensors, which a recorded update reads at each replay, or set plain numbers."""
        group, device = self.optimizer.param_groups[0], self.parameters[0].device
        group["capturable"] = use
        self.optimizer._warned_capturable_if_run_uncaptured = True  # the warm-up is that
        group["lr"] = torch.zeros((), device=device) if use else self.config.learning_rate
        self.newest_weight = torch.zeros((), device=device) if use else 0.0

    def add_gradients(
        self,
        losses: Mapping[str, Tensor],
        weights: Mapping[str, LossWeight],
        step: int,
        turn: int | None = None,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        """Back-propagate the weighted sum of the losses into this player's parameters.

        Args:
            losses: 0-dim tensors by name, at least one.
            weights: weights of the losses.
            step: number of the step; weights may depend on it.
            turn: number of turns that the player had before; None: one in every step.
            part, parts: index and number of micro-batches; the first clears the gradients, each adds its fraction of
                the mean.

        Raises:
            ValueError: a loss that has no weight.
        """
        if unknown := [name for name in losses if name not in weights]:
            raise ValueError(f"the loss `{unknown[0]}` has no weight; this player's are {', '.join(weights)}")
        total = torch.stack([weights[name].at(step, turn) * loss for name, loss in losses.items()]).sum()
        if part == 0:
            self.optimizer.zero_grad(set_to_none=True)
        (total if parts == 1 else total / parts).backward(inputs=self.parameters)

    def update(self) -> None:
        """Step the optimiser by the gradients that were added, then update the moving average."""
        distributed.average_gradients(self.parameters)
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.step()
        if self.config.average:
            average, newest = list(self.average.values()), [p.detach() for p in self.parameters]
            weight = self.newest_weight
            torch._foreach_lerp_(average, newest, [weight] * len(newest) if isinstance(weight, Tensor) else weight)

    def state(self) -> dict[str, Any]:
        """Return the optimiser's state for a checkpoint: the same with and without CUDA graphs."""
        state = self.optimizer.state_dict()
        plain = [group | {"lr": float(group["lr"]), "capturable": False} for group in state["param_groups"]]
        return state | {"param_groups": plain}


@contextlib.contextmanager
def averaged(game: Game, players: Mapping[str, Player]) -> Iterator[None]:
    """Put the game into evaluation mode, with moving averages in place of the weights that have one.

    Afterwards weights and random numbers are restored.
    """
    pairs = [(p.named[key], value) for p in players.values() for key, value in p.average.items()]
    kept = [parameter.detach().clone() for parameter, _ in pairs]
    device = next(game.parameters()).device
    game.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            for parameter, value in pairs:
                parameter.copy_(value)
            yield
    finally:
        with torch.no_grad():
            for (parameter, _), weight in zip(pairs, kept, strict=True):
                parameter.copy_(weight)
        game.train()


def collect_averages(players: Mapping[str, Player]) -> dict[str, Tensor]:
    """Collect all moving averages, named as in the game's `state_dict`."""
    return {key: value for player in players.values() for key, value in player.average.items()}
