"""Train a model, of any modality."""

import logging
from pathlib import Path

import torch

from translate.checkpoints.steps import find_latest
from translate.checkpoints.store import start_from
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.games.base import Game
from translate.jobs.modality import find_modality
from translate.models import build
from translate.models.base import Model
from translate.training import distributed
from translate.training.trainer import check_batch_size, train

log = logging.getLogger("translate")

def train_system(config: Model, data: Path, out: Path) -> Path:
    """Train `config.model` on the "train" split of `data`; resume where a run in `out` was cut.

    Args:
        config: resolved configuration; `data.domains` names source and target, or all domains of a model of many
            domains.
        data: for speech, the folder written by `translate extract`; for images, a folder with train.jsonl, or a
            manifest.
        out: folder of the run.

    Returns:
        The last checkpoint.

    Raises:
        UserError: the data are missing, unfit or lack a domain; also as `train`.
    """
    device = distributed.pick_device(config.train.device)
    distributed.start(device)
    try:
        options = config.train
        check_batch_size(options.batch_size, options.accumulate)
        parts = distributed.processes() * options.accumulate
        if Directions.of(config).many and options.batch_size < 2 * parts:
            raise UserError(
                f"train.batch_size is {options.batch_size}: expected 2 or more per process and micro-batch; the "
                "domains that a sample is translated to are those of its batch"
            )
        material = find_modality(config).open(config, data, device)
        translator = make_translator(config, out, device)
        if material.fit is not None:
            translator.prepare(material.fit)
        return train(translator, config, material.sampler, material.statistics, out, material.watch)
    finally:
        distributed.stop()


def make_translator(config: Model, out: Path, device: torch.device) -> Game:
    """Make the game of a run, with fresh weights by its seed, or those that `train.start_from` names."""
    torch.manual_seed(config.train.seed)
    translator = build(config).to(device)
    begun = find_latest(out) or (out / "latest").is_symlink()       # then its own weights are loaded later
    if config.train.start_from and not begun:
        count = start_from(config.train.start_from, translator)
        whole = len(translator.state_dict())
        log.info("%s: starts with %d of its %d tensors from %s", out, count, whole, config.train.start_from)
    return translator
