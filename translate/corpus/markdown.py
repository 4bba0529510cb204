"""Markdown tables that are also legible on a terminal."""

from collections.abc import Sequence


def align_table(rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """Format rows of cells, the titles first, as an aligned table.

    The first `texts` columns are text, aligned left; the others are numbers.
    """
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = [cell.ljust(w) if place < texts else cell.rjust(w) for place, (cell, w) in enumerate(cells)]
        lines.append(f"| {' | '.join(padded)} |")
    rules = ["-" * (w + 2) if place < texts else "-" * (w + 1) + ":" for place, w in enumerate(widths)]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def format_number(value: float | None, decimals: int, factor: float = 1) -> str:
    """Format `factor` times the value; None as a dash."""
    return "–" if value is None else f"{factor * value:.{decimals}f}"
