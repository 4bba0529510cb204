"""The evaluation of converted speech: from wave files to results.json, results.md and figures.

Every measure has four columns:

    source         the unconverted source
    mean_variance  the trivial converter: the source's mel-cepstra with the target's mean and variance, and the
                   log-Gaussian F0 transform; nothing learned and nothing resynthesised
    converted      the mel-cepstra and F0 that the model gave out; comparable with the trivial converter and with the
                   literature
    resynthesised  the model's waves analysed again, as a listener hears them; the vocoder alone costs some tenths of a
                   dB here

More than two domains add matrices over all pairs; waves aligned sample by sample add the distances between them.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.files import replacing
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.measures.classifier import DomainClassifier
from translate.speech.measures.comparison import (
    average,
    average_pairs,
    average_waves,
    compare_sets,
    measure_utterance,
    rounded,
)
from translate.speech.measures.listening import average_instruments, listen_to_all
from translate.speech.measures.matrices import arrange_matrices
from translate.speech.measures.mcd import Analysis
from translate.speech.measures.protocol import describe_protocol
from translate.speech.measures.recordings import PairTask, analyse_all, collect_converted, compare_aligned
from translate.speech.measures.tables import write_tables
from translate.speech.measures.trajectories import Trajectories
from translate.speech.measures.trajectory_pictures import draw_modulation, draw_variances

TRAINING_LIMIT = 500                                                # utterances per domain, evenly spaced


def evaluate_speech(
    tasks: Sequence[PairTask],
    training: Mapping[str, Sequence[Path]],
    sample_rate: int,
    *,
    out: str | os.PathLike[str],
    dimensions: int = 24,
    rtf: Mapping[str, float] | None = None,
    jobs: int = -1,
    listen: bool = False,
) -> dict[str, Any]:
    """Measure converted speech against natural speech.

    Writes `out`/results.json, `out`/results.md, `out`/pictures/gv.png and `out`/pictures/modulation.png.

    `converted` is measured on the features of the items if every item has them with the evaluation's hop (5 ms) and
    rate, and with enough dimensions. Otherwise it is measured on the waves analysed again, for all items, and the
    protocol gives the reason.

    Args:
        tasks: one per (source, target); every distinct file is analysed once.
        training: natural training waves by domain. They give the statistics of the trivial converter and fit the
            domain classifier (with all domains given here); at most 500 of a domain are used.
        sample_rate: rate in Hz to which every wave is resampled.
        out: folder of the results, created if missing.
        dimensions: D of the mel-cepstra, without c0.
        rtf: processing time over audio time by stage, copied to the report.
        jobs: number of processes; -1: one per core.
        listen: also let the listening instruments hear every wave; their packages must be installed.

    Returns:
        The content of results.json: {"protocol", "pairs", "overall", "rtf"}, and "matrices" for more than two domains.
        None stands where a measure has nothing to measure (no parallel target, no voiced frame, the interval of a
        single utterance).

    Raises:
        UserError: nothing to evaluate, a domain without training waves, or unusable files (named).
    """
    _check(tasks, training)
    used = {domain: _spread(paths) for domain, paths in training.items()}
    analyses = analyse_all(tasks, used, sample_rate, dimensions, jobs)
    items = [item for task in tasks for item in task.items]
    converted, without_features = collect_converted(items, analyses, sample_rate, dimensions)
    natural = {domain: [analyses[path].trimmed() for path in paths] for domain, paths in used.items()}
    statistics = {domain: _statistics(of_domain) for domain, of_domain in natural.items()}
    classifier = DomainClassifier(_mceps(natural)) if len(natural) > 1 else None

    listening = listen_to_all(tasks, used, jobs) if listen else None

    pairs, rows, sets, rows_heard = [], [], [], []
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
        measures, of_pair = compare_sets(columns, targets, natural[task.target], task.target, classifier)
        sets.append(of_pair)
        heard, of_heard = listening.measure_pair(task) if listening else ({}, [])
        rows_heard += of_heard
        waves = compare_aligned(task.items, analyses, sample_rate, jobs)
        pairs.append(
            {
                "source": task.source,
                "target": task.target,
                "n": len(task.items),
                **average(scores),
                **measures,
                **(average_waves(waves) if waves else {}),
                **heard,
                **({} if task.aliasing is None else {"aliasing": {"converted": round(task.aliasing, 1)}}),
                "mcd_by_utterance": {
                    item.id: rounded(s["mcd"]) for item, s in zip(task.items, scores, strict=True)
                },
            }
        )
    training_facts = {
        domain: {"used": len(used[domain]), "given": len(training[domain])} for domain in training
    }
    results: dict[str, Any] = {
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
    if listening:
        results["protocol"]["instruments"] = listening.describe()
        results["overall"].update(average_instruments(pairs, rows_heard))
    if len(used) > 2:
        results["matrices"] = arrange_matrices(list(used), pairs)
    with replacing(Path(out) / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_tables(Path(out) / "results.md", results)
    _draw(Path(out) / "pictures", sets, resynthesised=without_features is None)
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
    """Select at most TRAINING_LIMIT of them, evenly spaced."""
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), TRAINING_LIMIT)).round().astype(int)
    return [paths[i] for i in chosen]


def _draw(folder: Path, pairs: Sequence[Mapping[str, Trajectories]], resynthesised: bool) -> None:
    """Draw the trajectories, averaged over pairs; `resynthesised` if that column differs from `converted`."""
    shown = [column for column in pairs[0] if column != "resynthesised" or resynthesised]
    sets = {column: Trajectories.average([of_pair[column] for of_pair in pairs]) for column in shown}
    draw_variances(folder / "gv.png", sets)
    draw_modulation(folder / "modulation.png", sets)


def _statistics(analyses: Sequence[Analysis]) -> Statistics:
    total = np.sum([moments(a.mcep, a.f0) for a in analyses], axis=0)
    return Statistics.from_moments(total, analyses[0].mcep.shape[1])


def _mceps(analyses: Mapping[str, Iterable[Analysis]]) -> dict[str, list[np.ndarray]]:
    return {domain: [a.mcep for a in of_domain] for domain, of_domain in analyses.items()}
