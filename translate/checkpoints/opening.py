"""Opening a checkpoint: its configuration and its networks with their weights."""

import os
from pathlib import Path
from typing import NamedTuple

import torch

from translate.checkpoints.foreign import build_bounded
from translate.checkpoints.store import find_checkpoint, load_config, load_weights
from translate.errors import UserError
from translate.games.base import Game, Translator
from translate.games.noise import NoiseGame
from translate.models.base import Model


class Opened(NamedTuple):
    """A checkpoint in memory."""

    checkpoint: Path
    config: Model
    game: Game
    device: torch.device

    @property
    def translator(self) -> Translator:
        """Return the game as a `Translator`; raise `UserError` where it does not translate."""
        if not isinstance(self.game, Translator):
            why = "; it makes samples from noise: `translate generate`" if isinstance(self.game, NoiseGame) else ""
            model = self.config.model
            raise UserError(f"{self.checkpoint}: `{model}` does not translate from one domain to another{why}")
        return self.game

    @property
    def noise(self) -> NoiseGame:
        """Return the game as one that begins with noise; raise `UserError` where it translates."""
        if not isinstance(self.game, NoiseGame):
            raise UserError(
                f"{self.checkpoint}: `{self.config.model}` does not begin with noise, it translates from one domain to "
                "another: `translate convert`"
            )
        return self.game


def open_checkpoint(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> Opened:
    """Read a checkpoint, moving averages preferred; raise `UserError` as `translate.load` does."""
    device = _find_device(device)
    checkpoint = find_checkpoint(folder)
    config = load_config(checkpoint)
    game = build_bounded(config, checkpoint, checkpoint)
    load_weights(checkpoint, game)
    return Opened(checkpoint, config, game, device)


def _find_device(name: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):                          # unknown, not compiled in, or not there
        raise UserError(f"device `{name}`: not available here; take cpu, or cuda on a machine with a GPU") from None
