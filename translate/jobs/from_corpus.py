"""From a folder of recordings or images to a trained and evaluated run, in one call."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from translate.corpus.manifest import read_manifest
from translate.errors import UserError
from translate.jobs.convert import convert_every_direction
from translate.jobs.evaluate import evaluate_run
from translate.jobs.generate import generate_files
from translate.jobs.load import load
from translate.jobs.modality import find_modality
from translate.jobs.prepare import prepare_corpus
from translate.jobs.train import train_system
from translate.models.settings import read_config

GENERATED = 1000                                                    # samples that are made to be measured

log = logging.getLogger("translate")


def train_from(
    data: Path,
    out: Path,
    file: str | None,
    overrides: dict[str, Any],
    domains: Sequence[str] | None,
    layout: str = "auto",
    jobs: int = -1,
) -> Path:
    """Train on a corpus, or on prepared data; resume where a run was cut.

    Args:
        data: corpus, whose manifests go to `out`/data and features to `out`/features; or as for `train_system`.
        out: folder of the run.
        file, overrides: YAML file and overrides of the configuration, see `read_config`.
        domains: source and target, or all of many; None: as configured, else all of the corpus.
        layout: layout of images.
        jobs: number of processes of the extraction.

    Returns:
        The last checkpoint.

    Raises:
        UserError: no such folder, unfit data; or as `train_system`.
    """
    if not data.exists():
        raise UserError(f"{data}: no such folder of recordings or pictures")
    names = list(domains) if domains else None
    config = read_config(file, overrides, names)
    if data.is_dir() and not (data / "train.jsonl").exists() and not any(data.glob("*.json")):
        manifests = out / "data"
        prepare_corpus(data, manifests, names or config.data.domains or None, ["*"], None, "train", layout)
        entries = [entry for path in sorted(manifests.glob("*.jsonl")) for entry in read_manifest(path)]
        known = list(dict.fromkeys(entry.domain for entry in entries))
        config = read_config(file, overrides, names or config.data.domains or known)
        data = manifests
        if (modality := find_modality(config)).material == "features":
            data = out / "features"
            modality.extract(entries, config, data, jobs, "processes")
    return train_system(config, data, out)


def convert_and_evaluate(run: Path, evaluation: Path | None, training: Path | None, jobs: int = -1) -> dict[str, Any]:
    """Convert the entries of `evaluation` in every direction of a run, and measure the result.

    A model of noise makes `GENERATED` samples instead.

    Args:
        run: folder of the run; converted/ or generated/, results.md, results.json and pictures/ are written to it.
        evaluation, training: manifests; None: those of `train_from`.
        jobs: number of processes.

    Returns:
        The content of results.json.

    Raises:
        UserError: no such run or manifest; or as the two steps.
    """
    evaluation, training = evaluation or run / "data" / "eval.jsonl", training or run / "data" / "train.jsonl"
    for manifest in (evaluation, training):
        if not manifest.exists():
            raise UserError(f"{manifest}: no such manifest; `translate prepare` writes them")
    model = load(run)
    modality = find_modality(model.config)
    if not model.config.translates:
        generate_files(run, run / "generated", count=GENERATED)
        return evaluate_run(run, evaluation, training, jobs=jobs)
    convert_every_direction(model, modality, evaluation, run / "converted", modality.measured)
    return evaluate_run(run, evaluation, training, jobs=jobs)
