"""The input of a speech evaluation: wave files by pair of domains, each analysed once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.speech.analysis.levels import find_span
from translate.speech.analysis.wave import read_wave
from translate.speech.measures.converted import ConvertedFeatures, load_features
from translate.speech.measures.mcd import HOP_MS, Analysis, analyse_for_evaluation
from translate.speech.measures.waveform import compare_waves

log = logging.getLogger("translate")

WaveScores = dict[str, dict[str, float | None]]                     # measure -> column -> value

NAMED = 5                                                           # bad files listed in one error


@dataclass(frozen=True)
class Item:
    """One converted utterance."""

    id: str
    source: Path                                                    # wave before conversion
    target: Path | None                                             # recording of the same sentence by the target
    converted: Path                                                 # wave after conversion
    features: Path | None = None                                    # written by `translate convert --features`
    sentence: str | None = None                                     # what is said, by whomever; None: the id
    another: Path | None = None                                     # a second recording of that sentence by the target

    @property
    def said(self) -> str:
        """The name of the sentence."""
        return self.id if self.sentence is None else self.sentence


@dataclass(frozen=True, eq=False)
class PairTask:
    """All utterances converted from one domain to another."""

    source: str
    target: str
    items: Sequence[Item]
    aliasing: float | None = None                                   # dB, for waveform models (`measure_aliasing`)


def list_recordings(tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Return every distinct file of the tasks and of the training."""
    items = [item for task in tasks for item in task.items]
    used = [path for item in items for path in (item.source, item.target, item.converted, item.another)]
    trained = [path for paths in training.values() for path in paths]
    return list(dict.fromkeys(path for path in (*used, *trained) if path is not None))


def analyse_all(paths: Sequence[Path], sample_rate: int, dimensions: int, jobs: int) -> dict[Path, Analysis]:
    """Analyse files; raise `UserError` naming bad ones."""
    results = Parallel(n_jobs=jobs)(delayed(_analyse)(path, sample_rate, dimensions) for path in paths)
    bad = [result for result in results if isinstance(result, str)]
    if bad:
        more = f" (and {len(bad) - NAMED} more files)" if len(bad) > NAMED else ""
        raise UserError("; ".join(bad[:NAMED]) + more)
    return dict(zip(paths, results, strict=True))


def collect_converted(
    items: Sequence[Item], analyses: Mapping[Path, Analysis], sample_rate: int, dimensions: int
) -> tuple[dict[Path, Analysis], str | None]:
    """Collect the features that the model gave out, by wave, and None.

    If one utterance has no usable features, all are replaced by the waves analysed again, and the reason is returned:
    a column never mixes the two.
    """
    converted = {}
    for item in items:
        if item.features is None:
            reason: str | None = f"there are no features beside {item.converted.name}"
        else:
            features = load_features(item.features)
            reason = features.why_unusable(item.converted, sample_rate, dimensions)
        if reason:
            log.warning("evaluation: `converted` is measured on the waves analysed again: %s", reason)
            return {item.converted: analyses[item.converted] for item in items}, reason
        converted[item.converted] = _beside_source(features, item, analyses[item.source])
    return converted, None


def compare_aligned(
    items: Sequence[Item],
    made: Mapping[Item, Mapping[str, Path]],
    analyses: Mapping[Path, Analysis],
    sample_rate: int,
    jobs: int,
) -> list[WaveScores] | None:
    """Measure the distances from the target's wave, within its speech, for every item.

    They are those of the source, of the converted wave and, where `made` has it, of the variance scaling. Returns None
    if source, converted and target of one item differ in length: they are not aligned sample by sample.
    """
    tasks = []
    for item in items:
        if item.target is None or len({len(analyses[p]) for p in (item.source, item.converted, item.target)}) > 1:
            return None
        scaled = {"scaled": path} if (path := made[item].get("scaled")) else {}
        columns = {"source": item.source, **scaled, "resynthesised": item.converted}
        tasks.append((columns, item.target, find_span(analyses[item.target].speech)))
    scores = Parallel(n_jobs=jobs)(delayed(_compare)(*task, sample_rate) for task in tasks)
    return None if None in scores else scores


def _analyse(path: Path, sample_rate: int, dimensions: int) -> Analysis | str:
    try:
        return analyse_for_evaluation(path, sample_rate, dimensions)
    except UserError as error:
        return str(error)


def _beside_source(features: ConvertedFeatures, item: Item, source: Analysis) -> Analysis:
    """Return the features with the levels of their source, since conversion keeps the timing."""
    if len(features.f0) != len(source):
        raise UserError(
            f"{item.features}: {len(features.f0)} frames, but {item.source} has {len(source)}; convert it again"
        )
    mcep = features.mcep[:, : source.mcep.shape[1]].astype(np.float64)
    return replace(source, mcep=mcep, f0=features.f0.astype(np.float64))


def _compare(columns: Mapping[str, Path], target: Path, speech: slice, sample_rate: int) -> WaveScores | None:
    waves = {column: read_wave(path, sample_rate)[0] for column, path in columns.items()}
    natural = read_wave(target, sample_rate)[0]
    if any(len(wave) != len(natural) for wave in waves.values()):
        return None
    hop = sample_rate * HOP_MS / 1000
    span = slice(int(speech.start * hop), int(speech.stop * hop))
    scores = {column: compare_waves(wave[span], natural[span], sample_rate) for column, wave in waves.items()}
    return {measure: {column: of[measure] for column, of in scores.items()} for measure in scores["source"]}
