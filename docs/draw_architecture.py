#!/usr/bin/env python
"""Draw docs/architecture.svg: the packages in the order in which imports point, and the modules in each.

    python docs/draw_architecture.py

Nothing is listed here: the order comes from the import rule in pyproject.toml, the modules from the folders.
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with import-linter

ROOT = Path(__file__).resolve().parents[1]
WIDTH, MARGIN, LABEL, GAP, LINE, PAD = 1060, 20, 120, 8, 18, 9              # pixels
HEAD, LETTER = 52, 8.5                                                      # above the first row; of a fixed pitch
CORE = {"training", "games", "losses", "layers"}             # know tensors (B, C, *S) and nothing else
NOTE = "Imports point down. Speech and images never import each other; the core, in red, knows tensors only."

STYLE = """
  .paper { fill: #ffffff; } .edge { fill: none; stroke: #d0d7de; }
  text { fill: #1f2328; font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; }
  .name { font-weight: 700; }
  .note { font: 14px system-ui, 'DejaVu Sans', sans-serif; fill: #59636e; }
  .speech { fill: #e3eefb; stroke: #3f78b5; } .images { fill: #fbf0dc; stroke: #b8822c; }
  .video { fill: #e6f4e4; stroke: #4c8f45; }
  .shared { fill: #f0f1f3; stroke: #8b949e; } .core { fill: #f9e3dc; stroke: #b5542d; }
  .arrow { stroke: #59636e; stroke-width: 1.5; fill: none; } .tip { fill: #59636e; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } .edge { stroke: #3d444d; } text { fill: #e6edf3; } .note { fill: #9198a1; }
    .speech { fill: #132b47; stroke: #5b9bd9; } .images { fill: #3a2c10; stroke: #d4a04a; }
    .video { fill: #17331a; stroke: #62b35c; }
    .shared { fill: #21262d; stroke: #6e7681; } .core { fill: #46231a; stroke: #e0805a; }
    .arrow { stroke: #9198a1; } .tip { fill: #9198a1; }
  }
"""


def read_rows() -> list[list[str]]:
    """The packages from the top down; those that never import each other share a row."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    rows = []
    for layer in layers:
        wings = layer.split("|")
        names = [wings] if len(wings) > 1 else [[name] for name in layer.split(":")]
        rows += [[name.strip(" ()").removeprefix("translate.") for name in row] for row in names]
    return rows


def list_modules(package: str) -> list[str]:
    """What a package holds, one line per folder; a package that is a single module has its own name only."""
    folder = ROOT / "translate" / package
    if not folder.is_dir():
        return [f"{package}.py"]
    lines = [" ".join(_find_modules(folder))] if _find_modules(folder) else []
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        lines.append(f"{inner.name}/ {' '.join(_find_modules(inner))}")
    return lines


def _find_modules(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("__"))


def draw() -> str:
    """The picture as text."""
    parts, y = [], float(HEAD)
    for packages in read_rows():
        room = (WIDTH - 2 * MARGIN - LABEL - GAP * (len(packages) - 1)) / len(packages)
        wings = len(packages) > 1                                           # their names stand in the cells
        cells = [(name, [name] * wings + list(_wrap(list_modules(name), room))) for name in packages]
        height = 2 * PAD + LINE * max(len(lines) for _, lines in cells)
        if not wings:
            parts.append(_write(MARGIN + 22, y + height / 2 + 5, packages[0], "name", "start"))
        for column, (name, lines) in enumerate(cells):
            parts += _draw_cell(MARGIN + LABEL + column * (room + GAP), y, room, height, name, lines)
        y += height + GAP
    left, below = MARGIN + 8, y - GAP
    parts.append(f'<path class="arrow" d="M{left} {HEAD} V{below - 8:.0f}"/>')
    parts.append(f'<path class="tip" d="M{left - 5} {below - 10:.0f} h10 l-5 10 z"/>')
    parts.append(_write(MARGIN + 22, 32, NOTE, "note", "start"))
    height = below + MARGIN
    frame = f'width="{WIDTH - 1}" height="{height - 1:.0f}" x="0.5" y="0.5" rx="8"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        'aria-label="The packages of translate in the order in which they import each other">',
        f"<style>{STYLE}</style>", f'<rect class="paper" {frame}/>', f'<rect class="edge" {frame}/>',
        *parts, "</svg>", "",
    ])  # fmt: skip


def _wrap(lines: list[str], room: float) -> Iterator[str]:
    """Lines that fit into a cell; those of folders are indented after the first."""
    for line in lines:
        yield from textwrap.wrap(line, int((room - 2 * PAD) / LETTER), subsequent_indent="    " if "/" in line else "")


def _draw_cell(x: float, y: float, width: float, height: float, name: str, lines: list[str]) -> Iterator[str]:
    wing = name in ("speech", "images", "video")
    kind = name if wing else "core" if name in CORE else "shared"
    yield f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6"/>'
    for number, line in enumerate(lines):
        yield _write(x + PAD, y + PAD + 13 + LINE * number, line, "name" if wing and not number else "", "start")


def _write(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" xml:space="preserve"{kind}>{escape(words)}</text>'


if __name__ == "__main__":
    Path(__file__).with_name("architecture.svg").write_text(draw(), encoding="utf-8")
