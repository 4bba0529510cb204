"""Overviews of all pairs of many domains: distortion by source and target, and the classifier's confusion matrix."""

from collections.abc import Mapping, Sequence
from typing import Any

from translate.corpus.markdown import align_table, format_number
from translate.speech.measures.columns import order_columns

DISTORTIONS = {                                                     # shown in results.md
    "source": "unconverted",
    "mean_variance": "mean-variance (nothing learned)",
    "linear": "linear map",
    "resynthesised": "converted, wave",
}
RECOGNISED = {"resynthesised": "converted speech", "target": "natural speech of the wanted target, for comparison"}

Matrix = list[list[float | None]]


def arrange_matrices(domains: Sequence[str], pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Arrange the numbers of the pairs as matrices.

    Args:
        domains: names in the order of rows and columns.
        pairs: results with "source", "target", "mcd" and "recognised".

    Returns:
        domains; mcd: column -> matrix in dB, rows source, columns target; confusion: column -> matrix of fractions,
        rows the wanted target (mean over its sources), columns the recognised domain. None where nothing was
        converted or measured.
    """
    by_name = {(pair["source"], pair["target"]): pair for pair in pairs}
    distortions: dict[str, Matrix] = {}
    for column in order_columns({column for pair in pairs for column in pair["mcd"]}):
        cells = {name: pair["mcd"].get(column) for name, pair in by_name.items()}
        distortions[column] = [[cells.get((source, target)) for target in domains] for source in domains]
    confusion: dict[str, Matrix] = {}
    for column in order_columns({column for pair in pairs for column in pair["recognised"]}):
        confusion[column] = []
        for wanted in domains:
            found = [pair["recognised"].get(column) for (_, target), pair in by_name.items() if target == wanted]
            confusion[column].append([_mean([f[domain] for f in found if f]) for domain in domains])
    return {"domains": list(domains), "mcd": distortions, "confusion": confusion}


def format_matrices(matrices: Mapping[str, Any]) -> list[str]:
    """Format the matrices as lines of Markdown."""
    domains = matrices["domains"]
    lines = ["", "## Mel-cepstral distortion of all pairs, dB: rows source, columns target"]
    for column, title in DISTORTIONS.items():
        if column not in matrices["mcd"]:
            continue
        matrix = matrices["mcd"][column]
        rows = [["source", *domains, "mean"]]
        rows += [[name, *_cells([*row, _mean(row)], 2)] for name, row in zip(domains, matrix, strict=True)]
        targets = [_mean(of_target) for of_target in zip(*matrix, strict=True)]
        rows.append(["mean", *_cells([*targets, _mean([cell for row in matrix for cell in row])], 2)])
        lines += ["", f"### {title}", "", align_table(rows)]
    lines += ["", "## Domain classifier, % of speech: rows wanted target, columns recognised as"]
    for column, title in RECOGNISED.items():
        matrix = matrices["confusion"][column]
        rows = [["wanted", *domains]]
        rows += [[name, *_cells(row, 0, 100)] for name, row in zip(domains, matrix, strict=True)]
        right = format_number(_mean([matrix[place][place] for place in range(len(domains))]), 1, 100)
        chance = f"{100 / len(domains):.0f}"
        mean = f"Mean of the diagonal: {right} %; chance {chance} %. A row is the mean over its sources."
        lines += ["", f"### {title}", "", align_table(rows), "", mean]
    return lines


def _cells(values: Sequence[float | None], decimals: int, factor: float = 1) -> list[str]:
    return [format_number(value, decimals, factor) for value in values]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None
