"""Measures of pictures that were made from noise, against real ones: distance of the sets, labels, memorising.

There is no source and no target to compare with, so a row measures a whole set of pictures:

    generated         what the model made
    real training     training pictures: the noise floor, what the measures give for a set of real pictures
"""

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy.spatial import cKDTree

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.files import load_arrays, replacing
from translate.images.arrays import convert_channels, read_image, resize, to_uint8
from translate.images.conversion.entries import read_target
from translate.images.generation.maker import LATENTS
from translate.images.measures.baselines import spread
from translate.images.measures.classifier import DomainClassifier, shrink_picture
from translate.images.measures.sets import CLASSIFIED, fit_classifier
from translate.images.measures.tables import write_results
from translate.models.base import ImageModel

THUMBNAIL = 8                                                       # pixels; features where there is no classifier
NUMBERED = re.compile(r"\d+\.png")                                  # a generated picture, not a sheet
TINY = 1e-12

log = logging.getLogger("translate")


def evaluate_generated(
    run: Path, config: ImageModel, evaluation: Sequence[Entry], training: Sequence[Entry]
) -> dict[str, Any]:
    """Measure `run/generated/<number>.png`, up to 2,000 of them, against the real pictures of `evaluation`.

    Args:
        run: folder of the run; results.json and results.md are written to it.
        config: configuration of the run; where `data.domains` names two or more, a classifier of them is fitted.
        evaluation, training: entries of real pictures.

    Returns:
        The content of results.json, with one task, see `translate.images.measures.report`.

    Raises:
        UserError: nothing generated, or fewer than two real pictures.
    """
    pictures, labels = read_generated(run / "generated")
    real, known = (spread(_choose(entries, config), CLASSIFIED) for entries in (evaluation, training))
    if min(len(real), len(known)) < 2:
        raise UserError(f"{run}: expected two or more real pictures in each manifest, found {len(real)}, {len(known)}")
    sets = {"generated": pictures, "real training": read_real(known, config)}
    truth, domains = read_real(real, config), config.data.domains
    notes: list[str] = []
    classifier: DomainClassifier | None = None
    try:
        if len(domains) > 1:
            classifier = fit_classifier(config, training, read_real)
    except UserError as error:
        notes.append(str(error))

    def describe(images: Sequence[np.ndarray]) -> np.ndarray:
        return classifier.describe(images) if classifier else shrink_to_vectors(images)

    features = {name: describe(images) for name, images in sets.items()}
    rows: dict[str, dict[str, Any]] = {name: {"n": len(images)} for name, images in sets.items()}
    for name, values in rows.items():
        values["frechet"] = measure_frechet(features[name], describe(truth))
    if classifier and classifier.exclusive:
        fractions = classifier.predict(sets["real training"]).mean(axis=0)
        of_training = np.array([domains.index(entry.domain) for entry in known])
        for name, wanted in (("generated", labels), ("real training", of_training)):
            found = classifier.predict(sets[name])
            rows[name]["class_divergence"] = measure_divergence(found.mean(axis=0), fractions)
            if wanted is not None:
                rows[name]["label_accuracy"] = float(found[np.arange(len(found)), wanted].mean())
    rows["generated"]["nearest"] = measure_nearest(pictures, sets["real training"], truth)
    results: dict[str, Any] = {
        "kind": "generated",
        "protocol": _describe_protocol(classifier, len(truth)),
        "notes": notes,
        "tasks": [{"name": "from noise", "rows": rows}],
        "overall": None,
    }
    with replacing(run / "results.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_results(run / "results.md", results)
    log.info("%s: %d pictures measured", run / "generated", len(pictures))
    return results


def read_generated(folder: Path) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Read up to 2,000 generated pictures, and the numbers of their labels, None where the model knows none.

    Raises:
        UserError: no pictures, or one without latent vector.
    """
    paths = sorted(path for path in folder.glob("*.png") if NUMBERED.fullmatch(path.name))
    if len(paths) < 2:
        command = f"translate generate {folder.parent} {folder} --count 1000"
        raise UserError(f"{folder}: expected two or more generated pictures; first run `{command}`")
    codes = load_arrays(folder / LATENTS)["labels"]
    if len(codes) != len(paths):
        raise UserError(f"{folder}: {len(paths)} pictures, but {len(codes)} latent vectors; generate them anew")
    labels = codes[:CLASSIFIED].argmax(axis=1) if codes.shape[1] else None
    return [shrink_picture(read_image(path)) for path in paths[:CLASSIFIED]], labels


def read_real(entries: Sequence[Entry], config: ImageModel) -> list[np.ndarray]:
    """Read the middle of real pictures, of the size and with the channels of what the model makes, as thumbnails.

    Pictures that are smaller stay as they are.
    """
    height, width = config.train.crop, round(config.train.crop * config.images.aspect)

    def read(entry: Entry) -> np.ndarray:
        picture = convert_channels(to_uint8(read_target(entry, config)), config.images.target_channels)
        top, left = max(0, (picture.shape[0] - height) // 2), max(0, (picture.shape[1] - width) // 2)
        return shrink_picture(picture[top : top + height, left : left + width])

    return Parallel(-1, prefer="threads")(delayed(read)(entry) for entry in entries)


def measure_frechet(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Measure the Fréchet distance of the Gaussians with the moments of two sets of features (N, F).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Heusel et al. 2017, eq. 6).
    """
    means = [features.mean(axis=0) for features in (ours, theirs)]
    first, second = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (ours, theirs))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    # The product S1 S2 has the eigenvalues of the symmetric root(S1) S2 root(S1).
    product = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(np.square(means[0] - means[1]).sum() + np.trace(first) + np.trace(second) - 2 * product)


