"""Train a speech system on extracted features."""

import logging
from pathlib import Path
from typing import Any

import torch

from translate.config import SystemConfig, merge, read_yaml
from translate.data.manifest import Entry, make_disjoint
from translate.data.sampling import CropSampler
from translate.data.speech import FeatureStore, Utterances
from translate.errors import UserError
from translate.jobs.watch import VoiceWatch
from translate.models import find_system, resolve
from translate.training import distributed
from translate.training.trainer import train

log = logging.getLogger("translate")


def train_voice(config: SystemConfig, features: Path, out: Path) -> Path:
    """Train `config.model` on the "train" split of `features`; goes on where a run in `out` was cut.

    Args:
        config: resolved; `data.domains` names source and target, or all domains of a many-domain system.
        features: folder written by `translate extract`.
        out: folder of the run.

    Returns:
        The last checkpoint.

    Raises:
        UserError: the features are missing, of another configuration or lack a domain; also as `train`.
    """
    store = FeatureStore(features)
    if store.config != config.features:  # type: ignore[attr-defined]
        raise UserError(
            f"{features}: extracted with other settings ({_name_differences(store, config)}); run extract again"
        )
    device = distributed.pick_device(config.train.device)
    distributed.start(device)
    try:
        return _train(config, store, out, device)
    finally:
        distributed.stop()


def _train(config: SystemConfig, store: FeatureStore, out: Path, device: torch.device) -> Path:
    everything = {domain: store.open("train", domain) for domain in config.data.domains}
    used = select_training(everything) if config.data.non_parallel else everything
    for domain, utterances in used.items():
        minutes, given = float(utterances.seconds.sum()) / 60, len(everything[domain])
        left = f" of {given} (the others are sentences of the other domain: data.non_parallel)"
        note = left if len(utterances) < given else ""
        log.info("%s: %d utterances%s, %.1f minutes", domain, len(utterances), note, minutes)
    statistics = {domain: utterances.statistics() for domain, utterances in used.items()}

    torch.manual_seed(config.train.seed)
    translator = find_system(config.model).build(config).to(device)
    streams = dict(zip(("source", "target"), config.data.pair(), strict=True))
    if config.train.batch_size % distributed.processes():
        raise UserError(
            f"train.batch_size is {config.train.batch_size}: it must be a multiple of the "
            f"{distributed.processes()} processes"
        )
    sampler = CropSampler(
        {stream: (used[domain], statistics[domain]) for stream, domain in streams.items()},
        config.train.crop,
        config.train.batch_size,
        config.train.seed,
        device,
        distributed.rank(),
        distributed.processes(),
    )
    watch = VoiceWatch(config, store, statistics, used, device)
    return train(translator, config, sampler, statistics, out, watch.make())


def select_training(utterances: dict[str, Utterances]) -> dict[str, Utterances]:
    """Leave two domains no sentence in common, see `make_disjoint`."""
    entries = {
        domain: [
            Entry(id=id, path=Path(path), domain=domain, split="train", pair=pair)
            for id, path, pair in zip(u.ids, u.paths, u.pairs, strict=True)
        ]
        for domain, u in utterances.items()
    }
    kept = make_disjoint(entries)
    return {domain: u.select([entry.id for entry in kept[domain]]) for domain, u in utterances.items()}


def read_config(path: str | None, overrides: dict[str, Any], domains: list[str] | None = None) -> SystemConfig:
    """The configuration of a run: defaults of the model, then the file, then the overrides."""
    values = merge(read_yaml(path) if path else {}, overrides)
    if domains:
        values = merge(values, {"data": {"domains": domains}})
    return resolve(values, path or "configuration")


def _name_differences(store: FeatureStore, config: SystemConfig) -> str:
    old, new = store.config.model_dump(), config.features.model_dump()  # type: ignore[attr-defined]
    return ", ".join(f"{key}={old[key]} there, {new[key]} here" for key in old if old[key] != new[key])
