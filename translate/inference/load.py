"""A checkpoint is all that conversion needs."""

import os
from collections.abc import Mapping

import torch

from translate.config import SystemConfig
from translate.errors import UserError
from translate.features.statistics import Statistics
from translate.inference.image import ImageConverter
from translate.inference.spectrum import SpectrumConverter
from translate.inference.voice import VoiceConverter
from translate.inference.waveform import WaveformConverter
from translate.training.checkpoint import find_checkpoint, load_config, load_weights
from translate.training.foreign import build_bounded, read_statistics
from translate.translators.base import Translator

SystemConverter = VoiceConverter | SpectrumConverter | WaveformConverter
Converter = SystemConverter | ImageConverter

KINDS: dict[str, type[SystemConverter]] = {
    "world": VoiceConverter,
    "stft": SpectrumConverter,
    "wave": WaveformConverter,
}


def load(
    folder: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    precision: str = "float32",
) -> Converter:
    """Load a trained converter, of speech or of pictures as its checkpoint says.

    Args:
        folder: a checkpoint (`exp/<tag>/step_00010000`), a link to one (`exp/<tag>/latest`) or a run (`exp/<tag>`).
            `hf://owner/name` brings one from the Hub.
        device: where its networks compute.
        precision: of the networks; bfloat16 (8 bits of mantissa) can be faster where the processor has it.

    Raises:
        UserError: no checkpoint there, files that are damaged or no files, weights or statistics of another model, code
            that is not trusted, or no such device.
    """
    if precision not in ("float32", "bfloat16"):
        raise UserError(f"precision `{precision}`: expected float32 or bfloat16")
    device = _find_device(device)
    checkpoint = find_checkpoint(folder)
    config = load_config(checkpoint)
    translator = build_bounded(config, checkpoint, checkpoint)
    load_weights(checkpoint, translator)
    if hasattr(config, "images"):
        pictures = ImageConverter(translator, config, device)
        pictures.precision = precision
        return pictures
    converter = make_converter(translator, config, read_statistics(checkpoint, config), device)
    converter.precision = precision
    return converter


def make_converter(
    translator: Translator, config: SystemConfig, statistics: Mapping[str, Statistics], device: torch.device
) -> SystemConverter:
    """The converter of a speech system, of the kind that its `features` name; also of one that still trains."""
    return KINDS[config.features.kind](translator, config, statistics, device)  # type: ignore[attr-defined]


def _find_device(name: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError):                          # unknown, not compiled in, or not there
        raise UserError(f"device `{name}`: not available here; take cpu, or cuda on a machine with a GPU") from None
