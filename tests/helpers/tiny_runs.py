"""Runs of every model at a tiny size, as training leaves them, for tests of everything that happens afterwards."""

import numpy as np
import torch

from translate.checkpoints.store import save_checkpoint
from translate.checkpoints.trust import remember_code
from translate.config import merge
from translate.models import build, find_model, resolve
from translate.speech.analysis.statistics import Statistics, pack_statistics


def configure(model, *sections, **more):
    """The model at the tiny size that its class names, with further settings."""
    values = {"model": model}
    for part in [find_model(model).tiny, *sections, more]:
        values = merge(values, part)
    return resolve(values, "test")


def make_run(folder, model, module=None, **sections):
    """Save a checkpoint of untrained networks whose averages differ from their weights; returns the run's folder."""
    config = configure(model, sections, {"model": module or model})
    torch.manual_seed(1)
    translator = build(config)
    weights = translator.state_dict()
    if "phase" in weights:
        weights["phase"] = torch.tensor(3)                          # of pix2pixHD: not the one that a new network has
    for key in weights:
        if key.startswith("styles."):
            weights[key] = torch.randn(weights[key].shape).to(weights[key].dtype).abs()
    average = {
        name: value.detach() + 0.01 * torch.randn_like(value)
        for name, value in translator.named_parameters()
        if name.startswith("players.generator.")
    }
    rng = np.random.default_rng(0)
    size = config.features.frame_size if hasattr(config, "features") else 0
    voices = {n: Statistics(rng.normal(size=size), 1 + rng.random(size), 4.8, 0.2, 90, 80) for n in config.data.domains}
    statistics = pack_statistics(voices) if size else {"high/pictures": np.array([3.0])}
    remember_code(config)
    save_checkpoint(folder, 10, config, weights, average, statistics, {"step": 10}, keep=1)
    return folder


def make_input(config):
    """An input of the networks of a configuration, (1, C, *S)."""
    torch.manual_seed(2)
    if not hasattr(config, "images"):
        size = config.features.frame_size
        return torch.randn(1, size, 640 if size == 1 else 44)
    if config.images.labels:
        maps = torch.randint(config.images.labels, (1, 64, 64))
        return torch.nn.functional.one_hot(maps, config.images.labels).permute(0, 3, 1, 2).float()
    return torch.rand(1, config.images.source_channels, 64, 64)
