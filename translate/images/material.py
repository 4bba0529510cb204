"""Training data of image models: a manifest, as batches of random crops."""

import logging
from collections import Counter
from pathlib import Path

import torch

from translate.corpus.manifest import read_manifest
from translate.errors import UserError
from translate.images.corpus.sampling import make_sampler, summarise
from translate.images.watch import ImageWatch, NoiseWatch
from translate.models.base import ImageModel
from translate.training import distributed
from translate.training.material import Material

log = logging.getLogger("translate")


def open_images(config: ImageModel, data: Path, device: torch.device) -> Material:
    """Open the training images of `data`: a manifest, or a folder with train.jsonl (and eval.jsonl, for the watch).

    Raises:
        UserError: no manifest there, or it lacks a domain that the model needs.
    """
    path = data / "train.jsonl" if data.is_dir() else data
    if not path.exists():
        raise UserError(f"{path}: no such manifest; write one with `translate prepare CORPUS {data}`")
    entries = [entry for entry in read_manifest(path) if entry.split == "train"]
    if not entries:
        raise UserError(f"{path}: holds no entry of the split `train`")
    counts = Counter(entry.domain for entry in entries)
    log.info("%s: %s", path, ", ".join(f"{domain} {count}" for domain, count in counts.items()))
    sampler = make_sampler(config, entries, device, distributed.rank(), distributed.processes())
    if not config.translates:
        return Material(sampler, summarise(entries), NoiseWatch(config, device).make())
    held_out = path.with_name("eval.jsonl")
    shown = read_manifest(held_out) if held_out.exists() else entries
    return Material(sampler, summarise(entries), ImageWatch(config, shown, device).make())
