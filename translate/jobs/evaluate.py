"""Evaluate what a run converted: speech or pictures, as its checkpoint says."""

from pathlib import Path
from typing import Any

from translate.config import SystemConfig
from translate.evaluation.image_report import headline
from translate.evaluation.tables import format_table
from translate.jobs.image_evaluation import evaluate_pictures
from translate.jobs.voice_evaluation import evaluate_run as evaluate_recordings
from translate.training.checkpoint import find_run_config


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


def _find_image_config(run: Path) -> SystemConfig | None:
    """The configuration of a run on pictures."""
    config = find_run_config(run)
    return config if hasattr(config, "images") else None