def measure_divergence(found: np.ndarray, expected: np.ndarray) -> float:
    """Measure KL(found || expected) of fractions (K,) in nats; classes that are expected nowhere count 1e-12."""
    used = found > 0
    return float((found[used] * np.log(found[used] / np.maximum(expected[used], TINY))).sum())


def measure_nearest(
    pictures: Sequence[np.ndarray], training: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> float:
    """Measure the median distance to the nearest training picture, over that of unseen real pictures.

    Euclidean, of thumbnails; near 0 the model has memorised, 1 is as far as new pictures are.
    """
    known = cKDTree(shrink_to_vectors(training))
    ours, theirs = (np.median(known.query(shrink_to_vectors(one))[0]) for one in (pictures, truth))
    return float(ours / max(theirs, TINY))


def shrink_to_vectors(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Shrink pictures (H, W, C) to thumbnails of 8 x 8 pixels, as vectors (N, 64 C) in [0, 1]."""
    small = [resize(picture, (THUMBNAIL, THUMBNAIL)).ravel() for picture in pictures]
    return np.stack(small).astype(np.float64) / np.iinfo(pictures[0].dtype).max


def _choose(entries: Sequence[Entry], config: ImageModel) -> list[Entry]:
    """Return the entries that the model learns from: of its labels, or all."""
    domains = config.data.domains
    return [entry for entry in entries if not domains or entry.attributes is not None or entry.domain in domains]


def _describe_protocol(classifier: DomainClassifier | None, n: int) -> list[str]:
    lines = [f"Everything is measured against {n} real pictures that were not trained on"]
    if classifier is None:
        size = f"{THUMBNAIL} x {THUMBNAIL}"
        return [*lines, f"Features: the pixels of thumbnails of {size}, in [0, 1]; there are no labels"]
    held_out = "–" if classifier.held_out is None else f"{100 * classifier.held_out:.1f} %"
    return [
        *lines,
        "Features: the last convolution of a classifier of the labels, averaged over positions: four convolutions on "
        f"72 x 72 pixels, fitted on real training pictures; {held_out} right on {classifier.held_out_n} held-out ones",
    ]
