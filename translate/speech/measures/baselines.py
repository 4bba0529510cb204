"""Systems that a model must beat, as waves through the vocoder, so that every measure and instrument hears them.

    source_vocoder   the source, analysed and synthesised again: what the vocoder costs
    mean_variance    the target's mean and variance of every mel-cepstral coefficient
    linear           a linear map of the mel-cepstra, see `translate.speech.analysis.linear_map`
    scaled           the target's variance within utterances, see `translate.speech.analysis.variance`: for pairs of
                     domains with the same timing, such as synthetic and natural speech
    target_vocoder   the target, analysed and synthesised again: the best that a system with this vocoder can reach

`mean_variance` and `linear` know the training recordings alone. They transform F0 by log-Gaussian normalisation, and
keep the aperiodicity and the power of every frame of the source. The vocoder is WORLD with the analysis of the
evaluation, whatever the evaluated model uses, so that tables of several models have equal columns.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from translate.config import WorldConfig
from translate.errors import UserError
from translate.files import replacing
from translate.names import below
from translate.speech.analysis.energy import match_level
from translate.speech.analysis.f0 import convert_f0
from translate.speech.analysis.levels import DIGITAL_SILENCE_DB, find_span, find_speech, measure_levels
from translate.speech.analysis.linear_map import LinearMap, fit_linear_map
from translate.speech.analysis.statistics import Statistics, moments
from translate.speech.analysis.variance import scale_variance, within_deviation
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.world import World, WorldFeatures
from translate.speech.measures.mcd import Analysis
from translate.speech.measures.recordings import Item, PairTask

log = logging.getLogger("translate")

VERSION = 4                                                         # version of the waves; another one makes them anew
INDEX = "made.json"


@dataclass(frozen=True, eq=False)
class Voice:
    """What the training recordings of a domain say."""

    statistics: Statistics
    deviation: np.ndarray                                           # (Q,) within utterances

    @classmethod
    def of(cls, analyses: Sequence[Analysis]) -> "Voice":
        """Take it from the training recordings, cut to their speech."""
        total = np.sum([moments(one.mcep, one.f0, one.level > DIGITAL_SILENCE_DB) for one in analyses], axis=0)
        mceps = [one.mcep for one in analyses]
        return cls(Statistics.from_moments(total, mceps[0].shape[1]), within_deviation(mceps))


@dataclass(frozen=True, eq=False)
class Order:
    """One wave to make of a recording.

    Attributes:
        column: the system, or `vocoder`.
        path: where to.
        domains: source and target; none for the vocoder alone.
        voices: voices of the domains.
        linear: for `linear`.
    """

    column: str
    path: Path
    domains: tuple[str, ...] = ()
    voices: tuple[Voice, ...] = ()
    linear: LinearMap | None = None


def make_baselines(
    tasks: Sequence[PairTask],
    aligned: Collection[PairTask],
    training: Mapping[str, Mapping[Path, Analysis]],
    config: WorldConfig,
    folder: Path,
    jobs: int,
) -> dict[Item, dict[str, Path]]:
    """Make the waves of all baselines, unless an earlier evaluation of the same recordings left them in the folder.

    Args:
        tasks: what is evaluated.
        aligned: those of the tasks that get `scaled`.
        training: analyses of the training recordings by domain, cut to their speech, with the dimensions of `config`.
        config: analysis and vocoder.
        folder: where the waves go: <system>/<source>-<target>/<id>.wav, and vocoder/<domain>/<name>.wav.
        jobs: number of processes.

    Returns:
        For every utterance, the waves of the baselines by column.
    """
    voices = {domain: Voice.of(list(analyses.values())) for domain, analyses in training.items()}
    orders = _list_orders(tasks, aligned, voices, World(config), folder)
    marks = {domain: _mark(analyses) for domain, analyses in training.items()}
    keys, missing = {}, defaultdict(list)
    known = _read_index(folder / INDEX)
    for (_, path, _), order in orders.items():
        name = order.path.relative_to(folder).as_posix()
        facts = order.column, [(domain, marks[domain]) for domain in order.domains]
        keys[name] = _digest(VERSION, config.model_dump(), _mark([path]), *facts)
        if known.get(name) != keys[name] or not order.path.exists():
            missing[path].append(order)
    if missing:
        log.info("evaluation: making %d waves of baselines", sum(map(len, missing.values())))
        errors = Parallel(n_jobs=jobs)(delayed(_make)(path, config, of_path) for path, of_path in missing.items())
        if failed := [error for error in errors if error]:
            raise UserError("; ".join(failed[:5]))
        with replacing(folder / INDEX) as temporary:
            temporary.write_text(json.dumps(keys, indent=1) + "\n", encoding="utf-8")
    columns: dict[Item, dict[str, Path]] = {}
    for task in tasks:
        for item in task.items:
            made = {column: orders[column, item.source, task.target].path for column in _list_systems(task, aligned)}
            made["source_vocoder"] = orders["vocoder", item.source, ""].path
            if item.target is not None:
                made["target_vocoder"] = orders["vocoder", item.target, ""].path
            columns[item] = made
    return columns


def keeps_timing(items: Sequence[Item], analyses: Mapping[Path, Analysis]) -> bool:
    """Return whether every source has a target of its own length, as synthetic and natural speech have."""
    return all(item.target and len(analyses[item.source]) == len(analyses[item.target]) for item in items)


def _list_systems(task: PairTask, aligned: Collection[PairTask]) -> Sequence[str]:
    return ("mean_variance", "linear", "scaled") if task in aligned else ("mean_variance", "linear")


def _list_orders(
    tasks: Sequence[PairTask],
    aligned: Collection[PairTask],
    voices: Mapping[str, Voice],
    world: World,
    folder: Path,
) -> dict[tuple[str, Path, str], Order]:
    """List the waves to make, by column, recording and target's domain ("" for the vocoder alone)."""
    orders: dict[tuple[str, Path, str], Order] = {}
    taken = set()

    def copy(path: Path, domain: str) -> None:
        if ("vocoder", path, "") in orders:
            return
        names = (f"{path.stem}-{number}" if number > 1 else path.stem for number in count(1))
        made = next(one for name in names if (one := below(folder, f"vocoder/{domain}/{name}.wav")) not in taken)
        taken.add(made)
        orders["vocoder", path, ""] = Order("vocoder", made)

    for task in tasks:
        domains, between = (task.source, task.target), (voices[task.source], voices[task.target])
        linear = fit_linear_map(between[0].statistics, between[1].statistics, world.config)
        for item in task.items:
            copy(item.source, task.source)
            if item.target is not None:
                copy(item.target, task.target)
            for column in _list_systems(task, aligned):
                made = below(folder, f"{column}/{task.source}-{task.target}/{item.id}.wav")
                orders[column, item.source, task.target] = Order(column, made, domains, between, linear)
    return orders


