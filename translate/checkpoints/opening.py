"""From a checkpoint to its configuration and its networks with their weights."""

import os
from pathlib import Path
from typing import NamedTuple

import torch

from translate.checkpoints.foreign import build_bounded
from translate.checkpoints.store import find_checkpoint, load_config, load_weights
from translate.errors import UserError
from translate.games.base import Translator
from translate.models.base import Model


class Opened(NamedTuple):
    """A checkpoint in memory."""

    checkpoint: Path
    config: Model
    translator: Translator
    device: torch.device


def open_checkpoint(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> Opened:
    """Read a checkpoint, moving averages preferred; raises `UserError` as `translate.load` does."""
    device = _find_device(device)
    checkpoint = find_checkpoint(folder)
    config = load_config(checkpoint)
    translator = build_bounded(config, checkpoint, checkpoint)
    load_weights(checkpoint, translator)
    return Opened(checkpoint, config, translator, device)


def _find_device(name: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):                          # unknown, not compiled in, or not there
        raise UserError(f"device `{name}`: not available here; take cpu, or cuda on a machine with a GPU") from None
