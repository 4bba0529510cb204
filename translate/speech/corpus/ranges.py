"""The range of F0 of every domain of a corpus: a quick first analysis, around whose median the second one searches.

Octave errors are outside of it. A voice that reaches from 110 to 440 Hz cannot be taken for one an octave below.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from translate.config import FeatureConfig, WorldConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.f0 import Range, find_range, survey_f0
from translate.speech.analysis.statistics import is_range
from translate.speech.analysis.wave import check_wave, read_wave
from translate.speech.corpus.cluster import work

log = logging.getLogger("translate")

SURVEYED = 20                                                       # recordings of a domain that tell its range


def read_ranges(folder: Path) -> dict[str, Range]:
    """Read the lowest and highest F0 in Hz by domain; empty where there are none, or the file is damaged."""
    try:
        content = json.loads((folder / "ranges.json").read_text(encoding="utf-8"))
        found = {domain: (float(low), float(high)) for domain, (low, high) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        return {}
    return {domain: one for domain, one in found.items() if is_range(*one)}


def find_ranges(
    entries: Sequence[Entry], config: FeatureConfig, out: Path, jobs: int, cluster: str
) -> dict[str, Range]:
    """Find the range of every domain from some of its recordings and keep it in `out`; one kept before stays.

    Recordings that cannot be read are left to the extraction, which reports them. Features without F0 have no range.
    """
    if not isinstance(config, WorldConfig):
        return {}
    known = read_ranges(out)
    paths: dict[str, list[Path]] = {}
    for entry in entries:
        if entry.domain not in known:
            paths.setdefault(entry.domain, []).append(entry.path)
    chosen = {domain: of_domain[:: -(-len(of_domain) // SURVEYED)] for domain, of_domain in paths.items()}
    tasks = [(domain, path, config) for domain, of_domain in chosen.items() for path in of_domain]
    heard: dict[str, list[np.ndarray]] = {domain: [] for domain in paths}
    for domain, f0 in work(_survey, tasks, jobs, cluster) if tasks else ():
        heard[domain].append(f0)
    for domain, tracks in heard.items():
        if found := find_range(np.concatenate(tracks), config):
            known[domain] = found
            log.info("%s: F0 is estimated from %g to %g Hz", domain, *found)
    if heard:
        with replacing(out / "ranges.json") as temporary:
            temporary.write_text(json.dumps(dict(sorted(known.items())), ensure_ascii=False) + "\n", encoding="utf-8")
    return known


def _survey(domain: str, path: Path, config: WorldConfig) -> tuple[str, np.ndarray]:
    try:
        wave, rate = read_wave(path, config.sample_rate)
        check_wave(wave, rate, path)
        return domain, survey_f0(wave, rate, config)
    except UserError:
        return domain, np.zeros(0)
