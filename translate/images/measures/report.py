"""The evaluation of an image model: from converted images to results.json, results.md and contact sheets.

Every table has the row `converted` and rows that need no network: `input`, the source as it is; `mean target`, the mean
of the training targets; for label maps as targets `constant class` and `nearest neighbour`; for super-resolution
`bicubic`. All are images and get the same measures, which depend on the kind of model:

    paired            distance to the target; for label maps also pixel accuracy and mean IoU
    unpaired          domain accuracy, change from the input; distance to the target where the corpus has pairs
    many domains      domain accuracy and change from the input, for every domain
    super-resolution  distance to the target, on luma as usual, and sharpness; for every test set
"""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.files import replacing
from translate.images.measures.baselines import learn_baselines
from translate.images.measures.classifier import DomainClassifier
from translate.images.measures.deep import Lpips
from translate.images.measures.distances import score_classes
from translate.images.measures.items import Task, belongs, explain_conversions
from translate.images.measures.scores import Scores, name_kind, score_item
from translate.images.measures.sets import Rows, add_domain_accuracy, add_set_distances, fit_classifier
from translate.images.measures.sheets import draw_sheets
from translate.images.measures.tables import format_headline, write_results
from translate.models.base import ImageModel

log = logging.getLogger("translate")


def evaluate_images(
    run: Path, config: ImageModel, evaluation: Sequence[Entry], training: Sequence[Entry], deep: bool = False
) -> dict[str, Any]:
    """Measure every `run/converted/<source>-<target>/<id>.png`; with many domains `all-<domain>/<id>.png`.

    Args:
        run: folder of the run; results.json, results.md and pictures/sheet_<source>-<target>.png are written to it.
        config: configuration of the run.
        evaluation: entries of the source images and, where there are any, of their targets.
        training: entries of real images, for the baselines and the domain classifier.
        deep: whether to measure LPIPS, KID and FID, whose networks are downloaded at first use.

    Returns:
        The content of results.json: {"kind", "protocol", "notes", "tasks", "overall"}; a task has "name", "source",
        "target", "set", "n", its "rows" (row -> "n" and the mean of every measure) and "images" (id -> row ->
        measure -> value). None means that there was nothing to measure.

    Raises:
        UserError: nothing converted, images that the manifests do not list, unreadable files.
    """
    evaluation = [entry for entry in evaluation if entry.split != "train"] or list(evaluation)
    tasks, kind = explain_conversions(run, config, evaluation), name_kind(config)
    notes: list[str] = []
    classifier, lpips = None, None
    try:
        if kind in ("unpaired", "domains"):
            classifier = fit_classifier(config, training)
        elif deep:
            lpips = Lpips()
    except UserError as error:                                      # everything else can be measured without it
        notes.append(str(error))
    results: dict[str, Any] = {"kind": kind, "protocol": [], "notes": notes, "tasks": [], "overall": None}
    resized = 0
    for task in tasks:
        baselines = learn_baselines(task, config, training)
        jobs = 1 if lpips else -1                                   # torchmetrics is not thread-safe
        scores: list[Scores] = Parallel(jobs, prefer="threads")(
            delayed(score_item)(item, config, baselines, lpips) for item in task.items
        )
        resized += sum(score.resized for score in scores)
        rows = average_rows(scores)
        real = [entry for entry in evaluation if belongs(entry, task.target)]
        if classifier:
            add_domain_accuracy(rows, scores, classifier, task, real, config)
        if deep and kind != "super-resolution":
            notes += add_set_distances(rows, task, real, config)
        if kind in ("paired", "super-resolution") and not any(item.target for item in task.items):
            notes.append(f"{task.name}: the manifest has no targets; see the sheets in pictures/")
        results["tasks"].append(_tell(task, rows, scores))
        log.info("%s: %d pictures measured", task.name, len(task.items))
    if kind == "domains" and len(tasks) > 1:
        results["overall"] = {"name": "mean over domains", "rows": _average_tasks(results["tasks"])}
    results["protocol"] = _describe(kind, tasks, classifier, resized)
    results["notes"] = list(dict.fromkeys(notes))                   # every task may add the same
    with replacing(run / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_results(run / "results.md", results)
    draw_sheets(run / "pictures", tasks, config)
    return results


def headline(results: dict[str, Any]) -> str:
    """Format the table of results.md for the terminal."""
    return format_headline(results)


def average_rows(scores: Sequence[Scores]) -> Rows:
    """Average over images: row -> "n" and measures; "n" counts the images with a target where any has one."""
    collected: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counts: dict[str, int] = defaultdict(int)
    for score in scores:
        for row, values in score.values.items():
            counts[row] += 1
            for measure, value in values.items():
                collected[row][measure] += [] if value is None else [value]
    rows: Rows = {}
    for row, count in counts.items():
        means = {measure: float(np.mean(v)) if v else None for measure, v in collected[row].items()}
        rows[row] = {"n": max([len(v) for v in collected[row].values()], default=count), **means}
        confusions = [score.confusions[row] for score in scores if row in score.confusions]
        if confusions:
            rows[row]["pixel_accuracy"], rows[row]["mean_iou"] = score_classes(np.sum(confusions, axis=0))
    return rows


def _tell(task: Task, rows: Rows, scores: Sequence[Scores]) -> dict[str, Any]:
    """Return the content of results.json about a task."""
    images = {item.id: score.values for item, score in zip(task.items, scores, strict=True)}
    return {
        "name": task.name,
        "source": task.source,
        "target": task.target,
        "set": task.set,
        "n": len(task.items),
        "rows": {row: _round(values) for row, values in rows.items()},
        "images": {id: {row: _round(values) for row, values in of_rows.items()} for id, of_rows in images.items()},
    }


def _average_tasks(tasks: Sequence[Mapping[str, Any]]) -> Rows:
    """Average over tasks with equal weights; "n" is the total number of images."""
    rows: Rows = {}
    for row in dict.fromkeys(row for task in tasks for row in task["rows"]):
        found = [task["rows"][row] for task in tasks if row in task["rows"]]
        means: dict[str, Any] = {"n": sum(values["n"] for values in found)}
        for measure in found[0].keys() - {"n"}:
            known = [values[measure] for values in found if values.get(measure) is not None]
            means[measure] = float(np.mean(known)) if known else None
        rows[row] = _round(means)
    return rows


def _describe(kind: str, tasks: Sequence[Task], classifier: DomainClassifier | None, resized: int) -> list[str]:
    """Return the facts about this evaluation for its protocol."""
    without = sum(item.target is None for task in tasks for item in task.items)
    pictures = sum(len(task.items) for task in tasks)
    lines = [f"Pictures: {pictures} converted, 8 bits as written; values are means over pictures"]
    if without and (without < pictures or kind == "paired"):
        lines.append(f"Targets: {pictures - without} of {pictures} pictures have one in the manifest")
    if resized:
        lines.append(f"Sizes: {resized} targets were resized (bicubic) to the converted picture's size")
    if classifier:
        held_out = "not tested"
        if classifier.held_out is not None:
            held_out = f"{100 * classifier.held_out:.1f} % right on {classifier.held_out_n} held-out ones"
        kind = "exclusive domains" if classifier.exclusive else "attributes, each decided by itself"
        lines.append(
            f"Domain classifier: four convolutions on 72 x 72 pixels, fitted on real training pictures of "
            f"{', '.join(classifier.domains)} ({kind}); {held_out}. High accuracy is necessary, not sufficient"
        )
    if any(task.source == "all" for task in tasks):
        lines.append("Pictures of the target domain, or with all of its attributes, were left out of its rows")
    return lines


def _round(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()}
