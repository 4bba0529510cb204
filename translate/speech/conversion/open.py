"""From a checkpoint of speech to its converter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch

from translate.checkpoints.opening import Opened
from translate.errors import UserError
from translate.games.base import Translator
from translate.models.base import SpeechModel
from translate.speech.analysis.front_end import find_converter, make_front_end
from translate.speech.analysis.statistics import Statistics, load_statistics
from translate.speech.conversion.features import FeatureConverter
from translate.speech.conversion.norms import Norms, read_norms


def make_converter(
    translator: Translator,
    config: SpeechModel,
    statistics: Mapping[str, Statistics],
    device: torch.device,
    norms: Norms | None = None,
) -> FeatureConverter[Any]:
    """Make the converter for the model's kind of features; works on a model in training as well."""
    make = find_converter(config.features)
    return make(translator, config, statistics, device, norms)


def open_speech(opened: Opened) -> FeatureConverter[Any]:
    """Make the converter of a checkpoint of speech; raise `UserError` if its statistics are of another run."""
    if opened.config.modality != "speech":
        raise UserError(f"{opened.checkpoint}: `{opened.config.model}` is no model of speech")
    config = cast(SpeechModel, opened.config)
    statistics = read_statistics(opened.checkpoint, config)
    norms = read_norms(opened.checkpoint / "statistics.safetensors", opened.translator)
    return make_converter(opened.translator, config, statistics, opened.device, norms)


def read_statistics(checkpoint: Path, config: SpeechModel) -> dict[str, Statistics]:
    """Read the statistics by domain that conversion of speech needs.

    Raises:
        UserError: they are missing, damaged, not finite, or of another run.
    """
    path = checkpoint / "statistics.safetensors"
    statistics = load_statistics(path)
    dimensions = make_front_end(config.features).dimensions
    for domain in config.data.domains:
        if domain not in statistics or statistics[domain].mean.shape != (dimensions,):
            raise UserError(
                f"{path}: expected the domain `{domain}` with {dimensions} dimensions; config.yaml and "
                "statistics.safetensors must come from the same run"
            )
    return statistics
