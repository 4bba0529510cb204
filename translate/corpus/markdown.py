"""Tables of Markdown that read well on a terminal, too."""

from collections.abc import Sequence


def align_table(rows: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table with aligned columns: `rows` of cells, the titles first; the first `texts` columns are text, the others
    numbers."""
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = [cell.ljust(w) if place < texts else cell.rjust(w) for place, (cell, w) in enumerate(cells)]
        lines.append(f"| {' | '.join(padded)} |")
    rules = ["-" * (w + 2) if place < texts else "-" * (w + 1) + ":" for place, w in enumerate(widths)]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def format_number(value: float | None, decimals: int, factor: float = 1) -> str:
    """`factor` times the value; a dash where there is none."""
    return "–" if value is None else f"{factor * value:.{decimals}f}"
