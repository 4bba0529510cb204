"""Every model has a page with five parts, and what the pages take from the code is up to date."""

import re
import sys
from pathlib import Path

import pytest

from translate.models import NAMES, find_model
from translate.models.settings import read_settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import renew  # noqa: E402

sys.path.remove(str(ROOT / "docs"))

PARTS = ["Paper", "Equations and code", "Configurations", "Results", "Deviations"]
RENEWED = renew.renew()
PAGES = sorted({renew.find_page(model) for model in NAMES})


def read_rows(section: str) -> list[str]:
    """The body rows of the tables of a section."""
    rows = re.findall(r"^\|.*\|$", section, re.MULTILINE)
    rules = [i for i, row in enumerate(rows) if set(row) <= set("|-: ")]
    return [row for i, row in enumerate(rows) if i not in rules and i + 1 not in rules]


@pytest.mark.parametrize("path", RENEWED, ids=lambda path: str(path.relative_to(ROOT)))
def test_generated_parts_are_up_to_date(path):
    """Tables of models, deviations, quotes of code, the diagram: `python docs/renew.py` renews them."""
    assert path.read_text(encoding="utf-8") == RENEWED[path]


@pytest.mark.parametrize("model", NAMES)
def test_every_model_has_a_page_with_the_five_parts(model):
    sections = renew.read_sections(renew.find_page(model))
    assert [part for part in PARTS if not sections.get(part, "").strip()] == []
    assert [name for name in sections if name in PARTS] == PARTS, "one order on all pages"


@pytest.mark.parametrize("model", NAMES)
def test_a_page_has_the_deviations_of_the_model_file(model):
    assert len(renew.list_deviations(model)) >= 2
    section = renew.read_sections(renew.find_page(model))["Deviations"]
    assert f"<!-- deviations {model}:begin -->" in section


@pytest.mark.parametrize("page", ["README.md", "docs/ja/README.md"])
def test_the_table_of_models_names_all(page):
    table = RENEWED[ROOT / page].partition("models:begin")[2].partition("models:end")[0]
    assert [name for name in NAMES if f"[{find_model(name).title}](" not in table] == []
    links = re.findall(r"\]\(([^)]+)\)", table)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
    if page.startswith("docs/ja"):
        assert {model.task for model in map(find_model, NAMES)} <= set(renew.JAPANESE)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_each_row_of_the_table_of_equations_quotes_code(page):
    rows = read_rows(renew.read_sections(page)["Equations and code"])
    assert len(rows) >= 5
    assert [row for row in rows if not re.search(renew.QUOTE, row)] == []


@pytest.mark.parametrize("model", NAMES)
def test_the_table_of_equations_names_the_losses_of_the_model(model):
    """Of every player: the losses that have a weight by default."""
    table = renew.read_sections(renew.find_page(model))["Equations and code"]
    players = find_model(model).model_fields["players"].default
    named = set(re.findall(r"`(?:\w+\.)?(\w+)`", table))
    weighted = {name for player in players.values() for name, weight in player.losses.items() if weight.weight}
    assert weighted or model == "linear_vc"                         # which has nothing to train
    assert weighted <= named


@pytest.mark.parametrize("model", NAMES)
def test_a_page_names_a_configuration_of_the_model(model):
    section = renew.read_sections(renew.find_page(model))["Configurations"]
    named = re.findall(r"`(egs/\w+/conf/\w+\.yaml)`", section)
    assert model in {read_settings(ROOT / path)["model"] for path in named}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_results_of_a_page_were_measured(page):
    """Every number with a point stands in a RESULTS.md that the section links."""
    section = renew.read_sections(page)["Results"].split("\nPublished")[0]
    links = re.findall(r"\]\((\.\./egs/\w+/RESULTS\.md)\)", section)
    assert links
    measured = " ".join((page.parent / link).read_text(encoding="utf-8") for link in links)
    numbers = re.findall(r"\d+\.\d+", section)
    assert len(numbers) >= 3
    assert [number for number in numbers if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", measured)] == []


# --- renewing itself ---------------------------------------------------------------------------------------


def test_a_stale_quote_follows_its_code():
    cycle, pool = "translate/games/cycle.py", "translate/games/pool.py"
    code = "l1(cycled_x, x) + l1(cycled_y, y)"
    assert renew.renew_quote(code, cycle) == f"`{code}` in `{cycle}`"
    assert renew.renew_quote(code, pool) == f"`{code}` in `{cycle}`"                        # the code moved
    assert renew.renew_quote("l1(cycled_a, a) + l1(cycled_b, b)", cycle) == f"`{code}` in `{cycle}`"  # renamed
    with pytest.raises(SystemExit, match="holds nothing like"):
        renew.renew_quote("torch.fft.rfft2(picture).abs().log1p()", cycle)


def test_unknown_blocks_and_missing_summaries_are_named(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- nothing:begin -->\n<!-- nothing:end -->\n")
    with pytest.raises(SystemExit, match="no such block: nothing; there are models, deviations"):
        renew.renew_page(page)
    page.write_text("## Results\n\nLong words.\n")
    with pytest.raises(SystemExit, match="no paragraph that begins with 'In short:'"):
        renew.read_measured(page, ROOT / "README.md")
