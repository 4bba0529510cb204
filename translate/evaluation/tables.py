"""results.md: the measures as tables, each with its protocol in plain words."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from translate.evaluation.classifier import SEGMENT as CLASSIFIER_SEGMENT
from translate.evaluation.comparison import COLUMNS
from translate.evaluation.speech import HOP_MS, LEVEL_MS, SILENCE_DB
from translate.features.mcep import default_alpha
from translate.features.wave import replacing

COLUMN_TITLES = {
    "source": "unconverted",
    "mean_variance": "mean-variance",
    "converted": "converted",
    "resynthesised": "resynthesised",
    "target": "natural target",
}
MEASURES = (                                                        # key, title, decimals, factor
    ("mcd_aligned", "Mel-cepstral distortion without alignment, dB (lower is better)", 2, 1),
    ("msd", "Modulation spectrum distance, dB (lower is better)", 2, 1),
    ("gv", "Global variance over natural (1 is natural, below is muffled)", 2, 1),
    ("f0_rmse_cents", "F0 error, cents RMS (lower is better)", 0, 1),
    ("voicing_error", "Voiced/unvoiced error, % of frames (lower is better)", 1, 100),
    ("domain_accuracy", "Speech taken for the target domain, % (higher is better)", 0, 100),
)


def describe_protocol(
    sample_rate: int,
    dimensions: int,
    utterances: int,
    training: Mapping[str, Mapping[str, int]],
    without_features: str | None,
    cross_validation: float | None,
) -> dict[str, Any]:
    """Every choice behind the numbers, as results.json keeps it.

    `without_features`: why `converted` is measured on the waves; None where the systems' features are there.
    """
    converted = "the mel-cepstra and F0 that the system put out, before synthesis, cut as the source's frames"
    if without_features:
        converted = f"the system's waves analysed again, the same as resynthesised ({without_features})"
    return {
        "n": utterances,
        "sample_rate": sample_rate,
        "hop_ms": HOP_MS,
        "analysis": "WORLD on wave files: DIO + StoneMask, 71 to 800 Hz; CheapTrick",
        "mel_cepstrum": "SPTK (frequency transform of the cepstrum), c0 left out everywhere",
        "dimensions": dimensions,
        "alpha": default_alpha(sample_rate),
        "silence": f"both ends cut to frames within {SILENCE_DB:g} dB of the loudest ({LEVEL_MS:g} ms RMS)",
        "alignment": "DTW, steps (1,1) (1,0) (0,1) of weight 1, Euclidean; MCD is the mean over the path",
        "source": "the source's waves as recorded",
        "mean_variance": "the source's frames with the target's training mean and variance, log-Gaussian F0",
        "converted": converted,
        "converted_from": "waves" if without_features else "features",
        "resynthesised": "the system's waves analysed again, as heard: losses of the synthesis and of the second "
        "analysis count",
        "modulation_spectrum": "64-frame Hann, hop 32, dB, mean over segments, then over utterances",
        "global_variance": "variance within utterances, mean over utterances; geometric mean over dimensions",
        "f0": "frames paired by the DTW of the mel-cepstra; cents over frames voiced in both",
        "classifier": {
            "kind": "logistic regression on mean and deviation of the mel-cepstra",
            "segment_seconds": CLASSIFIER_SEGMENT * HOP_MS / 1000,
            "domains": list(training),
            "cross_validation": None if cross_validation is None else round(cross_validation, 4),
        },
        "confidence": "95 %, Student's t over utterances",
        "training": {domain: dict(facts) for domain, facts in training.items()},
    }


def format_table(results: Mapping[str, Any]) -> str:
    """The headline, mel-cepstral distortion of every pair in dB, as an aligned table for the terminal."""
    titles = ["pair", "N", *(COLUMN_TITLES[column] for column in COLUMNS)]
    rows = [[*titles, "change", "against mean-variance"]]
    keys = (*COLUMNS, "change_from_source", "change_from_mean_variance")
    for name, pair in _named(results):
        mcd = pair["mcd"]
        cells = [_plus_minus(mcd[key], mcd[f"{key}_ci"], signed=key.startswith("change")) for key in keys]
        rows.append([name, str(pair["n"]), *cells])
    return _table(rows)


def write_tables(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write results.md, whole or not at all."""
    protocol = results["protocol"]
    lines = [
        "# Results",
        "",
        "## Mel-cepstral distortion, dB (lower is better)",
        "",
        format_table(results),
        "",
        f"{protocol['dimensions']} dimensions, DTW, {protocol['sample_rate']} Hz; ± is a 95 % interval over "
        "utterances. *mean-variance* is the trivial converter: nothing learned. *converted*: "
        f"{protocol['converted']}. *resynthesised*: the system's waves analysed again. The last two columns "
        "compare *converted*, utterance by utterance, with the source and with the trivial converter.",
    ]
    for key, title, decimals, factor in MEASURES:
        if any(key in pair for pair in results["pairs"]):
            lines += ["", f"## {title}", "", _measure_table(results, key, decimals, factor)]
    if results["rtf"]:
        rows = [["stage", "processing time / audio time"]]
        rows += [[stage, f"{value:.3g}"] for stage, value in results["rtf"].items()]
        lines += ["", "## Real-time factor (below 1 is faster than real time)", "", _table(rows)]
    lines += ["", "## Protocol", "", *_protocol_lines(protocol, results["pairs"]), ""]
    with replacing(Path(path)) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


