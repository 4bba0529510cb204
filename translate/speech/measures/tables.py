"""results.md: the measures as tables, each with its protocol in plain words."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.corpus.markdown import align_table, format_number
from translate.files import replacing
from translate.speech.measures.columns import COLUMN_TITLES, RIVALS, order_columns
from translate.speech.measures.listening import INSTRUMENTS
from translate.speech.measures.matrices import format_matrices
from translate.speech.measures.protocol import explain_protocol

MCD_TITLE = "Mel-cepstral distortion, dB (lower is better)"
MEASURES = (                                                        # key, title, decimals, factor
    ("mcd_speech", "Mel-cepstral distortion over frames of speech, dB (lower is better)", 2, 1),
    ("silence", "Share of the path where one of the two does not speak, %", 1, 100),
    ("mcd_aligned", "Mel-cepstral distortion without alignment, dB (lower is better)", 2, 1),
    ("msd", "Modulation spectrum distance, dB (lower is better)", 2, 1),
    ("msd_slow", "Modulation spectrum distance up to 50 Hz, dB (lower is better)", 2, 1),
    ("msd_fast", "Modulation spectrum distance above 50 Hz, dB (lower is better)", 2, 1),
    ("gv", "Global variance over natural (1 is natural, below is muffled)", 2, 1),
    ("gv_upper", "Global variance over natural, coefficients above the tenth", 2, 1),
    ("f0_rmse_cents", "F0 error, cents RMS (lower is better)", 0, 1),
    ("f0_correlation", "F0 correlation with the target (higher is better)", 2, 1),
    ("f0_range_cents", "F0 range, standard deviation in cents", 0, 1),
    ("f0_range", "F0 range over the target's (1 is natural)", 2, 1),
    ("voicing_error", "Voiced/unvoiced error, % of frames (lower is better)", 1, 100),
    ("energy_rmse", "Energy error, dB RMS (lower is better)", 2, 1),
    ("energy_correlation", "Energy correlation with the target (higher is better)", 2, 1),
    ("level_jitter", "Level jitter, dB per 5 ms in voiced frames (natural 0.7 to 1.2)", 2, 1),
    ("crest", "Crest, peak over speech level, dB", 1, 1),
    ("domain_accuracy", "Speech taken for the target domain, % (higher is better)", 0, 100),
    ("stft_distance", "Multi-resolution STFT distance of the waves (lower is better)", 3, 1),
    ("lsd", "Log-spectral distance of the waves, dB (lower is better)", 2, 1),
    ("texture", "Log-spectral texture distance of the waves, dB (lower is better)", 3, 1),
    ("aliasing", "Aliasing of sines, dB (below -60 is clean)", 1, 1),
)
INTERVALS = ("mcd_speech",)                                         # those of MEASURES that have one


def format_table(results: Mapping[str, Any]) -> str:
    """Format the mel-cepstral distortion in dB, and what the model changed of it, as tables for the terminal."""
    rows = [["pair", *(f"against {COLUMN_TITLES[column]}" for column in RIVALS)]]
    for name, pair in _named(results):
        mcd, keys = pair["mcd"], [f"change_from_{column}" for column in RIVALS]
        rows.append([name, *(_plus_minus(mcd.get(key), mcd.get(f"{key}_ci"), signed=True) for key in keys)])
    counts = {name: str(pair["n"]) for name, pair in _named(results)}
    changes = f"Change of the converted wave, dB:\n\n{align_table(rows)}"
    return f"{_interval_table(results, 'mcd', counts)}\n\n{changes}"


def write_tables(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write results.md, completely or not at all."""
    protocol = results["protocol"]
    before = " *converted, features*: what the model gave out, before synthesis." if _has_features(results) else ""
    lines = [
        "# Results",
        "",
        f"## {MCD_TITLE}",
        "",
        format_table(results),
        "",
        f"{protocol['dimensions']} dimensions, DTW, {protocol['sample_rate']} Hz; ± is a 95 % interval over sentences. "
        f"All columns are waves, analysed again, unless they say otherwise.{before} *mean-variance* and *linear* "
        "learned nothing but moments; a model that does not beat both has learned nothing. *vocoder*: analysis and "
        "synthesis alone.",
    ]
    for key, title, decimals, factor in MEASURES:
        if any(key in pair for pair in results["pairs"]):
            intervals = key in INTERVALS
            table = _interval_table(results, key) if intervals else _measure_table(results, key, decimals, factor)
            lines += ["", f"## {title}", "", table]
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


def _has_features(results: Mapping[str, Any]) -> bool:
    return bool(results["protocol"]["converted_from"] == "features")


def _list_columns(results: Mapping[str, Any], key: str) -> list[str]:
    """List the columns of a measure; the features of the model only where there are some."""
    found = {column for pair in results["pairs"] for column in pair.get(key, {})}
    return [column for column in order_columns(found) if column != "converted" or _has_features(results)]


def _named(results: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    named = [(f"{pair['source']} → {pair['target']}", pair) for pair in results["pairs"]]
    return named if len(named) == 1 else [*named, ("all", results["overall"])]


def _measure_table(results: Mapping[str, Any], key: str, decimals: int, factor: float) -> str:
    columns = _list_columns(results, key)
    rows = [["pair", *(COLUMN_TITLES[column] for column in columns)]]
    for name, pair in _named(results):
        values = pair.get(key, {})
        rows.append([name, *(format_number(values.get(column), decimals, factor) for column in columns)])
    return align_table(rows)


def _interval_table(results: Mapping[str, Any], key: str, counts: Mapping[str, str] | None = None) -> str:
    """Format a measure with its intervals; `counts`: numbers of utterances by row."""
    columns = _list_columns(results, key)
    rows = [["pair", *(["N"] if counts else []), *(COLUMN_TITLES[column] for column in columns)]]
    for name, pair in _named(results):
        values = pair[key]
        cells = [_plus_minus(values.get(column), values.get(f"{column}_ci"), signed=False) for column in columns]
        rows.append([name, *([counts[name]] if counts else []), *cells])
    return align_table(rows)


def _plus_minus(value: float | None, half_width: float | None, signed: bool) -> str:
    if value is None:
        return "–"
    number = f"{value:+.2f}" if signed else f"{value:.2f}"
    return number if half_width is None else f"{number} ± {half_width:.2f}"
