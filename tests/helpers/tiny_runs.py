"""Runs of every system at a tiny size, as training would leave them; for tests of what happens to them afterwards."""

import numpy as np
import torch

from translate.checkpoints.store import save_checkpoint
from translate.checkpoints.trust import remember_code
from translate.config import merge
from translate.models import build, resolve
from translate.speech.analysis.statistics import Statistics, pack_statistics

VOICE = {"features": {"sample_rate": 8000, "dimensions": 12, "f0": "dio"}}
IMAGE = {"train": {"crop": 64}}
PAIR, THREE = {"data": {"domains": ["low", "high"]}}, {"data": {"domains": ["low", "middle", "high"]}}
SMALL = {"network": {"channels": 4, "blocks": 1}}
LABELS = {"images": {"labels": 3, "unknown": None, "instances": False, "size": None}}

TINY = {
    "cyclegan_vc": [VOICE, PAIR, SMALL],
    "cyclegan_vc2": [VOICE, PAIR, SMALL],
    "mse_vc": [VOICE, PAIR, SMALL],
    "gan_vc": [VOICE, PAIR, SMALL],
    "gan_postfilter": [VOICE, PAIR, {"network": {"channels": 4}}],
    "stargan_vc": [VOICE, THREE, {"network": {"channels": 4}}],
    "stargan_vc2": [VOICE, THREE, SMALL],
    "stft_postfilter": [{"features": {"sample_rate": 8000, "fft_size": 256}}, PAIR, {"network": {"channels": 4}}],
    "wavecyclegan": [{"features": {"sample_rate": 8000}}, PAIR, SMALL],
    "wavecyclegan2": [{"features": {"sample_rate": 8000}}, PAIR, {"network": {"channels": 4}}],
    "pix2pix": [IMAGE, PAIR, {"network": {"channels": 4, "depth": 5}}],
    "cyclegan": [IMAGE, PAIR, SMALL],
    "stargan": [IMAGE, THREE, SMALL],
    "srresnet": [{"network": {"channels": 4, "blocks": 1}}, PAIR],
    "srgan": [{"network": {"channels": 4, "blocks": 1, "discriminator_channels": 4}, "train": {"crop": 32}}, PAIR],
    "spade": [IMAGE, PAIR, LABELS, {"network": {"channels": 4, "encoder": True, "style": 4}}],
    "pix2pixhd": [
        IMAGE, PAIR, LABELS, {"network": {**SMALL["network"], "downs": 2, "encoder": True, "phases": [4, 1]}},
        {"train": {"steps": 10}},
    ],
}  # fmt: skip


def make_run(folder, model, module=None, **sections):
    """Save a checkpoint of untrained networks whose averages differ from their weights; returns the run's folder."""
    values = {"model": module or model}
    for part in [*TINY[model], sections]:
        values = merge(values, part)
    config = resolve(values, "test")
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
    size = {"world": 12, "stft": 129, "wave": 1}[config.features.kind] if hasattr(config, "features") else 0
    voices = {n: Statistics(rng.normal(size=size), 1 + rng.random(size), 4.8, 0.2, 90, 80) for n in config.data.domains}
    statistics = pack_statistics(voices) if size else {"high/pictures": np.array([3.0])}
    remember_code(config)
    save_checkpoint(folder, 10, config, weights, average, statistics, {"step": 10}, keep=1)
    return folder


def make_input(config):
    """What the networks of a configuration take, (1, C, *S)."""
    torch.manual_seed(2)
    if not hasattr(config, "images"):
        size = {"world": 12, "stft": 129, "wave": 1}[config.features.kind]
        return torch.randn(1, size, 640 if size == 1 else 44)
    if config.images.labels:
        maps = torch.randint(config.images.labels, (1, 64, 64))
        return torch.nn.functional.one_hot(maps, config.images.labels).permute(0, 3, 1, 2).float()
    return torch.rand(1, config.images.source_channels, 64, 64)
