"""What the documents say is there: links, files, messages, imports, the diagram; blocks that are marked run."""

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys

import pytest
from doc_pages import EACH_PAGE, EXAMPLES, PAGES, ROOT, RUNNABLE, list_anchors, list_python, read_prose


@EACH_PAGE
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", read_prose(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in list_anchors(target), f"{page.name} links to {link}: no such heading"


def test_anchors_are_those_of_github(tmp_path):
    (tmp_path / "page.md").write_text("# A `b.py`, c: d\n\n## Twice\n\n## Twice\n\n## 音が悪い（ノイズ）\n")
    assert list_anchors(tmp_path / "page.md") == {"a-bpy-c-d", "twice", "twice-1", "音が悪いノイズ"}


@EACH_PAGE
def test_files_that_are_named_exist(page):
    path = r"`((?:translate|egs|recipes|tools|docs|tests)/[\w./-]+\.(?:py|sh|yaml|md|svg))`"
    named = re.findall(path, page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists() and not path.startswith(EXAMPLES)] == []


def test_the_japanese_readme_says_what_was_measured_and_names_every_model():
    """Its numbers stand in the README or in a RESULTS.md that it links; its table has the README's pages."""
    page, readme = ROOT / "docs/ja/README.md", (ROOT / "README.md").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(([^)\s]+RESULTS\.md)\)", text))
    measured = " ".join((page.parent / link).read_text(encoding="utf-8") for link in links)
    numbers = re.findall(r"(?<![\d.])\d+\.\d\d(?!\d)", text)
    assert len(numbers) > 20
    assert [number for number in numbers if number not in measured + readme] == []
    assert {f"../{name}.md" for name in re.findall(r"^\| \[.*?\]\(docs/(\w+)\.md\)", readme, re.MULTILINE)} <= set(
        re.findall(r"\]\((\.\./\w+\.md)\)", text)
    )


@pytest.mark.parametrize("page", ["docs/troubleshooting.md", "docs/ja/troubleshooting.md"])
def test_messages_that_are_quoted_are_in_the_code(page):
    """The first cell of the table of messages."""
    text = (ROOT / page).read_text(encoding="utf-8")
    table = re.search(r"^\| (?:message|メッセージ) .*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "translate").rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)                        # a message may go on in the next line
    messages = re.findall(r"^\| `([^`]+)`", table[1], re.MULTILINE)
    assert len(messages) >= 5
    assert [message for message in messages if message not in code] == []


# --- Python -----------------------------------------------------------------------------------------------


@EACH_PAGE
def test_python_compiles_and_its_imports_exist(page):
    for code, _ in list_python(page):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                for name in node.names:
                    assert importlib.util.find_spec(name.name), name.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                names = [name.name for name in node.names]
                assert all(hasattr(module, name) or find_module(f"{node.module}.{name}") for name in names), names
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "translate":
                assert hasattr(importlib.import_module("translate"), node.attr), f"translate.{node.attr}"


def find_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("page", [page for page in PAGES if RUNNABLE in page.read_text(encoding="utf-8")], ids=str)
def test_python_that_is_marked_runs(page, tmp_path):
    blocks = [code for code, marked in list_python(page) if marked]
    assert len(blocks) == page.read_text(encoding="utf-8").count(RUNNABLE)
    (tmp_path / "pretrained").symlink_to(ROOT / "pretrained")
    for code in blocks:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=environment)


# --- the diagram ------------------------------------------------------------------------------------------


def test_the_diagram_of_the_packages_is_drawn_from_what_there_is():
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "docs" / "draw_architecture.py")
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    assert (ROOT / "docs/architecture.svg").read_text(encoding="utf-8") == drawing.draw(), "draw it again"
    folder = ROOT / "translate"
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__", "version"}
    assert {name for row in drawing.read_rows() for name in row} == packages | modules
