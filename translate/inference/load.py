"""A checkpoint is all that conversion needs."""

import os
from collections.abc import Mapping

import torch

from translate.config import SystemConfig, read_yaml
from translate.errors import UserError
from translate.features.statistics import Statistics, load_statistics
from translate.inference.image import ImageConverter
from translate.inference.spectrum import SpectrumConverter
from translate.inference.voice import VoiceConverter
from translate.inference.waveform import WaveformConverter
from translate.models import build, resolve
from translate.training.checkpoint import find_checkpoint, load_weights
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
        UserError: no checkpoint there, damaged files, weights or statistics of another model, or no such device.
    """
    if precision not in ("float32", "bfloat16"):
        raise UserError(f"precision `{precision}`: expected float32 or bfloat16")
    device = _find_device(device)
    checkpoint = find_checkpoint(folder)
    config = resolve(read_yaml(checkpoint / "config.yaml"), str(checkpoint / "config.yaml"))
    translator = build(config)
    load_weights(checkpoint, translator)
    if hasattr(config, "images"):
        pictures = ImageConverter(translator, config, device)
        pictures.precision = precision
        return pictures
    path = checkpoint / "statistics.safetensors"
    statistics = load_statistics(path)
    converter = make_converter(translator, config, statistics, device)
    converter.precision = precision
    dimensions = converter.front_end.dimensions
    for domain in converter.domains:
        if domain not in statistics or statistics[domain].mean.shape != (dimensions,):
            raise UserError(
                f"{path}: expected the domain `{domain}` with {dimensions} dimensions; config.yaml and "
                "statistics.safetensors must come from the same run"
            )
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