def _make(path: Path, config: WorldConfig, orders: Sequence[Order]) -> str | None:
    """Make waves of one recording; return an error."""
    world = World(config)
    try:
        wave, rate = read_wave(path, config.sample_rate)
        features = world.analyse(wave)
        for order in orders:
            made = convert_features(world, features, wave, order) if order.voices else features
            write_wave(order.path, world.synthesise(made), rate)
    except UserError as error:
        return str(error)
    return None


def convert_features(world: World, features: WorldFeatures, wave: np.ndarray, order: Order) -> WorldFeatures:
    """Convert the features of a wave (N,) by the system that is ordered, keeping the power of every frame."""
    (source, target), mcep, f0 = order.voices, features.mcep, features.f0
    if order.column == "mean_variance":
        mcep = target.statistics.denormalise(source.statistics.normalise(mcep))
    elif order.linear is not None and order.column == "linear":
        mcep = order.linear(mcep)
    else:
        speech = find_speech(measure_levels(wave, world.sample_rate, len(f0)))
        mcep = scale_variance(mcep, target.deviation, span=find_span(speech))
    if order.column != "scaled":                                    # the same voice
        f0 = convert_f0(f0, source.statistics, target.statistics, world.config.f0_floor, world.config.f0_ceil)
    return replace(features, mcep=match_level(world, mcep, f0, features.mcep, features.f0), f0=f0)


def _mark(paths: Iterable[Path]) -> str:
    """Return a digest that changes with the files."""
    facts = [(path.absolute().as_posix(), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return _digest(*facts)


def _digest(*facts: object) -> str:
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _read_index(path: Path) -> dict[str, str]:
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return index if isinstance(index, dict) else {}
