"""The evaluation of a speech system: from wave files to results.json and results.md.

Four columns stand in every measure. `source`: the unconverted source. `mean_variance`: the trivial
converter, the source's mel-cepstra with the target's mean and variance and the log-Gaussian F0 transform,
nothing learned and nothing resynthesised. `converted`: the mel-cepstra and F0 that the system put out, which
compare with the trivial converter's and with the literature's. `resynthesised`: the system's waves analysed
again, what the listener hears; a vocoder alone costs some tenths of a dB here.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.evaluation.classifier import DomainClassifier
from translate.evaluation.comparison import average, average_pairs, compare_sets, measure_utterance, rounded
from translate.evaluation.converted import ConvertedFeatures, load_features
from translate.evaluation.speech import Analysis, analyse_for_evaluation
from translate.evaluation.tables import describe_protocol, write_tables
from translate.features.statistics import Statistics, moments
from translate.features.wave import replacing

log = logging.getLogger("translate")

TRAINING_LIMIT = 500                                                # utterances per domain, evenly spaced
NAMED = 5                                                           # bad files named in one error


@dataclass(frozen=True)
class Item:
    """One converted utterance."""

    id: str
    source: Path                                                    # wave before conversion
    target: Path | None                                             # the same sentence by the target
    converted: Path                                                 # wave after conversion
    features: Path | None = None                                    # of `translate convert --features`


@dataclass(frozen=True)
class PairTask:
    """Everything converted from one domain to another."""

    source: str
    target: str
    items: Sequence[Item]


def evaluate_speech(
    tasks: Sequence[PairTask],
    training: Mapping[str, Sequence[Path]],
    sample_rate: int,
    *,
    out: str | os.PathLike[str],
    dimensions: int = 24,
    rtf: Mapping[str, float] | None = None,
    jobs: int = -1,
) -> dict[str, Any]:
    """Measure converted speech against natural one and write `out`/results.json and `out`/results.md.

    The features of the items are measured where every item has them, with the evaluation's hop (5 ms), rate and
    number of dimensions at least. Otherwise `converted` is of the waves analysed again, for all items alike, and
    the protocol says why.

    Args:
        tasks: one per (source, target); every distinct file is analysed once.
        training: domain -> natural training waves. They give the statistics of the trivial converter and fit
            the domain classifier (all domains named here take part); at most 500 of a domain are used.
        sample_rate: Hz; every wave is resampled to it.
        out: folder of the results, made when missing.
        dimensions: D of the mel-cepstra, without c0.
        rtf: stage -> processing time over audio time, passed through to the report.
        jobs: processes; -1: one per core.

    Returns:
        What results.json holds: {"protocol", "pairs", "overall", "rtf"}; None stands where a measure has
        nothing to measure (no parallel target, no voiced frame, the interval of a single utterance).

    Raises:
        UserError: nothing to evaluate, a domain without training waves, or unusable files (named).
    """
    _check(tasks, training)
    used = {domain: _spread(paths) for domain, paths in training.items()}
    analyses = _analyse_all(_files(tasks, used), sample_rate, dimensions, jobs)
    items = [item for task in tasks for item in task.items]
    converted, without_features = _collect_converted(items, analyses, sample_rate, dimensions)
    natural = {domain: [analyses[path].trimmed() for path in paths] for domain, paths in used.items()}
    statistics = {domain: _statistics(of_domain) for domain, of_domain in natural.items()}
    classifier = DomainClassifier(_mceps(natural)) if len(natural) > 1 else None

    pairs, rows = [], []
    for task in tasks:
        utterances = Parallel(n_jobs=jobs)(
            delayed(measure_utterance)(
                analyses[item.source],
                None if item.target is None else analyses[item.target],
                converted[item.converted],
                analyses[item.converted],
                statistics[task.source],
                statistics[task.target],
            )
            for item in task.items
        )
        scores, columns = [u[0] for u in utterances], [u[1] for u in utterances]
        rows += scores
        targets = [analyses[item.target].trimmed() for item in task.items if item.target is not None]
        pairs.append(
            {
                "source": task.source,
                "target": task.target,
                "n": len(task.items),
                **average(scores),
                **compare_sets(columns, targets, natural[task.target], task.target, classifier),
                "mcd_by_utterance": {
                    item.id: rounded(s["mcd"]) for item, s in zip(task.items, scores, strict=True)
                },
            }
        )
    training_facts = {
        domain: {"used": len(used[domain]), "given": len(training[domain])} for domain in training
    }
    results = {
        "protocol": describe_protocol(
            sample_rate,
            dimensions,
            len(items),
            training_facts,
            without_features,
            None if classifier is None else classifier.cross_validation,
        ),
        "pairs": pairs,
        "overall": average_pairs(pairs, rows),
        "rtf": dict(rtf or {}),
    }
    with replacing(Path(out) / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_tables(Path(out) / "results.md", results)
    return results


def _check(tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]]) -> None:
    if not tasks:
        raise UserError("evaluation: no pair of domains to evaluate")
    for task in tasks:
        if not task.items:
            raise UserError(f"evaluation: no converted utterance from `{task.source}` to `{task.target}`")
        for domain in (task.source, task.target):
            if not training.get(domain):
                raise UserError(
                    f"evaluation: no training wave of domain `{domain}`; the trivial converter needs them"
                )


def _spread(paths: Sequence[Path]) -> list[Path]:
    """At most TRAINING_LIMIT of them, evenly spaced."""
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), TRAINING_LIMIT)).round().astype(int)
    return [paths[i] for i in chosen]


def _files(tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Every distinct file, in the order of first use."""
    items = [item for task in tasks for item in task.items]
    used = [path for item in items for path in (item.source, item.target, item.converted) if path is not None]
    return list(dict.fromkeys([*used, *(path for paths in training.values() for path in paths)]))


