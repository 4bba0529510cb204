"""Systems compared by sentence, from the results.json of their runs.

Sentences differ far more from each other than systems do. So every sentence is compared with itself: the interval is
that of the differences (Student's t), and the sign test asks how often one system wins.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from translate.corpus.markdown import align_table
from translate.errors import UserError
from translate.speech.listening.systems import title_runs
from translate.speech.measures.intervals import average_sentences, confidence
from translate.speech.measures.listening import INSTRUMENTS
from translate.speech.measures.tables import MCD_TITLE, MEASURES

COLUMN = "resynthesised"                                            # the converted waves
FREE = {"n", "converted", "converted_from", "retimed", "instruments"}  # parts of the protocol that may differ
COUNTS = {"heard", "left_out"}                                      # likewise, of the instruments
CHECKED = "f0_range_cents"                                          # equal in all runs for the natural target

TITLES = {                                                          # measure -> title, decimals, factor
    "mcd": (MCD_TITLE, 2, 1),
    **{key: (title, decimals, factor) for key, title, decimals, factor in MEASURES},
    **{key: (title, 2, 1) for key, title in INSTRUMENTS.items()},
}

Id = tuple[str, str, str]                                           # source, target, id
Values = dict[Id, Mapping[str, Any]]


def compare_systems(systems: Sequence[Sequence[Path]]) -> dict[str, Any]:
    """Compare systems with the first of them, in every measure that all of their runs have.

    Args:
        systems: for each, the folders of its runs: seeds that are averaged, sentence by sentence.

    Returns:
        systems: titles; utterances and sentences: how many are compared; left_out: measures that not all runs have;
        measures: measure -> title -> mean, and for all but the first difference, half_width of its 95 % interval (None
        for a single sentence), higher and lower: on how many sentences the value is, p of the sign test.

    Raises:
        UserError: a run without results by utterance, runs whose protocols or recordings differ, or none in common.
    """
    runs = [run for system in systems for run in system]
    read = dict(zip(runs, map(_read, runs), strict=True))
    _check_protocols({run: results["protocol"] for run, results in read.items()})
    values = {run: _list_utterances(results) for run, results in read.items()}
    ids = [id for id in values[runs[0]] if all(id in of_run for of_run in values.values())]
    if not ids:
        raise UserError(f"{runs[0]}, {runs[-1]}: converted no sentence in common")
    _check_recordings(values, ids)
    titles = dict(zip(runs, title_runs(runs, ()), strict=True))
    names = [", ".join(titles[run] for run in system) for system in systems]
    sentences = {id: values[runs[0]][id]["sentence"] for id in ids}
    measures: dict[str, Any] = {}
    left_out = []
    for measure in TITLES:
        table = {run: [of_run[id].get(measure, {}).get(COLUMN) for id in ids] for run, of_run in values.items()}
        if not any(value is not None for of_run in table.values() for value in of_run):
            continue
        if any(all(value is None for value in of_run) for of_run in table.values()):
            left_out.append(measure)
            continue
        said = [sentences[id] for id in ids]
        pooled = ([pair for run in system for pair in zip(said, table[run], strict=True)] for system in systems)
        by_sentence = [average_sentences(of_system) for of_system in pooled]
        known = [sentence for sentence in by_sentence[0] if all(sentence in of_system for of_system in by_sentence)]
        if not known:
            left_out.append(measure)
            continue
        rows = [np.array([of_system[sentence] for sentence in known]) for of_system in by_sentence]
        others = zip(names[1:], rows[1:], strict=True)
        measures[measure] = {names[0]: {"mean": round(float(rows[0].mean()), 4)}}
        measures[measure] |= {name: describe_difference(row, rows[0]) for name, row in others}
    return {
        "systems": names,
        "utterances": len(ids),
        "sentences": len(set(sentences.values())),
        "left_out": left_out,
        "measures": measures,
    }


def sign_test(differences: np.ndarray) -> float:
    """Return the p-value of the two-sided sign test of differences (N,); those that are 0 do not count."""
    from scipy.stats import binomtest

    higher, lower = int((differences > 0).sum()), int((differences < 0).sum())
    return float(binomtest(higher, higher + lower, 0.5).pvalue) if higher + lower else 1.0


def format_comparison(comparison: Mapping[str, Any]) -> str:
    """Format a comparison as a table, with the protocol in a line."""
    rows = [["measure", "system", "mean", "difference", "higher/lower", "sign test, p"]]
    for measure, of_systems in comparison["measures"].items():
        title, decimals, factor = TITLES[measure]
        for name, one in of_systems.items():
            cells = [f"{factor * one['mean']:.{decimals}f}", "", "", ""]
            if "difference" in one:
                half_width = one["half_width"]
                interval = "" if half_width is None else f" ± {factor * half_width:.{decimals}f}"
                cells[1:] = [
                    f"{factor * one['difference']:+.{decimals}f}{interval}",
                    f"{one['higher']}/{one['lower']}",
                    f"{one['p']:.4f}" if one["p"] >= 0.0001 else "< 0.0001",
                ]
            rows.append([title, name, *cells])
            title = ""
    lines = [
        align_table(rows, texts=2),
        "",
        f"Converted waves, {comparison['utterances']} utterances of {comparison['sentences']} sentences. Differences "
        f"from {comparison['systems'][0]}, ± a 95 % interval over sentences (Student's t).",
    ]
    if comparison["left_out"]:
        lines.append(f"Left out, since not all runs have them: {', '.join(comparison['left_out'])}.")
    return "\n".join(lines)


def describe_difference(values: np.ndarray, others: np.ndarray) -> dict[str, float | int | None]:
    """Compare the values (N,) of one system with those of another, both by sentence; see `compare_systems`."""
    differences = values - others
    half_width = confidence(differences.tolist())
    return {
        "mean": round(float(values.mean()), 4),
        "difference": round(float(differences.mean()), 4),
        "half_width": None if half_width is None else round(half_width, 4),
        "higher": int((differences > 0).sum()),
        "lower": int((differences < 0).sum()),
        "p": round(sign_test(differences), 6),
    }


def _read(run: Path) -> dict[str, Any]:
    path = run / "results.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; first run `translate evaluate {run} --eval ... --train ...`")
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if all("utterances" in pair for pair in results["pairs"]) and isinstance(results["protocol"], dict):
            return dict(results)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise UserError(f"{path}: holds no measures of speech by utterance; evaluate the run again")


def _list_utterances(results: Mapping[str, Any]) -> Values:
    return {
        (pair["source"], pair["target"], id): utterance
        for pair in results["pairs"]
        for id, utterance in pair["utterances"].items()
    }


def _check_protocols(protocols: Mapping[Path, Mapping[str, Any]]) -> None:
    (first, wanted), *others = protocols.items()
    for run, protocol in others:
        keys = [key for key in {**wanted, **protocol} if key not in FREE and wanted.get(key) != protocol.get(key)]
        if keys:
            found = f"{_show(wanted.get(keys[0]))} in {first}, {_show(protocol.get(keys[0]))} in {run}"
            more = f"; also {', '.join(keys[1:])}" if len(keys) > 1 else ""
            raise UserError(f"compare: the runs were evaluated differently: `{keys[0]}` is {found}{more}")
        if "instruments" in wanted and "instruments" in protocol:
            a, b = ({k: v for k, v in one["instruments"].items() if k not in COUNTS} for one in (wanted, protocol))
            if a != b:
                raise UserError(f"compare: the listening instruments of {first} and {run} differ; evaluate both again")


def _check_recordings(values: Mapping[Path, Values], ids: Sequence[Id]) -> None:
    (first, wanted), *others = values.items()
    for run, of_run in others:
        for id in ids:
            a, b = (one[id].get(CHECKED, {}).get("target") for one in (wanted, of_run))
            if a != b or wanted[id]["sentence"] != of_run[id]["sentence"]:
                source, target, name = id
                raise UserError(
                    f"compare: {first} and {run} were evaluated with different recordings of {target} for {name} of "
                    f"{source}; evaluate both with the same manifest"
                )


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}..."
