"""Training data of speech: features of a corpus, as batches of random crops."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from translate.config import WorldConfig
from translate.errors import UserError
from translate.models.base import SpeechModel
from translate.speech.analysis.linear_map import fit_linear_map
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.batches import find_batches, make_sampler
from translate.speech.corpus.features import FeatureStore, Utterances
from translate.speech.shards.reading import ShardedUtterances, ShardStore
from translate.speech.shards.selection import preview
from translate.speech.watch import VoiceWatch
from translate.training.material import Material

log = logging.getLogger("translate")


def open_voices(config: SpeechModel, features: Path, device: torch.device) -> Material:
    """Open the "train" split of `features`, a folder written by `translate extract` or by `translate shard`.

    Raises:
        UserError: the features are missing, of another configuration or lack a domain; or there is no parallel sentence
            although pairs are needed.
    """
    store = ShardStore(features) if ShardStore.is_one(features) else FeatureStore(features)
    if store.config != config.features:
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
        chosen = find_batches(config).select_shards(config, shards)
        statistics = _measure(config, chosen, shards)
        sampler = make_sampler(config, chosen, statistics, device)
        used = preview(store, chosen)
    else:
        utterances = {domain: store.open("train", domain) for domain in names}
        used = find_batches(config).select(config, utterances)
        statistics = _measure(config, used, utterances)
        sampler = make_sampler(config, used, statistics, device)
    fit = VoiceFit(config, used, statistics) if isinstance(config.features, WorldConfig) else None
    watch = VoiceWatch(config, store, statistics, used, device)
    return Material(sampler, pack_statistics(statistics), watch.make(), fit)


@dataclass(frozen=True)
class VoiceFit:
    """What the training data determine, see `translate.networks.linear.Fit`; frames are normalised."""

    config: SpeechModel
    utterances: Mapping[str, Utterances]
    statistics: Mapping[str, Statistics]

    def map(self, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
        between = self.statistics[source], self.statistics[target]
        features: WorldConfig = self.config.features                # type: ignore[assignment]
        found = fit_linear_map(*between, features, getattr(self.config.network, "warp", True))
        log.info("%s to %s: linear map, frequency warp %+.2f", source, target, found.shift)
        return found.normalised(*between)

    def frames(self, domain: str, count: int) -> np.ndarray:
        used = self.utterances[domain]
        total = np.cumsum(np.diff(used.spans)[:, 0])
        places = np.linspace(0, total[-1], count, endpoint=False).astype(int)
        rows = np.searchsorted(total, places, side="right")
        chosen = [used[row][used.spans[row, 1] - total[row] + place] for row, place in zip(rows, places, strict=True)]
        return self.statistics[domain].normalise(np.stack(chosen))


def _measure(
    config: SpeechModel,
    used: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
    given: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
) -> dict[str, Statistics]:
    """Log how much of each domain is used; return its statistics."""
    for domain, utterances in used.items():
        minutes = float(np.sum(utterances.seconds)) / 60
        others = find_batches(config).others
        note = f" of {len(given[domain])} (the others {others})" if len(utterances) < len(given[domain]) else ""
        log.info("%s: %d utterances%s, %.1f minutes", domain, len(utterances), note, minutes)
    longest = max(utterances.longest for utterances in used.values())
    if config.train.crop > longest:
        log.warning("train.crop is %d, the longest utterance has %d frames: all are continued by reflection",
                    config.train.crop, longest)  # fmt: skip
    statistics = {domain: utterances.statistics() for domain, utterances in used.items()}
    if config.data.normalise == "target":
        statistics = dict.fromkeys(statistics, statistics[config.data.domains[-1]])
    return statistics


def _name_differences(store: FeatureStore, config: SpeechModel) -> str:
    old, new = store.config.model_dump(), config.features.model_dump()
    if old["kind"] != new["kind"]:
        return f"kind={old['kind']} there, {new['kind']} here"
    return ", ".join(f"{key}={old[key]} there, {new[key]} here" for key in old if old[key] != new[key])
