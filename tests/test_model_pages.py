"""Every model has a page with five parts, and what the pages quote is there: code, configurations, numbers."""

import importlib
import re
from pathlib import Path

import pytest

from translate.models import NAMES
from translate.models.registry import find_defaults
from translate.models.settings import read_settings

ROOT = Path(__file__).resolve().parents[1]
PARTS = ["Paper", "Equations and code", "Configurations", "Results", "Deviations"]
QUOTE = r"`([^`]+)` in `(translate/[\w/]+\.py)`"


def read_sections(page: Path) -> dict[str, str]:
    pieces = re.split(r"^## (.*)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def find_page(name: str) -> Path:
    """The page whose part Paper names the model's file."""
    file = f"`{NAMES[name].replace('.', '/')}.py`"
    found = [page for page in (ROOT / "docs").glob("*.md") if file in read_sections(page).get("Paper", "")]
    assert len(found) == 1, f"{name}: expected one page whose part Paper names {file}, found {found}"
    return found[0]


def read_rows(section: str) -> list[str]:
    """The body rows of the tables of a section."""
    rows = re.findall(r"^\|.*\|$", section, re.MULTILINE)
    rules = [i for i, row in enumerate(rows) if set(row) <= set("|-: ")]
    return [row for i, row in enumerate(rows) if i not in rules and i + 1 not in rules]


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def list_deviations(name: str) -> list[str]:
    """The points that the head of the model's file lists."""
    head = importlib.import_module(NAMES[name]).__doc__ or ""
    points = re.findall(r"^    - (.*(?:\n      .*)*)", head, re.MULTILINE)
    return [squeeze(point) for point in points]


PAGES = sorted({find_page(name) for name in NAMES})


@pytest.mark.parametrize("name", NAMES)
def test_every_model_has_a_page_with_the_five_parts(name):
    sections = read_sections(find_page(name))
    assert [part for part in PARTS if not sections.get(part, "").strip()] == []
    assert [name for name in sections if name in PARTS] == PARTS, "one order on all pages"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_code_that_a_page_quotes_is_in_the_file(page):
    """Each row of the table of equations quotes at least one line."""
    rows = read_rows(read_sections(page)["Equations and code"])
    quotes = [re.findall(QUOTE, row) for row in rows]
    assert len(rows) >= 5
    assert [row for row, found in zip(rows, quotes, strict=True) if not found] == []
    files = {file: squeeze((ROOT / file).read_text(encoding="utf-8")) for found in quotes for _, file in found}
    assert [(code, file) for found in quotes for code, file in found if squeeze(code) not in files[file]] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_equations_names_the_losses_of_the_model(name):
    """Of every player: the losses that have a weight by default."""
    table = read_sections(find_page(name))["Equations and code"]
    players = find_defaults(name)["players"]
    named = set(re.findall(r"`(?:\w+\.)?(\w+)`", table))
    weighted = {name for player in players.values() for name, weight in player["losses"].items() if weight}
    assert weighted <= named


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_a_configuration_of_the_model(name):
    section = read_sections(find_page(name))["Configurations"]
    named = re.findall(r"`(egs/\w+/conf/\w+\.yaml)`", section)
    assert name in {read_settings(ROOT / path)["model"] for path in named}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_results_of_a_page_were_measured(page):
    """Every number with a point stands in a RESULTS.md that the section links."""
    section = read_sections(page)["Results"].split("\nPublished")[0]
    links = re.findall(r"\]\((\.\./egs/\w+/RESULTS\.md)\)", section)
    assert links
    measured = " ".join((page.parent / link).read_text(encoding="utf-8") for link in links)
    numbers = re.findall(r"\d+\.\d+", section)
    assert len(numbers) >= 3
    assert [number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", measured)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_lists_the_deviations_of_the_model_file(name):
    """The same words in both places; a change of the file's head belongs on the page, too."""
    section = squeeze(read_sections(find_page(name))["Deviations"])
    points = list_deviations(name)
    assert len(points) >= 2
    assert [point for point in points if f"- {point}" not in section] == []
