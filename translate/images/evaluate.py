"""Evaluate the converted images of a run."""

from pathlib import Path
from typing import Any

from translate.corpus.manifest import read_manifest
from translate.errors import UserError
from translate.images.measures.generated import evaluate_generated
from translate.images.measures.report import evaluate_images
from translate.models.base import ImageModel
from translate.training.curves import draw_losses


def evaluate_pictures(
    run: Path, config: ImageModel, evaluation: Path, training: Path, deep: bool = False
) -> dict[str, Any]:
    """Measure every `run/converted/<source>-<target>/<id>.png`; write results, tables and sheets into `run`.

    Args:
        run: folder of the run.
        config: configuration of its checkpoint.
        evaluation: manifest of the source images and, where there are any, of their targets.
        training: manifest of real images, for the mean target and the classifier.
        deep: whether to measure LPIPS, FID and KID, whose networks are downloaded at first use.

    Returns:
        The results, as in `run`/results.json.

    Raises:
        UserError: nothing converted, or images that the manifests do not list.
    """
    if not any((run / "converted").glob("*-*/**/*.png")):
        out = run / "converted" / "<source>-<target>"
        command = f"translate convert {run} {evaluation} {out} --from <source> --to <target>"
        raise UserError(f"{run / 'converted'}: no picture in <source>-<target>; first run `{command}`")
    results = evaluate_images(run, config, read_manifest(evaluation), read_manifest(training), deep)
    if (run / "log.jsonl").exists():
        draw_losses(run / "pictures" / "losses.png", run / "log.jsonl")
    return results


def evaluate_noise(
    run: Path, config: ImageModel, evaluation: Path, training: Path, deep: bool = False
) -> dict[str, Any]:
    """Measure every `run/generated/<number>.png` of a model of noise; write results and tables into `run`.

    Args:
        run: folder of the run.
        config: configuration of its checkpoint.
        evaluation, training: manifests of real images.
        deep: not for these models yet.

    Returns:
        The results, as in `run`/results.json.

    Raises:
        UserError: nothing generated, or `deep`.
    """
    if deep:
        raise UserError("--deep: pictures from noise are measured by a classifier of their labels; leave it out")
    results = evaluate_generated(run, config, read_manifest(evaluation), read_manifest(training))
    if (run / "log.jsonl").exists():
        draw_losses(run / "pictures" / "losses.png", run / "log.jsonl")
    return results
