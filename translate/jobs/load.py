"""Loading a converter from a checkpoint, which is all that conversion needs."""

import os

import torch

from translate.checkpoints.opening import open_checkpoint
from translate.errors import UserError
from translate.jobs.modality import Converter, find_modality


def load(folder: str | os.PathLike[str], device: str | torch.device = "cpu", precision: str = "float32") -> Converter:
    """Load a trained converter, of speech or of images by its checkpoint.

    Args:
        folder: a checkpoint (`exp/<tag>/step_00010000`), a link to one (`exp/<tag>/latest`), a run (`exp/<tag>`), or
            `hf://owner/name` on the Hub. A run is its best step where training chose one (`train.evaluate_every`), else
            the last.
        device: device of the networks.
        precision: precision of the networks; bfloat16 (8 bits of mantissa) can be faster where the processor has it.

    Raises:
        UserError: no checkpoint there, damaged files, weights or statistics of another model, or no such device.
    """
    if precision not in ("float32", "bfloat16"):
        raise UserError(f"precision `{precision}`: expected float32 or bfloat16")
    opened = open_checkpoint(folder, device)
    converter: Converter = find_modality(opened.config).converter(opened)
    converter.precision = precision
    return converter
