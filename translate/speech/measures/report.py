"""The evaluation of converted speech: from wave files to results.json, results.md and figures.

The columns of every table are in `translate.speech.measures.columns`: the unconverted source, systems that learned
nothing or next to nothing, the model, and what its vocoder can reach. `converted` is the mel-cepstra and F0 that the
model gave out, as in most of the literature; all others are waves, as a listener hears them.

More than two domains add matrices over all pairs; waves aligned sample by sample add the distances between them.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.files import replacing
from translate.speech.measures.baselines import keeps_timing, make_baselines
from translate.speech.measures.classifier import DomainClassifier
from translate.speech.measures.columns import order_columns
from translate.speech.measures.comparison import (
    PARALLEL,
    Utterance,
    average,
    average_pairs,
    compare_sets,
    measure_utterance,
    rounded,
)
from translate.speech.measures.listening import average_instruments, listen_to_all
from translate.speech.measures.matrices import arrange_matrices
from translate.speech.measures.mcd import VOCODED, Analysis, configure_analysis
from translate.speech.measures.protocol import describe_protocol
from translate.speech.measures.recordings import (
    Item,
    PairTask,
    analyse_all,
    collect_converted,
    compare_aligned,
    list_recordings,
)
from translate.speech.measures.tables import write_tables
from translate.speech.measures.trajectories import Trajectories
from translate.speech.measures.trajectory_pictures import draw_modulation, draw_variances

log = logging.getLogger("translate")

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
        training: natural training waves by domain. They fit the baselines and the domain classifier (with all domains
            given here); at most 500 of a domain are used.
        sample_rate: rate in Hz to which every wave is resampled.
        out: folder of the results, created if missing; the baselines' waves go to `out`/baselines.
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
    paths, most = list_recordings(tasks, used), max(VOCODED, dimensions)
    log.info("evaluation: analysing %d recordings", len(paths))
    whole = analyse_all(paths, sample_rate, most, jobs)
    trained = {domain: {path: whole[path].trimmed() for path in paths} for domain, paths in used.items()}
    analyses = {path: analysis.keep(dimensions) for path, analysis in whole.items()}
    items = [item for task in tasks for item in task.items]
    converted, without_features = collect_converted(items, analyses, sample_rate, dimensions)
    aligned = [task for task in tasks if keeps_timing(task.items, analyses)]
    config = configure_analysis(sample_rate, most)
    made = make_baselines(tasks, aligned, trained, config, Path(out) / "baselines", jobs)
    waves = list(dict.fromkeys(path for of_item in made.values() for path in of_item.values()))
    analyses |= analyse_all(waves, sample_rate, dimensions, jobs)

    natural = {domain: [one.keep(dimensions) for one in of.values()] for domain, of in trained.items()}
    classifier = DomainClassifier(_mceps(natural)) if len(natural) > 1 else None
    listening = listen_to_all(tasks, made, used, jobs) if listen else None

    pairs, sets = [], []
    everything: list[Utterance] = []
    for task in tasks:
        columns = [_collect_columns(item, made[item], converted, analyses) for item in task.items]
        targets = [None if item.target is None else analyses[item.target] for item in task.items]
        measured = Parallel(n_jobs=jobs)(map(delayed(measure_utterance), columns, targets))
        of_task = [
            Utterance(item.id, item.said, *of_item) for item, of_item in zip(task.items, measured, strict=True)
        ]
        cut = [target.trimmed() for target in targets if target is not None]
        measures, of_pair = compare_sets(of_task, cut, natural[task.target], task.target, classifier)
        sets.append(of_pair)
        scores = compare_aligned(task.items, made, analyses, sample_rate, jobs)
        for utterance, of_utterance in zip(of_task, scores or [], strict=False):
            utterance.scores.update(of_utterance)
        means = average(of_task, left_out=measures)
        heard = listening.measure_pair(task, of_task) if listening else {}
        unknown = {measure: dict.fromkeys(order_columns(columns[0])) for measure in PARALLEL}
        pairs.append(
            {
                "source": task.source,
                "target": task.target,
                "n": len(task.items),
                **(unknown | means),
                **measures,
                **heard,
                **({} if task.aliasing is None else {"aliasing": {"resynthesised": round(task.aliasing, 1)}}),
                "utterances": {
                    one.id: {"sentence": one.sentence, **{key: rounded(row) for key, row in one.scores.items()}}
                    for one in of_task
                },
            }
        )
        everything += of_task
    training_facts = {
        domain: {"used": len(used[domain]), "given": len(training[domain])} for domain in training
    }
    results: dict[str, Any] = {
        "protocol": describe_protocol(
            sample_rate,
            dimensions,
            (len(items), sum(not analyses[item.converted].fits(analyses[item.source]) for item in items)),
            training_facts,
            without_features,
            None if classifier is None else classifier.cross_validation,
            order_columns({column for of_item in made.values() for column in of_item}),
        ),
        "pairs": pairs,
        "overall": average_pairs(pairs, everything),
        "rtf": dict(rtf or {}),
    }
    if listening:
        results["protocol"]["instruments"] = listening.describe()
        results["overall"].update(average_instruments(pairs, everything))
    if len(used) > 2:
        results["matrices"] = arrange_matrices(list(used), pairs)
    with replacing(Path(out) / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_tables(Path(out) / "results.md", results)
    _draw(Path(out) / "pictures", sets, resynthesised=without_features is None)
    return results


def _collect_columns(
    item: Item, made: Mapping[str, Path], converted: Mapping[Path, Analysis], analyses: Mapping[Path, Analysis]
) -> dict[str, Analysis]:
    columns = {column: analyses[path] for column, path in made.items()}
    columns |= {"source": analyses[item.source], "converted": converted[item.converted]}
    columns["resynthesised"] = analyses[item.converted]
    if item.another is not None:
        columns["another_take"] = analyses[item.another]
    return columns


def _check(tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]]) -> None:
    if not tasks:
        raise UserError("evaluation: no pair of domains to evaluate")
    for task in tasks:
        if not task.items:
            raise UserError(f"evaluation: no converted utterance from `{task.source}` to `{task.target}`")
        for domain in (task.source, task.target):
            if not training.get(domain):
                raise UserError(
                    f"evaluation: no training wave of domain `{domain}`; the baselines need them"
                )


def _spread(paths: Sequence[Path]) -> list[Path]:
    """Select at most TRAINING_LIMIT of them, evenly spaced."""
    chosen = np.linspace(0, len(paths) - 1, min(len(paths), TRAINING_LIMIT)).round().astype(int)
    return [paths[i] for i in chosen]


def _draw(folder: Path, pairs: Sequence[Mapping[str, Trajectories]], resynthesised: bool) -> None:
    """Draw the trajectories, averaged over pairs; `resynthesised` if that column differs from `converted`."""
    drawn = {"natural", "source", "mean_variance", "linear", "scaled", "converted"}
    shown = [column for column in pairs[0] if column in drawn or (column == "resynthesised" and resynthesised)]
    sets = {column: Trajectories.average([of_pair[column] for of_pair in pairs]) for column in shown}
    draw_variances(folder / "gv.png", sets)
    draw_modulation(folder / "modulation.png", sets)


def _mceps(analyses: Mapping[str, Iterable[Analysis]]) -> dict[str, list[np.ndarray]]:
    return {domain: [a.mcep for a in of_domain] for domain, of_domain in analyses.items()}
