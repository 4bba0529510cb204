"""From a folder of recordings or pictures to manifests, and from recordings to features."""

import logging
from collections import Counter
from pathlib import Path

from translate.config import parse_overrides
from translate.corpus.manifest import check_entry, import_kaldi, read_manifest, scan_folders, write_manifest
from translate.errors import UserError
from translate.images.corpus.layouts import find_layout, scan_images
from translate.jobs.doctor import holds_images
from translate.models.settings import read_config
from translate.names import below
from translate.speech.corpus.features import extract

log = logging.getLogger("translate")


def prepare_corpus(
    corpus: Path,
    out: Path,
    domains: list[str] | None,
    train: list[str],
    evaluation: list[str] | None,
    kaldi_split: str,
    layout: str = "auto",
) -> None:
    """Write `out/train.jsonl` and `out/eval.jsonl` (a Kaldi folder: `out/<kaldi_split>.jsonl`), see `scan_folders`."""
    if (corpus / "wav.scp").exists():
        entries = import_kaldi(corpus, kaldi_split)
    elif layout != "auto" or holds_images(corpus):
        if layout == "auto":
            layout = find_layout(corpus)
            log.info("%s: looks like the layout `%s` (another: --layout)", corpus, layout)
        entries = scan_images(corpus, layout, domains)
    else:
        entries = scan_folders(corpus, domains, train, evaluation)
    for entry in entries:                                           # before the first of the manifests is written
        check_entry(entry, entry.path)
    for split in dict.fromkeys(entry.split for entry in entries):
        chosen = [entry for entry in entries if entry.split == split]
        write_manifest(below(out, f"{split}.jsonl"), chosen)
        counts = Counter(entry.domain for entry in chosen)
        ids = sorted(entry.id for entry in chosen)
        known = ", ".join(f"{domain} {n}" for domain, n in counts.items())
        log.info("%s: %s, %s to %s", out / f"{split}.jsonl", known, ids[0], ids[-1])


def extract_features(
    manifests: list[Path], out: Path, config: str | None, overrides: list[str], jobs: int, cluster: str
) -> None:
    """Extract the features that the configuration's `features` section describes, on the `cluster` of `extract`."""
    resolved = read_config(config, parse_overrides(overrides))
    entries = [entry for manifest in manifests for entry in read_manifest(manifest)]
    if not hasattr(resolved, "features"):
        raise UserError(f"{config}: the model `{resolved.model}` has no `features` to extract")
    extract(entries, resolved.features, out, jobs, cluster=cluster)