def _named(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    named = [(f"{pair['source']} → {pair['target']}", pair) for pair in results["pairs"]]
    return named if len(named) == 1 else [*named, ("all", results["overall"])]


def _measure_table(results: Mapping[str, Any], key: str, decimals: int, factor: float) -> str:
    columns = list(next(pair[key] for pair in results["pairs"] if key in pair))
    rows = [["pair", *(COLUMN_TITLES[column] for column in columns)]]
    for name, pair in _named(results):
        values = pair.get(key, {})
        rows.append([name, *(_number(values.get(column), decimals, factor) for column in columns)])
    return _table(rows)


def _protocol_lines(protocol: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    classifier = protocol["classifier"]
    held_out = classifier["cross_validation"]
    accuracy = "not cross-validated" if held_out is None else f"{100 * held_out:.1f} % right on held-out ones"
    references = sorted({pair["natural_reference"] for pair in pairs})
    training = ", ".join(
        f"{domain} {facts['used']}" + (f" of {facts['given']}" if facts["used"] < facts["given"] else "")
        for domain, facts in protocol["training"].items()
    )
    return [
        f"- Utterances: {protocol['n']} converted; every wave at {protocol['sample_rate']} Hz.",
        f"- Analysis: {protocol['analysis']}; a frame every {protocol['hop_ms']:g} ms.",
        f"- Mel-cepstra: {protocol['mel_cepstrum']}; {protocol['dimensions']} dimensions, "
        f"alpha {protocol['alpha']:g}.",
        f"- Silence: {protocol['silence']}.",
        f"- Alignment: {protocol['alignment']}.",
        f"- Unconverted: {protocol['source']}.",
        f"- Mean-variance (trivial converter): {protocol['mean_variance']}.",
        f"- Converted: {protocol['converted']}.",
        f"- Resynthesised: {protocol['resynthesised']}.",
        f"- Modulation spectrum: {protocol['modulation_spectrum']}.",
        f"- Global variance: {protocol['global_variance']}.",
        f"- Natural reference of these two: {'; '.join(references)}.",
        f"- F0: {protocol['f0']}.",
        f"- Domain classifier: {classifier['kind']} over segments of {classifier['segment_seconds']:g} s, "
        f"fitted on natural training utterances of {', '.join(classifier['domains'])}; {accuracy}. "
        "The trivial converter matches these very statistics: high accuracy is necessary, not sufficient.",
        f"- Confidence intervals: {protocol['confidence']}.",
        f"- Training utterances: {training}.",
    ]


def _plus_minus(value: float | None, half_width: float | None, signed: bool) -> str:
    if value is None:
        return "–"
    number = f"{value:+.2f}" if signed else f"{value:.2f}"
    return number if half_width is None else f"{number} ± {half_width:.2f}"


def _number(value: float | None, decimals: int, factor: float) -> str:
    return "–" if value is None else f"{factor * value:.{decimals}f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns; the first column is text, the others are numbers."""
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    rules = ["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
