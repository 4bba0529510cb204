"""Speech to train on: features of a corpus, as batches of random crops."""

import logging
from pathlib import Path

import torch

from translate.config import SystemConfig
from translate.data.manifest import Entry, make_disjoint
from translate.data.sampling import CropSampler
from translate.data.speech import FeatureStore, Utterances
from translate.errors import UserError
from translate.features.statistics import pack_statistics
from translate.jobs.material import Material
from translate.jobs.voice_watch import VoiceWatch
from translate.training import distributed

log = logging.getLogger("translate")


def open_voices(config: SystemConfig, features: Path, device: torch.device) -> Material:
    """The "train" split of `features`, a folder written by `translate extract`.

    Raises:
        UserError: the features are missing, of another configuration or lack a domain.
    """
    store = FeatureStore(features)
    if store.config != config.features:  # type: ignore[attr-defined]
        raise UserError(
            f"{features}: extracted with other settings ({_name_differences(store, config)}); run extract again"
        )
    everything = {domain: store.open("train", domain) for domain in config.data.domains}
    used = select_training(everything) if config.data.non_parallel else everything
    for domain, utterances in used.items():
        minutes, given = float(utterances.seconds.sum()) / 60, len(everything[domain])
        left = f" of {given} (the others are sentences of the other domain: data.non_parallel)"
        note = left if len(utterances) < given else ""
        log.info("%s: %d utterances%s, %.1f minutes", domain, len(utterances), note, minutes)
    statistics = {domain: utterances.statistics() for domain, utterances in used.items()}
    streams = dict(zip(("source", "target"), config.data.pair(), strict=True))
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
    return Material(sampler, pack_statistics(statistics), watch.make())


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


def _name_differences(store: FeatureStore, config: SystemConfig) -> str:
    old, new = store.config.model_dump(), config.features.model_dump()  # type: ignore[attr-defined]
    return ", ".join(f"{key}={old[key]} there, {new[key]} here" for key in old if old[key] != new[key])
