"""From analysed utterances to the numbers of a pair of domains, and of all pairs.

Every measure has one value per column of `COLUMNS`: the unconverted source, the trivial converter (nothing
learned, nothing resynthesised), the features that the model gave out, and its waves analysed again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import stdtrit

from translate.speech.analysis.alignment import align
from translate.speech.analysis.f0 import convert_f0
from translate.speech.analysis.statistics import Statistics
from translate.speech.measures.classifier import DomainClassifier
from translate.speech.measures.mcd import Analysis, f0_errors, find_speech, mel_cepstral_distortion
from translate.speech.measures.trajectories import UPPER, Trajectories, average_distance, average_ratio

COLUMNS = ("source", "mean_variance", "converted", "resynthesised")
COLUMN_TITLES = {
    "source": "unconverted",
    "mean_variance": "mean-variance",
    "converted": "converted",
    "resynthesised": "resynthesised",
    "target": "natural target",
    "other": "natural, other domains",
}

AVERAGED = (                                                        # measures to average over pairs
    *("mcd", "mcd_aligned", "msd", "gv", "gv_upper", "f0_rmse_cents", "voicing_error", "domain_accuracy"),
    *("stft_distance", "spectral_convergence", "log_magnitude", "lsd", "texture", "aliasing"),
)

Scores = dict[str, dict[str, float | None]]                         # measure -> column -> value


def convert_trivially(source: Analysis, from_domain: Statistics, to_domain: Statistics) -> Analysis:
    """Apply the trivial converter: the target's mean and variance for every coefficient and for log F0."""
    mcep = to_domain.denormalise(from_domain.normalise(source.mcep))
    return Analysis(mcep, convert_f0(source.f0, from_domain, to_domain), source.level)


def confidence(values: Sequence[float]) -> float | None:
    """Return the half-width of the 95 % interval of the mean (Student's t); None below two values."""
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
    """Measure one utterance: return its scores, and the trimmed mel-cepstra of every column."""
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
    """Average over utterances, with confidence intervals of the MCD and of its changes."""
    means: dict[str, Any] = {
        measure: {column: _mean([s[measure].get(column) for s in scores]) for column in COLUMNS}
        for measure in ("mcd", "f0_rmse_cents", "voicing_error")
    }
    means["mcd"].update(_intervals([s["mcd"] for s in scores if s["mcd"]]))
    if all(s["mcd_aligned"] for s in scores):
        means["mcd_aligned"] = {c: _mean([s["mcd_aligned"][c] for s in scores]) for c in COLUMNS}
    return means


def _intervals(mcd: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Compute the confidence intervals of the columns, and of the paired changes of `converted` against two others."""
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
) -> tuple[dict[str, Any], dict[str, Trajectories]]:
    """Measure whole sets; return the measures, and the trajectories of every column and of `natural`.

    The natural reference is the parallel targets if every utterance has one, else the training utterances.
    """
    complete = len(targets) == len(columns)
    mceps = {column: [of_utterance[column] for of_utterance in columns] for column in COLUMNS}
    sets = {column: Trajectories.measure(of_column) for column, of_column in mceps.items()}
    sets["natural"] = Trajectories.measure([analysis.mcep for analysis in (targets if complete else training)])
    measures = compare_trajectories(sets)
    spoken = {**mceps, "target": [analysis.mcep for analysis in targets]}
    recognised = {column: classifier.recognise(m) if classifier and m else None for column, m in spoken.items()}
    measures["domain_accuracy"] = {c: _round(shares[domain]) if shares else None for c, shares in recognised.items()}
    measures["recognised"] = {column: rounded(shares) if shares else None for column, shares in recognised.items()}
    measures["natural_reference"] = "parallel targets" if complete else "training utterances of the target"
    return measures, sets


def compare_trajectories(sets: Mapping[str, Trajectories]) -> dict[str, Any]:
    """Compare every column with `natural`: modulation spectrum distance and global variance, also per coefficient.

    `gv_upper` covers the coefficients above the tenth; it is missing if there are none.
    """
    measures: dict[str, Any] = {"msd": {}, "msd_by_coefficient": {}, "gv": {}, "gv_upper": {}, "gv_by_coefficient": {}}
    for column in COLUMNS:
        distances = sets[column].modulation_distances(sets["natural"])
        ratios = sets[column].variance_ratios(sets["natural"])
        measures["msd"][column] = _round(average_distance(distances))
        measures["msd_by_coefficient"][column] = [round(float(value), 4) for value in distances]
        measures["gv"][column] = _round(average_ratio(ratios))
        measures["gv_by_coefficient"][column] = [round(float(value), 4) for value in ratios]
        if len(ratios) > UPPER:
            measures["gv_upper"][column] = _round(average_ratio(ratios[UPPER:]))
    return {measure: values for measure, values in measures.items() if values}


def average_waves(scores: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float | None]]:
    """Average the distances between waves over utterances."""
    return {
        measure: {column: _mean([s[measure][column] for s in scores]) for column in columns}
        for measure, columns in scores[0].items()
    }


def average_pairs(pairs: Sequence[Mapping[str, Any]], scores: Sequence[Scores]) -> dict[str, Any]:
    """Average over pairs; the confidence intervals of the MCD are those of all utterances together."""
    overall: dict[str, Any] = {"n": sum(pair["n"] for pair in pairs)}
    for measure in AVERAGED:
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
