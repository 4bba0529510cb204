"""From analysed utterances to the numbers of a pair of domains, and of all pairs.

Every measure has one value per column, see `translate.speech.measures.columns`.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from translate.speech.analysis.alignment import align
from translate.speech.analysis.levels import find_span
from translate.speech.measures.classifier import DomainClassifier
from translate.speech.measures.columns import RIVALS, order_columns
from translate.speech.measures.intervals import confidence_by_sentence
from translate.speech.measures.mcd import Analysis, frame_distortions
from translate.speech.measures.prosody import (
    crest,
    energy_errors,
    f0_correlation,
    f0_errors,
    f0_range,
    level_jitter,
)
from translate.speech.measures.trajectories import UPPER, Trajectories, average_distance, average_ratio

PARALLEL = (                                                        # measures that need the target's recording
    *("mcd", "mcd_speech", "silence", "energy_rmse", "energy_correlation"),
    *("f0_rmse_cents", "voicing_error", "f0_correlation", "f0_range"),
)
WITH_INTERVALS = ("mcd", "mcd_speech")
BY_COEFFICIENT = ("msd_by_coefficient", "gv_by_coefficient")

Scores = dict[str, dict[str, float | None]]                         # measure -> column -> value


@dataclass
class Utterance:
    """One measured utterance.

    Attributes:
        id: id of the source's recording.
        sentence: what is said; utterances of one sentence depend on each other.
        scores: its measures.
        mceps: (T, D + 1) of every column, cut.
    """

    id: str
    sentence: str
    scores: Scores
    mceps: Mapping[str, np.ndarray] = field(default_factory=dict)


def measure_utterance(columns: Mapping[str, Analysis], target: Analysis | None) -> tuple[Scores, dict[str, np.ndarray]]:
    """Measure one utterance.

    All columns are cut to the frames that the source's speech spans, unless they have another timing.

    Args:
        columns: at least `source`, whole.
        target: natural recording of the same sentence, whole.

    Returns:
        The scores, and the cut mel-cepstra of every column.
    """
    cut = {
        column: analysis.cut_as(target if column == "target_vocoder" and target else columns["source"])
        for column, analysis in columns.items()
    }
    scores: Scores = {}

    def put(column: str, **values: float | None) -> None:
        for measure, value in values.items():
            scores.setdefault(measure, {})[column] = value

    heard = {column: analysis for column, analysis in cut.items() if column != "converted"}  # which has no wave
    natural = None if target is None else target.trimmed()
    for column, analysis in (heard if natural is None else {**heard, "target": natural}).items():
        put(column, level_jitter=level_jitter(analysis), crest=crest(analysis))
    for column, analysis in (cut if natural is None else {**cut, "target": natural}).items():
        put(column, f0_range_cents=f0_range(analysis.f0))
    if target is not None and natural is not None:
        of_target = f0_range(natural.f0)
        for column, analysis in cut.items():
            path = align(analysis.mcep, natural.mcep)
            a, b = path[:, 0], path[:, 1]
            distortions = frame_distortions(analysis.mcep[a], natural.mcep[b])
            speech = analysis.speech[a] & natural.speech[b]
            rmse, voicing = f0_errors(analysis.f0[a], natural.f0[b])
            of_column = scores["f0_range_cents"][column]
            put(
                column,
                mcd=float(distortions.mean()),
                mcd_speech=float(distortions[speech].mean()) if speech.any() else None,
                silence=1 - float(speech.mean()),
                f0_rmse_cents=rmse,
                voicing_error=voicing,
                f0_correlation=f0_correlation(analysis.f0[a], natural.f0[b]),
                f0_range=None if of_column is None or not of_target else of_column / of_target,
            )
            if column != "converted":
                rmse, correlation = energy_errors(analysis.level[a][speech], natural.level[b][speech])
                put(column, energy_rmse=rmse, energy_correlation=correlation)
        if len(columns["source"]) == len(target):
            span = find_span(target.speech)
            for column, analysis in columns.items():
                if len(analysis) == len(target):
                    distortions = frame_distortions(analysis.mcep[span], target.mcep[span])
                    put(column, mcd_aligned=float(distortions.mean()))
    return scores, {column: analysis.mcep for column, analysis in cut.items()}


def compare_sets(
    utterances: Sequence[Utterance],
    targets: Sequence[Analysis],
    training: Sequence[Analysis],
    domain: str,
    classifier: DomainClassifier | None,
) -> tuple[dict[str, Any], dict[str, Trajectories]]:
    """Measure whole sets, and add to the utterances their own values of the same measures.

    The natural reference is the parallel targets if every utterance has one, else the training utterances. Both are
    given cut to their speech.

    Returns:
        The measures, and the trajectories of every column and of `natural`.
    """
    complete = len(targets) == len(utterances)
    natural = Trajectories.measure([analysis.mcep for analysis in (targets if complete else training)])
    columns = order_columns(set.intersection(*(set(one.mceps) for one in utterances)))
    sets = {}
    for column in columns:
        each = [Trajectories.measure([one.mceps[column]]) for one in utterances]
        sets[column] = Trajectories.join(each)
        for one, trajectories in zip(utterances, each, strict=True):
            own = compare_trajectories({column: trajectories}, natural)
            for measure in own.keys() - set(BY_COEFFICIENT):
                one.scores.setdefault(measure, {})[column] = own[measure][column]
    measures = compare_trajectories(sets, natural)
    spoken = {column: [one.mceps[column] for one in utterances] for column in columns}
    spoken["target"] = [analysis.mcep for analysis in targets]
    recognised = {column: classifier.recognise(m) if classifier and m else None for column, m in spoken.items()}
    for one in utterances if classifier else ():
        assert classifier is not None
        one.scores["domain_accuracy"] = {
            column: classifier.recognise([one.mceps[column]])[domain] for column in columns
        }
    measures["domain_accuracy"] = {c: _round(shares[domain]) if shares else None for c, shares in recognised.items()}
    measures["recognised"] = {column: rounded(shares) if shares else None for column, shares in recognised.items()}
    measures["natural_reference"] = "parallel targets" if complete else "training utterances of the target"
    return measures, {**sets, "natural": natural}


def compare_trajectories(sets: Mapping[str, Trajectories], natural: Trajectories) -> dict[str, Any]:
    """Compare every column with natural speech: modulation spectrum distance and global variance.

    `msd_slow` and `msd_fast` are the distances below and above 50 Hz of modulation; `gv_upper` covers the coefficients
    above the tenth and is missing if there are none; the two measures `by_coefficient` have a list per column.
    """
    measures: dict[str, Any] = {measure: {} for measure in ("msd", "msd_slow", "msd_fast", "gv", "gv_upper")}
    measures |= {measure: {} for measure in BY_COEFFICIENT}
    for column, one in sets.items():
        distances = one.modulation_distances(natural)
        ratios = one.variance_ratios(natural)
        measures["msd"][column] = _round(average_distance(distances))
        measures["msd_slow"][column] = _round(average_distance(one.modulation_distances(natural, "slow")))
        measures["msd_fast"][column] = _round(average_distance(one.modulation_distances(natural, "fast")))
        measures["msd_by_coefficient"][column] = [round(float(value), 4) for value in distances]
        measures["gv"][column] = _round(average_ratio(ratios))
        measures["gv_by_coefficient"][column] = [round(float(value), 4) for value in ratios]
        if len(ratios) > UPPER:
            measures["gv_upper"][column] = _round(average_ratio(ratios[UPPER:]))
    return {measure: values for measure, values in measures.items() if values}


def average(utterances: Sequence[Utterance], left_out: Container[str] = ()) -> dict[str, Any]:
    """Average the measures over utterances, with confidence intervals of the MCD and of its changes."""
    names = dict.fromkeys(name for one in utterances for name in one.scores if name not in left_out)
    means: dict[str, Any] = {}
    for measure in names:
        rows = [one.scores.get(measure, {}) for one in utterances]
        columns = order_columns({column for row in rows for column in row})
        if measure == "mcd_aligned":                                # all utterances have it, or none
            columns = [column for column in columns if all(column in row for row in rows)]
        if columns:
            means[measure] = {column: _mean([row.get(column) for row in rows]) for column in columns}
    for measure in {*WITH_INTERVALS} & means.keys():
        means[measure].update(find_intervals(utterances, measure))
    return means


def find_intervals(utterances: Sequence[Utterance], measure: str) -> dict[str, float | None]:
    """Return `<column>_ci` of every column, and of the wave `change_from_<column>` with its interval.

    Intervals are over sentences: values of one sentence are averaged first.
    """
    rows = [(one.sentence, one.scores[measure]) for one in utterances if measure in one.scores]
    columns = order_columns({column for _, row in rows for column in row})
    values: dict[str, float | None] = {}
    for column in columns:
        values[f"{column}_ci"] = _round(confidence_by_sentence((sentence, row.get(column)) for sentence, row in rows))
    for column in RIVALS:
        changes = [(sentence, subtract(row.get("resynthesised"), row.get(column))) for sentence, row in rows]
        values[f"change_from_{column}"] = _mean([change for _, change in changes])
        values[f"change_from_{column}_ci"] = _round(confidence_by_sentence(changes))
    return values


def average_pairs(pairs: Sequence[Mapping[str, Any]], utterances: Sequence[Utterance]) -> dict[str, Any]:
    """Average over pairs what all of them have; the intervals are over sentences, averaged over the pairs first."""
    overall: dict[str, Any] = {"n": sum(pair["n"] for pair in pairs)}
    for measure, values in pairs[0].items():
        of_pairs = [pair[measure] for pair in pairs if isinstance(pair.get(measure), dict)]
        if len(of_pairs) < len(pairs) or measure in {*BY_COEFFICIENT, "recognised", "utterances"}:
            continue
        keys = [key for key in values if all(key in one for one in of_pairs) and not key.endswith("_ci")]
        overall[measure] = {key: _mean([one[key] for one in of_pairs]) for key in keys}
        if any(key.endswith("_ci") for key in values):
            intervals = find_intervals(utterances, measure)
            overall[measure].update({key: value for key, value in intervals.items() if key.endswith("_ci")})
    return overall


def subtract(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _round(float(np.mean(known))) if known else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {key: _round(value) for key, value in values.items()}
