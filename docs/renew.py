#!/usr/bin/env python
"""Renew what the pages take from the code: tables of models, deviations, quotes of code, the diagram.

    python docs/renew.py

A block between `<!-- NAME:begin -->` and `<!-- NAME:end -->` is written anew; of NAME there are

    models              the table of all models; what was measured is the paragraph "In short" on the model's page
    deviations MODEL    the points that the head of the model's file lists

A quote "`code` in `translate/...py`" whose code is no longer there gets the file that holds it now, or else the most
similar statement or expression of its file.
"""

import ast
import difflib
import importlib
import re
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path

import draw_architecture

from translate.models import NAMES, Model, list_models

ROOT = Path(__file__).resolve().parents[1]
ORDER = ["speech", "images", "video"]                               # of the modalities in tables
WIDTH = 120
BLOCK = r"(<!-- (\w+)(?: (\w+))?:begin -->\n).*?(<!-- \2(?: \3)?:end -->)"
QUOTE = r"`([^`]+)` in `(translate/[\w/]+\.py)`"
SIMILAR = 0.6                                                       # a quote and the code that takes its place
JAPANESE = {
    "voice conversion, unpaired": "声質変換（非パラレル）",
    "voice conversion, paired": "声質変換（パラレル）",
    "voice conversion among many domains": "多対多の声質変換",
    "postfilter, paired": "合成音声の過剰平滑化を直す",
    "synthetic to natural waveforms, unpaired": "合成波形を自然な波形に（非パラレル）",
    "image translation, paired": "画像変換（対）",
    "image translation, unpaired": "画像変換（対なし）",
    "image translation, label maps to photographs": "ラベル図から写真",
    "image translation among many domains": "多ドメインの画像変換",
    "super-resolution": "超解像",
    "pictures from noise": "雑音からの画像生成",
}


def main() -> None:
    for path, text in renew().items():
        if path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))


def renew() -> dict[Path, str]:
    """Every generated file and every page, as they should be."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    renewed = {page: renew_page(page) for page in pages}
    return {**renewed, ROOT / "docs/architecture.svg": draw_architecture.draw()}


def renew_page(page: Path) -> str:
    def write(block: re.Match[str]) -> str:
        begin, name, argument, end = block.groups()
        if name not in BLOCKS:
            raise SystemExit(f"{page}: no such block: {name}; there are {', '.join(BLOCKS)}")
        return f"{begin}\n{BLOCKS[name](page, argument or '')}\n\n{end}"

    text = re.sub(BLOCK, write, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(QUOTE, lambda quote: renew_quote(quote[1], quote[2]), text)


# --- models ------------------------------------------------------------------------------------------------


def read_sections(page: Path) -> dict[str, str]:
    """The parts of a page by their titles."""
    pieces = re.split(r"^## (.*)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


@cache
def find_page(model: str) -> Path:
    """The page whose part Paper names the model's file."""
    file = f"`{NAMES[model].replace('.', '/')}.py`"
    found = [page for page in (ROOT / "docs").glob("*.md") if file in read_sections(page).get("Paper", "")]
    if len(found) != 1:
        raise SystemExit(f"{model}: expected one page in docs/ whose part Paper names {file}, found {len(found)}")
    return found[0]


def write_models(page: Path, _: str) -> str:
    """A row for every page of a model."""
    by_page: dict[Path, list[type[Model]]] = {}
    for name, model in sorted(list_models().items(), key=lambda one: ORDER.index(one[1].modality)):
        by_page.setdefault(find_page(name), []).append(model)
    in_japanese = page.parent.name == "ja"
    head = ["model", "task", "measured here, small, on two CPU cores"]
    if in_japanese:
        head = ["手法", "用途", "論文", "結果"]
    rows = [head]
    for of_page, models in by_page.items():
        link, measured = _relative(of_page, page), read_measured(of_page, page)
        titles = ", ".join(f"[{model.title}]({link})" for model in models)
        tasks = list(dict.fromkeys(model.task for model in models))
        if in_japanese:
            tasks = [JAPANESE.get(task, task) for task in tasks]
            papers = "; ".join(dict.fromkeys(model.paper for model in models))
            rows.append([titles, "、".join(tasks), papers, "、".join(re.findall(r"\[[^]]+\]\([^)]+\)", measured))])
        else:
            rows.append([titles, "; ".join(tasks), measured])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def read_measured(of_page: Path, page: Path) -> str:
    """The paragraph "In short: ..." of a model's page on one line, its links as seen from `page`."""
    found = re.search(r"^In short: (.*?)\n\n", read_sections(of_page)["Results"], re.MULTILINE | re.DOTALL)
    if not found:
        raise SystemExit(f"{of_page}: the part Results has no paragraph that begins with 'In short:'")
    text = re.sub(r"\s+", " ", found[1]).rstrip(".")
    return re.sub(r"\]\(([^)]+)\)", lambda link: f"]({_relative(of_page.parent / link[1], page)})", text)


def _relative(to: Path, page: Path) -> str:
    """The path of a file from the folder of a page."""
    parts = to.resolve().relative_to(ROOT).parts
    here = page.parent.relative_to(ROOT).parts
    same = 0
    while same < min(len(here), len(parts)) and here[same] == parts[same]:
        same += 1
    return "/".join([*[".."] * (len(here) - same), *parts[same:]])


def list_deviations(model: str) -> list[str]:
    """The points that the head of the model's file lists, each on one line."""
    head = importlib.import_module(NAMES[model]).__doc__ or ""
    points = re.findall(r"^    - (.*(?:\n      .*)*)", head, re.MULTILINE)
    return [re.sub(r"\s+", " ", point) for point in points]


def write_deviations(_: Path, model: str) -> str:
    layout = {"width": WIDTH, "initial_indent": "- ", "subsequent_indent": "  "}
    fill = textwrap.TextWrapper(**layout, break_long_words=False, break_on_hyphens=False).fill  # type: ignore[arg-type]
    return "\n".join(fill(point) for point in list_deviations(model))


BLOCKS: dict[str, Callable[[Path, str], str]] = {"models": write_models, "deviations": write_deviations}


# --- quotes ------------------------------------------------------------------------------------------------


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def renew_quote(code: str, file: str) -> str:
    """The quote as it is where the file holds it; else with the file that does, or the most similar code of its own."""
    source = read_source(ROOT / file)
    if squeeze(code) not in source:
        holders = [path for path in (ROOT / "translate").rglob("*.py") if squeeze(code) in read_source(path)]
        nearest = [] if holders else difflib.get_close_matches(code, list_code(ROOT / file), n=1, cutoff=SIMILAR)
        if len(holders) == 1:
            file = holders[0].relative_to(ROOT).as_posix()
        elif nearest:
            code = nearest[0]
        else:
            raise SystemExit(f"{file} holds nothing like the code that a page quotes: {code}")
    return f"`{code}` in `{file}`"


@cache
def read_source(path: Path) -> str:
    """A file on one line; nothing where there is none."""
    return squeeze(path.read_text(encoding="utf-8")) if path.exists() else ""


def list_code(path: Path) -> list[str]:
    """Every statement and expression of a file, each on one line."""
    text = path.read_text(encoding="utf-8")
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.expr | ast.stmt | ast.keyword))
    segments = (squeeze(ast.get_source_segment(text, node) or "") for node in nodes)
    return [segment for segment in segments if len(segment) < 2 * WIDTH]


if __name__ == "__main__":
    main()
