"""A player in training: its parameters, their optimiser and their moving average."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.config import LossWeight, PlayerConfig
from translate.games.base import Translator
from translate.training import distributed


class Player:
    """One of `translator.players` with what it learns by.

    Args:
        name: of the player.
        module: its networks.
        config: learning rate, betas, clipping, averaging.
    """

    def __init__(self, name: str, module: nn.Module, config: PlayerConfig):
        self.config = config
        self.named = {f"players.{name}.{key}": p for key, p in module.named_parameters() if p.requires_grad}
        self.parameters = list(self.named.values())
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=config.learning_rate, betas=(config.betas[0], config.betas[1]), fused=True
        )
        self.average = {k: p.detach().clone() for k, p in self.named.items()} if config.average else {}
        self.share: float | Tensor = 0.0                            # of the newest weights in their average

    def learn(self, losses: Mapping[str, Tensor], weights: Mapping[str, LossWeight], step: int, rate: float) -> None:
        """One update: the weighted sum of the losses, gradients of this player alone, one optimiser step.

        Args:
            losses: 0-dim tensors by name.
            weights: of the losses.
            step: of the training; weights may depend on it.
            rate: factor on the learning rate.
        """
        if losses:
            self.schedule(step, rate)
            self.update(losses, weights, step)

    def schedule(self, step: int, rate: float) -> None:
        """Set all that `update` does differently at this step, the weights of the losses apart."""
        group, rate = self.optimizer.param_groups[0], self.config.learning_rate * rate
        # Early averages reach back over fewer steps, so that the random start is soon forgotten.
        share = 1 - min(self.config.average or 0.0, (1 + step) / (10 + step))
        if isinstance(self.share, Tensor):
            group["lr"].fill_(rate)
            self.share.fill_(share)
        else:
            # Rounded as a tensor rounds it: recorded steps and others are equal to the bit.
            group["lr"], self.share = float(np.float32(rate)), share

    def use_tensors(self, use: bool = True) -> None:
        """Let `schedule` fill tensors, which a recording of `update` reads at each replay; or set plain numbers."""
        group, device = self.optimizer.param_groups[0], self.parameters[0].device
        group["capturable"] = use
        self.optimizer._warned_capturable_if_run_uncaptured = True  # the warm-up is that
        group["lr"] = torch.zeros((), device=device) if use else self.config.learning_rate
        self.share = torch.zeros((), device=device) if use else 0.0

    def update(self, losses: Mapping[str, Tensor], weights: Mapping[str, LossWeight], step: int) -> None:
        """`learn`, at the rate that is set."""
        if not losses:
            return  # every weight of this player is 0 at this step
        if unknown := [name for name in losses if name not in weights]:
            raise ValueError(f"the loss `{unknown[0]}` has no weight; this player's are {', '.join(weights)}")
        total = torch.stack([weights[name].at(step) * loss for name, loss in losses.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward(inputs=self.parameters)
        distributed.average_gradients(self.parameters)
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        self.optimizer.step()
        if self.config.average:
            average, newest = list(self.average.values()), [p.detach() for p in self.parameters]
            share = [self.share] * len(newest) if isinstance(self.share, Tensor) else self.share
            torch._foreach_lerp_(average, newest, share)

    def state(self) -> dict[str, Any]:
        """Of the optimiser, for a checkpoint: the same with tensors and without."""
        state = self.optimizer.state_dict()
        plain = [group | {"lr": float(group["lr"]), "capturable": False} for group in state["param_groups"]]
        return state | {"param_groups": plain}


@contextlib.contextmanager
def averaged(translator: Translator, players: Mapping[str, Player]) -> Iterator[None]:
    """Evaluation mode, with the moving averages in the place of the weights that have one.

    Afterwards training goes on as if nothing had happened: weights and random numbers are those of before.
    """
    pairs = [(p.named[key], value) for p in players.values() for key, value in p.average.items()]
    kept = [parameter.detach().clone() for parameter, _ in pairs]
    device = next(translator.parameters()).device
    translator.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
            for parameter, value in pairs:
                parameter.copy_(value)
            yield
    finally:
        with torch.no_grad():
            for (parameter, _), weight in zip(pairs, kept, strict=True):
                parameter.copy_(weight)
        translator.train()


def collect_averages(players: Mapping[str, Player]) -> dict[str, Tensor]:
    """All moving averages, named as in the translator's `state_dict`."""
    return {key: value for player in players.values() for key, value in player.average.items()}