def _analyse_all(paths: Sequence[Path], sample_rate: int, dimensions: int, jobs: int) -> dict[Path, Analysis]:
    log.info("evaluation: analysing %d recordings", len(paths))
    results = Parallel(n_jobs=jobs)(delayed(_analyse)(path, sample_rate, dimensions) for path in paths)
    bad = [result for result in results if isinstance(result, str)]
    if bad:
        more = f" (and {len(bad) - NAMED} more files)" if len(bad) > NAMED else ""
        raise UserError("; ".join(bad[:NAMED]) + more)
    return dict(zip(paths, results, strict=True))


def _analyse(path: Path, sample_rate: int, dimensions: int) -> Analysis | str:
    try:
        return analyse_for_evaluation(path, sample_rate, dimensions)
    except UserError as error:
        return str(error)


def _collect_converted(
    items: Sequence[Item], analyses: Mapping[Path, Analysis], sample_rate: int, dimensions: int
) -> tuple[dict[Path, Analysis], str | None]:
    """What the systems put out, by wave; of the waves, and why, where one item lacks usable features.

    A column never mixes the two readings.
    """
    converted = {}
    for item in items:
        if item.features is None:
            reason: str | None = f"there are no features beside {item.converted.name}"
        else:
            features = load_features(item.features)
            reason = features.why_unusable(item.converted, sample_rate, dimensions)
        if reason:
            log.warning("evaluation: `converted` is measured on the waves analysed again: %s", reason)
            return {item.converted: analyses[item.converted] for item in items}, reason
        converted[item.converted] = _beside_source(features, item, analyses[item.source])
    return converted, None


def _beside_source(features: ConvertedFeatures, item: Item, source: Analysis) -> Analysis:
    """The features at the levels of their source: conversion keeps the timing."""
    if len(features.f0) != len(source):
        raise UserError(
            f"{item.features}: {len(features.f0)} frames, but {item.source} has {len(source)}; convert it again"
        )
    mcep = features.mcep[:, : source.mcep.shape[1]].astype(np.float64)
    return Analysis(mcep, features.f0.astype(np.float64), source.level)


def _statistics(analyses: Iterable[Analysis]) -> Statistics:
    return Statistics.from_moments(np.sum([moments(a.mcep, a.f0) for a in analyses], axis=0))


def _mceps(analyses: Mapping[str, Iterable[Analysis]]) -> dict[str, list[np.ndarray]]:
    return {domain: [a.mcep for a in of_domain] for domain, of_domain in analyses.items()}
