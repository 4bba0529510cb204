"""Speech to train on: features of a corpus, as batches of random crops."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from translate.corpus.manifest import Entry, make_disjoint
from translate.errors import UserError
from translate.models.base import Model
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.corpus.features import FeatureStore, Utterances
from translate.speech.corpus.sampling import CropSampler, LabelledCropSampler, PairedCropSampler
from translate.speech.shards.reading import ShardedUtterances, ShardStore
from translate.speech.shards.sampling import LabelledShardCropSampler, ShardCropSampler
from translate.speech.shards.selection import preview, select_shards
from translate.speech.watch import VoiceWatch
from translate.training import distributed
from translate.training.material import Material
from translate.training.resume import Sampler

log = logging.getLogger("translate")


def open_voices(config: Model, features: Path, device: torch.device) -> Material:
    """The "train" split of `features`, a folder written by `translate extract`, or by `translate shard`.

    Raises:
        UserError: the features are missing, of another configuration or lack a domain; or nothing is parallel where
            pairs are needed.
    """
    store = ShardStore(features) if ShardStore.is_one(features) else FeatureStore(features)
    if store.config != config.features:  # type: ignore[attr-defined]
        raise UserError(
            f"{features}: extracted with other settings ({_name_differences(store, config)}); train with the same "
            "`features` settings, or extract into another folder"
        )
    names = config.data.domains
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UserError(
            f"`data.domains` is [{', '.join(names)}]: expected two or more different names; give --source and "
            "--target, or --domains"
        )
    if isinstance(store, ShardStore):
        shards = {domain: store.open_shards("train", domain) for domain in names}
        chosen = select_shards(config, shards)
        statistics = _measure(config, chosen, shards)
        sampler = make_sampler(config, chosen, statistics, device)
        used = preview(store, chosen)
    else:
        utterances = {domain: store.open("train", domain) for domain in names}
        used = select_training(config, utterances)
        statistics = _measure(config, used, utterances)
        sampler = make_sampler(config, used, statistics, device)
    watch = VoiceWatch(config, store, statistics, used, device)
    return Material(sampler, pack_statistics(statistics), watch.make())


def _measure(
    config: Model,
    used: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
    given: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
) -> dict[str, Statistics]:
    """The statistics by domain of what is `used` of what is `given`; tells how much that is."""
    for domain, utterances in used.items():
        minutes = float(np.sum(utterances.seconds)) / 60
        paired = config.data.batches == "paired"
        reason = "have no partner" if paired else "are the other domain's; data.non_parallel=false: all"
        note = f" of {len(given[domain])} (the others {reason})" if len(utterances) < len(given[domain]) else ""
        log.info("%s: %d utterances%s, %.1f minutes", domain, len(utterances), note, minutes)
    longest = max(utterances.longest for utterances in used.values())
    if config.train.crop > longest:
        log.warning("train.crop is %d, the longest utterance has %d frames: all are continued by reflection",
                    config.train.crop, longest)  # fmt: skip
    statistics = {domain: utterances.statistics() for domain, utterances in used.items()}
    if config.data.normalise == "target":
        statistics = dict.fromkeys(statistics, statistics[config.data.domains[-1]])
    return statistics


def make_sampler(
    config: Model,
    used: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
    statistics: Mapping[str, Statistics],
    device: torch.device | str,
) -> Sampler:
    """The batches that `data.batches` names, of utterances by domain, or streamed from their shards."""
    train, materials = config.train, [(used[domain], statistics[domain]) for domain in config.data.domains]
    options = (train.crop, train.batch_size, train.seed, device, distributed.rank(), distributed.processes())
    streamed = isinstance(materials[0][0], ShardedUtterances)
    if config.data.batches == "labelled":
        labelled = LabelledShardCropSampler if streamed else LabelledCropSampler
        return labelled(materials, *options)  # type: ignore[arg-type]
    config.data.pair()
    if config.data.batches == "paired":
        source, target = materials
        return PairedCropSampler(source, target, *options)  # type: ignore[arg-type]
    unpaired = ShardCropSampler if streamed else CropSampler
    return unpaired(dict(zip(("source", "target"), materials, strict=True)), *options)  # type: ignore[arg-type]


def select_training(config: Model, utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
    """Of two unpaired domains no sentence in common (`make_disjoint`), of paired ones those in common, in one order."""
    if config.data.batches == "paired":
        return _select_pairs(utterances)
    if config.data.batches == "labelled" or not config.data.non_parallel:
        return dict(utterances)
    entries = {
        domain: [
            Entry(id=id, path=Path(path), domain=domain, split="train", pair=pair)
            for id, path, pair in zip(u.ids, u.paths, u.pairs, strict=True)
        ]
        for domain, u in utterances.items()
    }
    kept = make_disjoint(entries)
    return {domain: u.select([entry.id for entry in kept[domain]]) for domain, u in utterances.items()}


def _select_pairs(utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
    ids = {domain: dict(zip(u.pairs, u.ids, strict=True)) for domain, u in utterances.items()}
    common = sorted(set.intersection(*({pair for pair in of_domain if pair} for of_domain in ids.values())))
    if not common:
        raise UserError(
            f"no sentence is spoken by both {' and '.join(utterances)}: this system learns from parallel recordings, "
            "which have the same name in both domains"
        )
    return {domain: u.select([ids[domain][pair] for pair in common]) for domain, u in utterances.items()}


def _name_differences(store: FeatureStore, config: Model) -> str:
    old, new = store.config.model_dump(), config.features.model_dump()  # type: ignore[attr-defined]
    if old["kind"] != new["kind"]:
        return f"kind={old['kind']} there, {new['kind']} here"
    return ", ".join(f"{key}={old[key]} there, {new[key]} here" for key in old if old[key] != new[key])
