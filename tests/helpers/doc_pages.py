"""Split the pages of the documentation for the tests: blocks of code, prose, anchors."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "egs").glob("*/*.md")])
RUNNABLE = "<!-- runs -->"                                          # on the line above a fenced block of Python
EXAMPLES = ("egs/mine/", "egs/scans/")                              # recipes that the reader writes
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def find_blocks(page: Path) -> Iterator[tuple[str, str, bool]]:
    """(language, code, whether it is marked as runnable); the content tells indented Python from shell."""
    text = page.read_text(encoding="utf-8")
    for mark, language, code in re.findall(rf"^({RUNNABLE}\n)?```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield language or "sh", code, bool(mark)
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    python = ""
    for chunk in re.findall(r"(?:^    .*\n)+|^.*\S.*\n", text, re.MULTILINE):  # indented lines, or one line of prose
        code = re.sub(r"^    ", "", chunk, flags=re.MULTILINE) if chunk.startswith("    ") else ""
        if re.search(r"^(?:import|from) |^\w+ = \w+[.(]", code, re.MULTILINE):
            python += f"{code}\n"                                   # after a blank line it goes on
            continue
        if python:
            yield "python", python, False
        python = ""
        if code:
            yield "sh", code, False
    if python:
        yield "python", python, False


def read_prose(page: Path) -> str:
    """The page without its blocks and its quoted code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", re.sub(r"^    .*$", "", text, flags=re.MULTILINE))


def list_python(page: Path) -> list[tuple[str, bool]]:
    """(code, whether it is marked as runnable)."""
    return [(code, marked) for language, code, marked in find_blocks(page) if language == "python"]


def list_anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes from the headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    anchors: list[str] = []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        kept = (c for c in words if c in "-_ " or unicodedata.category(c)[0] in "LMN")
        anchor = "".join(kept).replace(" ", "-")
        anchors.append(f"{anchor}-{anchors.count(anchor)}" if anchor in anchors else anchor)
    return set(anchors)
