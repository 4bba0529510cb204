"""results.md: the measures as tables, each with its protocol in plain words."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.corpus.markdown import align_table, format_number
from translate.files import replacing
from translate.speech.measures.comparison import COLUMN_TITLES, COLUMNS
from translate.speech.measures.listening import INSTRUMENTS
from translate.speech.measures.matrices import format_matrices
from translate.speech.measures.protocol import explain_protocol

MEASURES = (                                                        # key, title, decimals, factor
    ("mcd_aligned", "Mel-cepstral distortion without alignment, dB (lower is better)", 2, 1),
    ("msd", "Modulation spectrum distance, dB (lower is better)", 2, 1),
    ("gv", "Global variance over natural (1 is natural, below is muffled)", 2, 1),
    ("gv_upper", "Global variance over natural, coefficients above the tenth", 2, 1),
    ("f0_rmse_cents", "F0 error, cents RMS (lower is better)", 0, 1),
    ("voicing_error", "Voiced/unvoiced error, % of frames (lower is better)", 1, 100),
    ("domain_accuracy", "Speech taken for the target domain, % (higher is better)", 0, 100),
    ("stft_distance", "Multi-resolution STFT distance of the waves (lower is better)", 3, 1),
    ("lsd", "Log-spectral distance of the waves, dB (lower is better)", 2, 1),
    ("texture", "Log-spectral texture distance of the waves, dB (lower is better)", 3, 1),
    ("aliasing", "Aliasing of sines, dB (below -60 is clean)", 1, 1),
)


def format_table(results: Mapping[str, Any]) -> str:
    """Format the mel-cepstral distortion of every pair in dB as an aligned table for the terminal."""
    titles = ["pair", "N", *(COLUMN_TITLES[column] for column in COLUMNS)]
    rows = [[*titles, "change", "against mean-variance"]]
    keys = (*COLUMNS, "change_from_source", "change_from_mean_variance")
    for name, pair in _named(results):
        mcd = pair["mcd"]
        cells = [_plus_minus(mcd[key], mcd[f"{key}_ci"], signed=key.startswith("change")) for key in keys]
        rows.append([name, str(pair["n"]), *cells])
    return align_table(rows)


def write_tables(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write results.md, completely or not at all."""
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
        f"{protocol['converted']}. *resynthesised*: the model's waves analysed again. The last two columns "
        "compare *converted*, utterance by utterance, with the source and with the trivial converter.",
    ]
    for key, title, decimals, factor in MEASURES:
        if any(key in pair for pair in results["pairs"]):
            lines += ["", f"## {title}", "", _measure_table(results, key, decimals, factor)]
            if key == "gv":
                lines += ["", "Per coefficient: pictures/gv.png and pictures/modulation.png, numbers in results.json."]
    if "instruments" in protocol:
        for key, title in INSTRUMENTS.items():
            lines += ["", f"## {title}", "", _interval_table(results, key)]
    if "matrices" in results:
        lines += format_matrices(results["matrices"])
    if results["rtf"]:
        rows = [["stage", "processing time / audio time"]]
        rows += [[stage, f"{value:.3g}"] for stage, value in results["rtf"].items()]
        lines += ["", "## Real-time factor (below 1 is faster than real time)", "", align_table(rows)]
    lines += ["", "## Protocol", "", *explain_protocol(protocol, results["pairs"]), ""]
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
        rows.append([name, *(format_number(values.get(column), decimals, factor) for column in columns)])
    return align_table(rows)


def _interval_table(results: Mapping[str, Any], key: str) -> str:
    columns = [column for column in results["pairs"][0][key] if not column.endswith("_ci")]
    rows = [["pair", *(COLUMN_TITLES[column] for column in columns)]]
    for name, pair in _named(results):
        values = pair[key]
        cells = [_plus_minus(values[column], values.get(f"{column}_ci"), signed=False) for column in columns]
        rows.append([name, *cells])
    return align_table(rows)


def _plus_minus(value: float | None, half_width: float | None, signed: bool) -> str:
    if value is None:
        return "–"
    number = f"{value:+.2f}" if signed else f"{value:.2f}"
    return number if half_width is None else f"{number} ± {half_width:.2f}"
