"""Evaluation of the converted speech of a run against natural speech of the target."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from translate.checkpoints.opening import open_checkpoint
from translate.checkpoints.store import find_run_config
from translate.corpus.directions import read_direction
from translate.corpus.manifest import Entry, read_manifest
from translate.errors import UserError
from translate.names import below, cut_name
from translate.speech.analysis.wave import read_wave
from translate.speech.conversion.open import open_speech
from translate.speech.measures.aliasing import measure_aliasing
from translate.speech.measures.figures import draw_triple
from translate.speech.measures.listening import choose_listening
from translate.speech.measures.recordings import Item, PairTask
from translate.speech.measures.report import evaluate_speech
from translate.training.curves import draw_losses


def evaluate_recordings(
    run: Path,
    evaluation: Path,
    training: Path,
    sample_rate: int | None = None,
    dimensions: int = 24,
    listen: bool | None = None,
    jobs: int = -1,
) -> dict[str, Any]:
    """Measure every `run/converted/<source>-<target>/<id>.wav`; write results, tables and figures into `run`.

    Features `<id>.npz` beside a wave, written by `translate convert --features`, are measured as well.

    Args:
        run: folder of the run.
        evaluation: manifest with the natural source and target recordings of the converted sentences.
        training: manifest of natural speech for the baselines and the domain classifier.
        sample_rate: rate of the comparison in Hz; None: the rate of the converted files.
        dimensions: dimensions of the mel-cepstra, without c0.
        listen: whether the listening instruments hear the waves; None: if the extra `listen` is installed.
        jobs: number of processes; -1: one per core.

    Returns:
        The results, as in `run`/results.json.

    Raises:
        UserError: nothing converted, waves without an entry in the manifests, `listen` without its packages, or as
            `evaluate_speech`.
    """
    folders = sorted(path for path in (run / "converted").glob("*-*") if path.is_dir())
    if not folders:
        command = f"translate convert {run} {evaluation} {run / 'converted'} --all --features"
        raise UserError(f"{run / 'converted'}: no folder <source>-<target>; first run `{command}`")
    listens = choose_listening(listen)
    natural = read_manifest(evaluation)
    by_domain: dict[str, dict[str, Entry]] = defaultdict(dict)
    by_pair: dict[str, dict[str | None, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in natural:
        by_domain[entry.domain][entry.id] = entry
        by_pair[entry.domain][entry.pair].append(entry)
    trained = read_manifest(training)
    domains = {entry.domain for entry in (*natural, *trained)}
    measure_model = _prepare_aliasing(run)
    tasks: list[PairTask] = []
    seconds: dict[str, float] = defaultdict(float)
    for folder in folders:
        source, target = read_direction(folder, domains)
        items = []
        for converted in sorted(folder.rglob("*.wav")):
            id = converted.relative_to(folder).with_suffix("").as_posix()
            if id not in by_domain[source]:
                raise UserError(f"{converted}: the manifest {evaluation} has no recording `{id}` of {source}")
            entry = by_domain[source][id]
            spoken = by_pair[target][entry.pair] if entry.pair else []
            spoken = sorted(spoken, key=lambda one: one.id != id)     # the recording of the same name, if there is one
            features = converted.with_suffix(".npz")
            items.append(
                Item(
                    id,
                    entry.path,
                    spoken[0].path if spoken else None,
                    converted,
                    features if features.exists() else None,
                    entry.pair,
                    spoken[1].path if len(spoken) > 1 else None,
                )
            )
        if items:
            tasks.append(PairTask(source, target, items, measure_model(source, target)))
        for stage, spent in _read_seconds(folder).items():
            seconds[stage] += spent
    if not tasks:
        raise UserError(f"{run / 'converted'}: holds no converted wave")
    involved = {name for task in tasks for name in (task.source, task.target)}
    waves: dict[str, list[Path]] = defaultdict(list)
    for entry in trained:
        if entry.domain in involved:
            waves[entry.domain].append(entry.path)
    if sample_rate is None:
        sample_rate = read_wave(tasks[0].items[0].converted)[1]
    rtf = {stage: spent / seconds["audio"] for stage, spent in seconds.items() if stage != "audio"}
    rtf = {**rtf, "all": sum(rtf.values())} if rtf else {}
    results = evaluate_speech(
        tasks, waves, sample_rate, out=run, dimensions=dimensions, rtf=rtf, jobs=jobs, listen=listens
    )
    _draw(run, tasks, sample_rate)
    return results


def _draw(run: Path, tasks: list[PairTask], sample_rate: int) -> None:
    for task in tasks:
        item = next((item for item in task.items if item.target), None)
        if item and item.target:
            paths = item.source, item.converted, item.target
            source, converted, target = (read_wave(path, sample_rate)[0] for path in paths)
            name = cut_name(f"{task.source}-{task.target}_{Path(item.id).name}", ".png")
            draw_triple(below(run / "pictures", name), source, converted, target, sample_rate)
    if (run / "log.jsonl").exists():
        draw_losses(run / "pictures" / "losses.png", run / "log.jsonl")


def _prepare_aliasing(run: Path) -> Callable[[str, str], float | None]:
    """Return a function (source, target) -> dB that applies `measure_aliasing` to the run's model.

    It returns None if the model does not work on samples, has no checkpoint here, or does not have these domains (they
    may be the ends of a chain).
    """
    config = find_run_config(run)
    if config is None or config.features.analysed:  # type: ignore[attr-defined]
        return lambda source, target: None
    converter = open_speech(open_checkpoint(run))

    def measure(source: str, target: str) -> float | None:
        if not {source, target} <= set(converter.domains):
            return None
        rate = converter.sample_rate
        return measure_aliasing(lambda wave: converter.convert(wave, rate, source, target)[0], rate)

    return measure


def _read_seconds(folder: Path) -> dict[str, float]:
    path = folder / "conversion.json"
    if not path.exists():
        return {}
    try:
        seconds = {stage: float(spent) for stage, spent in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise UserError(f"{path}: expected seconds by stage; convert again") from None
    if seconds and not seconds.get("audio"):
        raise UserError(f"{path}: expected seconds of `audio`; convert again")
    return seconds
