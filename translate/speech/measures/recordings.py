"""The input of a speech evaluation: wave files by pair of domains, each analysed once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from translate.errors import UserError
from translate.speech.analysis.wave import read_wave
from translate.speech.measures.converted import ConvertedFeatures, load_features
from translate.speech.measures.mcd import HOP_MS, Analysis, analyse_for_evaluation, find_speech
from translate.speech.measures.waveform import compare_waves

log = logging.getLogger("translate")

WaveScores = dict[str, dict[str, float]]                            # measure -> source and converted -> value

NAMED = 5                                                           # bad files listed in one error


@dataclass(frozen=True)
class Item:
    """One converted utterance."""

    id: str
    source: Path                                                    # wave before conversion
    target: Path | None                                             # recording of the same sentence by the target
    converted: Path                                                 # wave after conversion
    features: Path | None = None                                    # written by `translate convert --features`


@dataclass(frozen=True)
class PairTask:
    """All utterances converted from one domain to another."""

    source: str
    target: str
    items: Sequence[Item]
    aliasing: float | None = None                                   # dB, for waveform models (`measure_aliasing`)


def analyse_all(
    tasks: Sequence[PairTask], training: Mapping[str, Sequence[Path]], sample_rate: int, dimensions: int, jobs: int
) -> dict[Path, Analysis]:
    """Analyse every distinct file of the tasks and of the training once; raise `UserError` naming bad files."""
    items = [item for task in tasks for item in task.items]
    used = [path for item in items for path in (item.source, item.target, item.converted) if path is not None]
    paths = list(dict.fromkeys([*used, *(path for paths in training.values() for path in paths)]))
    log.info("evaluation: analysing %d recordings", len(paths))
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
    items: Sequence[Item], analyses: Mapping[Path, Analysis], sample_rate: int, jobs: int
) -> list[WaveScores] | None:
    """Measure the distances of source and converted wave from the target's, within its speech, for every item.

    Returns None if source, converted and target of one item differ in length: they are not aligned sample by sample.
    """
    tasks = []
    for item in items:
        if item.target is None or len({len(analyses[p]) for p in (item.source, item.converted, item.target)}) > 1:
            return None
        paths = item.source, item.converted, item.target
        tasks.append((paths, find_speech(analyses[item.target].level)))
    scores = Parallel(n_jobs=jobs)(delayed(_compare)(paths, speech, sample_rate) for paths, speech in tasks)
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
    return Analysis(mcep, features.f0.astype(np.float64), source.level)


def _compare(paths: tuple[Path, Path, Path], speech: slice, sample_rate: int) -> WaveScores | None:
    source, converted, natural = (read_wave(path, sample_rate)[0] for path in paths)
    if not len(source) == len(converted) == len(natural):
        return None
    hop = sample_rate * HOP_MS / 1000
    span = slice(int(speech.start * hop), int(speech.stop * hop))
    before, after = (compare_waves(wave[span], natural[span], sample_rate) for wave in (source, converted))
    return {measure: {"source": before[measure], "converted": after[measure]} for measure in before}
