"""From analysed utterances to the numbers of a pair of domains, and of all pairs.

Every measure has one value per column of `COLUMNS`: the unconverted source, the trivial converter (nothing
learned, nothing resynthesised), the features that the system put out, and its waves analysed again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from translate.evaluation.classifier import DomainClassifier
from translate.evaluation.speech import (
    Analysis,
    align,
    f0_errors,
    find_speech,
    global_variance_ratio,
    mel_cepstral_distortion,
    modulation_spectrum_distance,
)
from translate.features.f0 import convert_f0
from translate.features.statistics import Statistics

COLUMNS = ("source", "mean_variance", "converted", "resynthesised")

Scores = dict[str, dict[str, float | None]]                         # measure -> column -> value


def convert_trivially(source: Analysis, from_domain: Statistics, to_domain: Statistics) -> Analysis:
    """The trivial converter: the target's mean and variance for every coefficient and for log F0."""
    mcep = to_domain.denormalise(from_domain.normalise(source.mcep))
    return Analysis(mcep, convert_f0(source.f0, from_domain, to_domain), source.level)


def confidence(values: Sequence[float]) -> float | None:
    """Half-width of the 95 % interval of the mean (Student's t); None below two values."""
    if len(values) < 2:
        return None
    quantile = float(stdtrit(len(values) - 1, 0.975))
    return quantile * float(np.std(values, ddof=1)) / len(values) ** 0.5


def measure_utterance(
    source: Analysis,
    target: Analysis | None,
    converted: Analysis,
    resynthesised: Analysis,
    from_domain: Statistics,
    to_domain: Statistics,
) -> tuple[Scores, dict[str, np.ndarray]]:
    """One utterance: its scores, and the trimmed mel-cepstra of every column."""
    trivial = convert_trivially(source, from_domain, to_domain)
    whole = dict(zip(COLUMNS, (source, trivial, converted, resynthesised), strict=True))
    columns = {column: analysis.trimmed() for column, analysis in whole.items()}
    scores: Scores = {"mcd": {}, "mcd_aligned": {}, "f0_rmse_cents": {}, "voicing_error": {}}
    if target is not None:
        natural = target.trimmed()
        for column, analysis in columns.items():
            path = align(analysis.mcep, natural.mcep)
            mceps = analysis.mcep[path[:, 0]], natural.mcep[path[:, 1]]
            scores["mcd"][column] = mel_cepstral_distortion(*mceps, aligned=True)
            scores["f0_rmse_cents"][column], scores["voicing_error"][column] = f0_errors(
                analysis.f0[path[:, 0]], natural.f0[path[:, 1]]
            )
        if all(len(analysis) == len(target) for analysis in whole.values()):
            span = find_speech(target.level)
            for column, analysis in whole.items():
                scores["mcd_aligned"][column] = mel_cepstral_distortion(
                    analysis.mcep[span], target.mcep[span], aligned=True
                )
    return scores, {column: analysis.mcep for column, analysis in columns.items()}


def average(scores: Sequence[Scores]) -> dict[str, Any]:
    """Means over utterances, with the intervals of the MCD and of its changes."""
    means: dict[str, Any] = {
        measure: {column: _mean([s[measure].get(column) for s in scores]) for column in COLUMNS}
        for measure in ("mcd", "f0_rmse_cents", "voicing_error")
    }
    means["mcd"].update(_intervals([s["mcd"] for s in scores if s["mcd"]]))
    if all(s["mcd_aligned"] for s in scores):
        means["mcd_aligned"] = {c: _mean([s["mcd_aligned"][c] for s in scores]) for c in COLUMNS}
    return means


def _intervals(mcd: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Confidence intervals of the columns, and the paired changes of the converted against the other two."""
    values: dict[str, float | None] = {}
    for column in COLUMNS:
        values[f"{column}_ci"] = _round(confidence([m[column] for m in mcd]))
    for column in COLUMNS[:2]:
        changes = [m["converted"] - m[column] for m in mcd]
        values[f"change_from_{column}"] = _mean(changes)
        values[f"change_from_{column}_ci"] = _round(confidence(changes))
    return values


def compare_sets(
    columns: Sequence[Mapping[str, np.ndarray]],
    targets: Sequence[Analysis],
    training: Sequence[Analysis],
    domain: str,
    classifier: DomainClassifier | None,
) -> dict[str, Any]:
    """The measures of whole sets.

    Natural reference: the parallel targets where every utterance has one, else the training utterances.
    """
    complete = len(targets) == len(columns)
    reference = [analysis.mcep for analysis in (targets if complete else training)]
    measures: dict[str, Any] = {"msd": {}, "gv": {}, "domain_accuracy": {}}
    for column in COLUMNS:
        mceps = [of_utterance[column] for of_utterance in columns]
        measures["msd"][column] = _round(modulation_spectrum_distance(mceps, reference))
        measures["gv"][column] = _round(global_variance_ratio(mceps, reference))
        measures["domain_accuracy"][column] = (
            None if classifier is None else _round(classifier.accuracy(mceps, domain))
        )
    measures["domain_accuracy"]["target"] = (
        _round(classifier.accuracy([t.mcep for t in targets], domain)) if classifier and targets else None
    )
    measures["natural_reference"] = "parallel targets" if complete else "training utterances of the target"
    return measures


def average_pairs(pairs: Sequence[Mapping[str, Any]], scores: Sequence[Scores]) -> dict[str, Any]:
    """Means over pairs; the intervals of the MCD are those of all utterances together."""
    overall: dict[str, Any] = {"n": sum(pair["n"] for pair in pairs)}
    for measure in ("mcd", "mcd_aligned", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
        if all(measure in pair for pair in pairs):
            keys = pairs[0][measure]
            overall[measure] = {key: _mean([pair[measure][key] for pair in pairs]) for key in keys}
    intervals = _intervals([s["mcd"] for s in scores if s["mcd"]])
    overall["mcd"].update({key: value for key, value in intervals.items() if key.endswith("_ci")})
    return overall


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _round(float(np.mean(known))) if known else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {key: _round(value) for key, value in values.items()}
