"""Measures of whole sets of images: domain accuracy, and distance to real images."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import to_uint8
from translate.images.conversion.entries import read_target
from translate.images.measures.baselines import Baselines, spread
from translate.images.measures.classifier import DomainClassifier, shrink_picture
from translate.images.measures.items import Task
from translate.images.measures.scores import Scores, collect_pictures
from translate.models.base import ImageModel

CLASSIFIED = 2000                                                   # images at most that fit the domain classifier

Rows = dict[str, dict[str, Any]]                                    # row -> "n" and measures


def fit_classifier(
    config: ImageModel,
    training: Sequence[Entry],
    read: Callable[[Sequence[Entry], ImageModel], list[np.ndarray]] | None = None,
) -> DomainClassifier:
    """Fit the classifier of the model's domains to at most 2,000 real training images.

    Args:
        config: configuration of the run.
        training: entries of real images.
        read: function that reads them; None: whole, as targets of a conversion.

    Raises:
        UserError: a domain without images.
    """
    domains = config.data.domains
    exclusive = not any(entry.attributes is not None for entry in training)
    if exclusive:
        of_domain = [[entry for entry in training if entry.domain == domain] for domain in domains]
        entries = [entry for found in of_domain for entry in spread(found, CLASSIFIED // len(domains))]
        labels = [[int(entry.domain == domain) for domain in domains] for entry in entries]
    else:
        entries = spread([entry for entry in training if entry.attributes is not None], CLASSIFIED)
        labels = [[(entry.attributes or {}).get(domain, -1) for domain in domains] for entry in entries]
    pictures = (read or _read_all)(entries, config)
    return DomainClassifier(pictures, domains, np.array(labels).reshape(-1, len(domains)), exclusive)


def add_domain_accuracy(
    rows: Rows,
    scores: Sequence[Scores],
    classifier: DomainClassifier,
    task: Task,
    real: Sequence[Entry],
    config: ImageModel,
) -> None:
    """Measure the domain accuracy of every row, and of real images of the domain, which get a row of their own."""
    for row, values in rows.items():
        small = [score.small[row] for score in scores if row in score.small]
        values["domain_accuracy"] = classifier.accuracy(small, task.target) if small else None
    if real:
        accuracy = classifier.accuracy(_read_all(spread(real), config), task.target)
        rows["real target"] = {"n": len(spread(real)), "domain_accuracy": accuracy}


def add_set_distances(rows: Rows, task: Task, real: Sequence[Entry], config: ImageModel) -> list[str]:
    """Measure KID and FID of the converted images and of the inputs; return notes on what could not be measured."""
    from translate.images.measures.deep import measure_fid, measure_kid

    def read_row(row: str) -> Iterator[np.ndarray]:
        return (collect_pictures(item, config, Baselines())[0][row] for item in task.items)

    if min(len(real), len(task.items)) < 2:
        return [f"KID and FID of {task.name}: fewer than two pictures"]
    for name, measure in (("kid", measure_kid), ("fid", measure_fid)):
        for row in ("converted", "input"):
            if row in rows:
                try:
                    rows[row][name] = measure(read_row(row), (to_uint8(read_target(entry, config)) for entry in real))
                except UserError as error:                          # KID and FID need the same weights
                    return [f"KID and FID: {str(error).partition(': ')[2]}"]
    return []


def _read_all(entries: Sequence[Entry], config: ImageModel) -> list[np.ndarray]:
    """Read real images at the classifier's size."""

    def read(entry: Entry) -> np.ndarray:
        return shrink_picture(to_uint8(read_target(entry, config)))

    return Parallel(-1, prefer="threads")(delayed(read)(entry) for entry in entries)
