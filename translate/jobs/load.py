"""Loading a converter, or a maker of samples, from a checkpoint, which is all that they need."""

import os
from typing import Any

import torch

from translate.checkpoints.opening import open_checkpoint
from translate.errors import UserError
from translate.jobs.modality import Converter, Maker, find_modality

Folder = str | os.PathLike[str]


def load(folder: Folder, device: str | torch.device = "cpu", precision: str = "float32") -> Any:
    """Load a trained model, of speech or of images by its checkpoint: a `Converter`, or a `Maker` of samples.

    Args:
        folder: a checkpoint (`exp/<tag>/step_00010000`), a link to one (`exp/<tag>/latest`), a run (`exp/<tag>`), or
            `hf://owner/name` on the Hub. A run is its best step where training chose one (`train.evaluate_every`), else
            the last.
        device: device of the networks.
        precision: precision of the networks; bfloat16 (8 bits of mantissa) can be faster where the processor has it.

    Raises:
        UserError: no checkpoint there, damaged files, weights or statistics of another model, or no such device.
    """
    return _load(folder, device, precision, None)


def load_converter(folder: Folder, device: str | torch.device = "cpu", precision: str = "float32") -> Converter:
    """Load a model that translates, as `load`; raise `UserError` for one that begins with noise."""
    return _load(folder, device, precision, True)


def load_maker(folder: Folder, device: str | torch.device = "cpu", precision: str = "float32") -> Maker:
    """Load a model that begins with noise, as `load`; raise `UserError` for one that translates."""
    return _load(folder, device, precision, False)


def _load(folder: Folder, device: str | torch.device, precision: str, translates: bool | None) -> Any:
    """Load a model that translates, or one that does not; None: as the model is."""
    if precision not in ("float32", "bfloat16"):
        raise UserError(f"precision `{precision}`: expected float32 or bfloat16")
    opened = open_checkpoint(folder, device)
    modality = find_modality(opened.config)
    if translates is None:
        translates = opened.config.translates
    model = modality.converter(opened) if translates else modality.maker(opened)
    model.precision = precision
    return model
