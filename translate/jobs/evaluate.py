"""Measure the conversions of a run; its modality does the work."""

from pathlib import Path
from typing import Any

from translate.checkpoints.store import find_run_config
from translate.errors import UserError
from translate.jobs.modality import MODALITIES, Modality, find_modality
from translate.jobs.options import read_evaluation
from translate.models.base import Model


def evaluate_run(run: Path, evaluation: Path, training: Path, jobs: int = -1, **options: Any) -> dict[str, Any]:
    """Measure the conversions in `run`/converted, and write results.md, results.json and images into `run`.

    Args:
        run: folder of the run.
        evaluation: manifest of the natural recordings or images.
        training: manifest of natural training data.
        jobs: number of processes; -1: one per core.
        options: options of the modality, see `translate.speech.options` and `translate.images.options`.

    Returns:
        The results, as in `run`/results.json.

    Raises:
        UserError: no such run, nothing converted, files that the manifests do not list, an option that the modality
            lacks.
    """
    config, modality = _find(run)
    return modality.evaluate(run, config, evaluation, training, read_evaluation(modality, options, run), jobs)


def evaluate_and_format(run: Path, evaluation: Path, training: Path, jobs: int = -1, **options: Any) -> str:
    """Call `evaluate_run`; return the headline of the results as a table for the terminal."""
    results = evaluate_run(run, evaluation, training, jobs, **options)
    return _find(run)[1].tabulate(results)


def _find(run: Path) -> tuple[Model | None, Modality]:
    """Return the configuration of a run, None where it has no checkpoint here, and its modality."""
    if not run.exists():
        raise UserError(f"{run}: no such checkpoint")
    config = find_run_config(run)
    if config is not None:
        return config, find_modality(config)
    converted = run / "converted"
    return None, find_modality(converted if converted.exists() else next(iter(MODALITIES)))
