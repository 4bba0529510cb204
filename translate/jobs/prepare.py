"""Making manifests of a folder of recordings or images, and features of recordings."""

import logging
from collections import Counter
from pathlib import Path

from translate.config import parse_overrides
from translate.corpus.manifest import check_entry, read_manifest, write_manifest
from translate.errors import UserError
from translate.jobs.modality import find_layout_owner, find_modality
from translate.models.settings import read_config
from translate.names import below

log = logging.getLogger("translate")


def prepare_corpus(
    corpus: Path,
    out: Path,
    domains: list[str] | None,
    train: list[str],
    evaluation: list[str] | None,
    kaldi_split: str,
    layout: str = "auto",
    dev: list[str] | None = None,
) -> None:
    """Write `out/<split>.jsonl` for train, dev and eval (a Kaldi folder: `kaldi_split`, and dev); see `Modality.scan`.

    A dev.jsonl of an earlier call goes where its sentences train now.
    """
    modality = find_modality(corpus) if layout == "auto" else find_layout_owner(layout)
    entries = modality.scan(corpus, domains, layout, train, evaluation, kaldi_split, dev)
    for entry in entries:                                           # before the first manifest is written
        check_entry(entry, entry.path)
    for split in dict.fromkeys(entry.split for entry in entries):
        chosen = [entry for entry in entries if entry.split == split]
        write_manifest(below(out, f"{split}.jsonl"), chosen)
        counts = Counter(entry.domain for entry in chosen)
        ids = sorted(entry.id for entry in chosen)
        known = ", ".join(f"{domain} {n}" for domain, n in counts.items())
        log.info("%s: %s, %s to %s", out / f"{split}.jsonl", known, ids[0], ids[-1])
    if not any(entry.split == "dev" for entry in entries):
        _drop_stale(out / "dev.jsonl", {entry.path for entry in entries if entry.split == "train"})


def extract_features(
    manifests: list[Path], out: Path, config: str | None, overrides: list[str], jobs: int, cluster: str
) -> None:
    """Extract the features that the configuration's `features` section describes, on the `cluster` of `extract`."""
    resolved = read_config(config, parse_overrides(overrides))
    entries = [entry for manifest in manifests for entry in read_manifest(manifest)]
    find_modality(resolved).extract(entries, resolved, out, jobs, cluster)


def _drop_stale(manifest: Path, training: set[Path]) -> None:
    """Remove a manifest that names a recording of `training`, or cannot be read."""
    if not manifest.exists():
        return
    try:
        stale = any(entry.path in training for entry in read_manifest(manifest))
    except UserError:
        stale = True
    if stale:
        manifest.unlink()
        log.info("%s: removed, it was of other splits", manifest)
