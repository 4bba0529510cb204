"""Evaluate what a run converted: speech or pictures, as its checkpoint says."""

from pathlib import Path
from typing import Any

from translate.checkpoints.store import find_run_config
from translate.images.evaluate import evaluate_pictures
from translate.images.measures.report import headline
from translate.models.base import Model
from translate.speech.evaluate import evaluate_run as evaluate_recordings
from translate.speech.measures.tables import format_table


def evaluate_run(
    run: Path,
    evaluation: Path,
    training: Path,
    sample_rate: int | None = None,
    dimensions: int = 24,
    deep: bool = False,
    jobs: int = -1,
) -> dict[str, Any]:
    """Measure what lies in `run`/converted; see `evaluate_recordings` and `evaluate_pictures`."""
    config = _find_image_config(run)
    if config:
        return evaluate_pictures(run, config, evaluation, training, deep)
    return evaluate_recordings(run, evaluation, training, sample_rate, dimensions, jobs)


def evaluate_and_format(run: Path, *arguments: Any) -> str:
    """`evaluate_run`, and its headline as a table for the terminal."""
    results = evaluate_run(run, *arguments)
    return headline(results) if _find_image_config(run) else format_table(results)


def _find_image_config(run: Path) -> Model | None:
    """The configuration of a run on pictures."""
    config = find_run_config(run)
    return config if hasattr(config, "images") else None
