"""The three kinds of batches of speech: the utterances that each trains on, and its sampler."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from translate.corpus.manifest import Entry, make_disjoint
from translate.errors import UserError
from translate.models.base import SpeechModel
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import Utterances
from translate.speech.corpus.sampling import CropSampler, LabelledCropSampler, PairedCropSampler
from translate.speech.shards.reading import ShardedUtterances, make_disjoint_shards
from translate.speech.shards.sampling import LabelledShardCropSampler, ShardCropSampler
from translate.training import distributed
from translate.training.resume import Sampler

Domains = Sequence[tuple[Any, Statistics]]                          # utterances, or their shards, by domain


class Batches(Protocol):
    """A kind of batches.

    Attributes:
        others: reason, for the log, why the remaining utterances are not used.
    """

    others: str

    def select(self, config: SpeechModel, utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
        """Return the utterances to train on, by domain."""

    def select_shards(
        self, config: SpeechModel, shards: Mapping[str, ShardedUtterances]
    ) -> dict[str, ShardedUtterances]:
        """Return the streamed utterances to train on, by domain."""

    def draw(self, domains: Domains, streamed: bool, options: Mapping[str, Any], stretch: float) -> Sampler:
        """Make the sampler; `options` are the arguments that all samplers of speech take.

        `stretch` (`data.stretch`) is above 1 only for features in memory or on the disk, neither streamed nor paired.
        """


class Unpaired:
    """Crops of two domains, drawn independently."""

    others = "are the other domain's; data.non_parallel=false: all"

    def select(self, config: SpeechModel, utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
        """Leave two domains no common sentence (`make_disjoint`), unless `data.non_parallel` is false."""
        config.data.pair()                                          # raises an error unless there are two domains
        if not config.data.non_parallel:
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

    def select_shards(
        self, config: SpeechModel, shards: Mapping[str, ShardedUtterances]
    ) -> dict[str, ShardedUtterances]:
        """Do the same with shards; raise `UserError` where a domain has nothing left."""
        source, target = config.data.pair()
        if not config.data.non_parallel:
            return dict(shards)
        kept = make_disjoint_shards(shards[source], shards[target])
        return dict(zip((source, target), kept, strict=True))

    def draw(self, domains: Domains, streamed: bool, options: Mapping[str, Any], stretch: float) -> Sampler:
        sampler = ShardCropSampler if streamed else CropSampler
        return sampler(dict(zip(("source", "target"), domains, strict=True)), **options, stretch=stretch)


class Paired:
    """Aligned crops of one sentence by two speakers."""

    others = "have no partner"

    def select(self, config: SpeechModel, utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
        """Keep the sentences that both domains have, in the same order; raise `UserError` if there are none."""
        config.data.pair()
        ids = {domain: dict(zip(u.pairs, u.ids, strict=True)) for domain, u in utterances.items()}
        common = sorted(set.intersection(*({pair for pair in of_domain if pair} for of_domain in ids.values())))
        if not common:
            raise UserError(
                f"no sentence is spoken by both {' and '.join(utterances)}: this model learns from parallel "
                "recordings, which have the same name in both domains"
            )
        return {domain: u.select([ids[domain][pair] for pair in common]) for domain, u in utterances.items()}

    def select_shards(
        self, config: SpeechModel, shards: Mapping[str, ShardedUtterances]
    ) -> dict[str, ShardedUtterances]:
        raise UserError(
            f"{config.model} learns from parallel recordings, and shards have no pairs; give --features the folder "
            "that `translate extract` wrote"
        )

    def draw(self, domains: Domains, streamed: bool, options: Mapping[str, Any], stretch: float) -> Sampler:
        source, target = domains
        return PairedCropSampler(source, target, **options)


class Labelled:
    """Crops of many domains, each with its label."""

    others = ""                                                     # all utterances train

    def select(self, config: SpeechModel, utterances: Mapping[str, Utterances]) -> dict[str, Utterances]:
        return dict(utterances)

    def select_shards(
        self, config: SpeechModel, shards: Mapping[str, ShardedUtterances]
    ) -> dict[str, ShardedUtterances]:
        return dict(shards)

    def draw(self, domains: Domains, streamed: bool, options: Mapping[str, Any], stretch: float) -> Sampler:
        sampler = LabelledShardCropSampler if streamed else LabelledCropSampler
        return sampler(list(domains), **options, stretch=stretch)


BATCHES: dict[str, Batches] = {"unpaired": Unpaired(), "paired": Paired(), "labelled": Labelled()}


def find_batches(config: SpeechModel) -> Batches:
    """Return the kind of batches that `data.batches` names."""
    return BATCHES[config.data.batches]


def make_sampler(
    config: SpeechModel,
    used: Mapping[str, Utterances] | Mapping[str, ShardedUtterances],
    statistics: Mapping[str, Statistics],
    device: torch.device | str,
) -> Sampler:
    """Make the sampler of a run, from utterances or from shards of each domain.

    Raises:
        UserError: `data.stretch` for crops that cannot be stretched.
    """
    train, domains = config.train, [(used[domain], statistics[domain]) for domain in config.data.domains]
    streamed, stretch = isinstance(domains[0][0], ShardedUtterances), config.data.stretch
    reasons = {
        "aligned pairs of crops keep their timing": config.data.batches == "paired",
        "crops of waves would change their pitch": not config.features.analysed,
        "crops from shards are not stretched": streamed,
    }
    for reason in [text for text, holds in reasons.items() if holds and stretch > 1]:
        raise UserError(f"`data.stretch` is {stretch:g}: {reason}; set it to 1")
    options = {
        "crop": train.crop, "batch_size": train.batch_size, "seed": train.seed, "device": device,
        "rank": distributed.rank(), "processes": distributed.processes(),
    }  # fmt: skip
    return find_batches(config).draw(domains, streamed, options, stretch)
