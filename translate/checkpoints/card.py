"""Model cards: the README.md of a shared checkpoint, made from the run and from what its author adds.

A card is front matter for the Hub, a title with an introduction, and the sections of `SECTIONS`. A section that neither
the run nor the author fills is marked as not stated.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from translate.checkpoints.files import find_text
from translate.checkpoints.trust import find_code
from translate.config import parse_yaml
from translate.corpus.directions import Directions
from translate.errors import UserError
from translate.models.base import Model
from translate.models.description import Description

SECTIONS = ("What it converts", "Data and licence", "Training", "Results", "What it is bad at", "Use")
HEARD = ("Naturalness, DNSMOS overall", "Speaker similarity", "Phone error rate")  # tables of instruments in results.md
OF_THE_RUN = ("What it converts", "Results")                        # sections never taken from an older card
BLANK = "Not stated: "                                              # begins a section that nobody has filled in yet


def make_card(
    checkpoint: Path,
    config: Model,
    weights: dict[str, Tensor],
    place: str,
    given: Path | None = None,
    older: bool = False,
) -> str:
    """Make the text of a card.

    Args:
        checkpoint: checkpoint of the run; results.md beside it gives the numbers.
        config: configuration of the run.
        weights: shared weights.
        place: argument of `translate.load` for it.
        given: Markdown whose front matter, title and sections replace those made here, except Use and blank ones.
        older: whether `given` is the card of a former run, whose conversion and results are not taken either.

    Raises:
        UserError: `given` cannot be read, or its front matter is not YAML.
    """
    described = config.describe()
    matter: dict[str, Any] = {
        "license": "unknown",
        "library_name": "translate",
        "pipeline_tag": described.pipeline,
        "tags": [described.tag, config.model.replace("_", "-")],
    }
    title = Path(place).name
    intro = f"`{config.model}` ({config.paper or 'a model of its own'}): {config.task}."
    sections = {
        "What it converts": _tell_conversion(config, weights),
        "Data and licence": f"{BLANK}what it learned from, under which licence, whom to credit.",
        "Training": _tell_training(config),
        "Results": _read_results(checkpoint),
        "What it is bad at": f"{BLANK}what goes wrong with it.",
    }
    if given is not None:
        own_matter, own_title, own_intro, own_sections = _read_card(given)
        matter |= own_matter
        title, intro = own_title or title, own_intro or intro
        made_here = {"Use", *(OF_THE_RUN if older else ())}
        sections |= {name: text for name, text in own_sections.items() if name not in made_here and BLANK not in text}
    sections["Use"] = _tell_use(described, place) + _tell_code(config)
    front = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True).strip()
    parts = [f"---\n{front}\n---", f"# {title}", intro, *(f"## {name}\n\n{text}" for name, text in sections.items())]
    return "\n\n".join(part for part in parts if part) + "\n"


def find_blanks(text: str) -> list[str]:
    """List the sections of a card that are missing or still blank; and `license` where the front matter names none."""
    matter, _, _, sections = _parse(text, "the card")
    blank = [name for name in SECTIONS if BLANK in sections.get(name, BLANK)]
    return [*(["license"] if matter.get("license", "unknown") == "unknown" else []), *blank]


def _read_card(path: Path) -> tuple[dict[str, Any], str, str, dict[str, str]]:
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UserError(f"{path}: cannot read the card ({reason})") from None


def _parse(text: str, where: str) -> tuple[dict[str, Any], str, str, dict[str, str]]:
    """Parse front matter, title, the text below it, and the texts of the sections by name."""
    matter: Any = {}
    if found := re.match(r"---\n(.*?)\n---\n", text, re.DOTALL):
        try:
            matter = parse_yaml(found[1]) or {}
        except yaml.YAMLError:
            matter = None
        if not isinstance(matter, dict):
            raise UserError(f"{where}: the front matter, between lines ---, must be YAML, such as `license: cc-by-4.0`")
        text = text[found.end() :]
    head, *parts = re.split(r"^## +", text, flags=re.MULTILINE)
    title = re.search(r"^# +(.*)$", head, re.MULTILINE)
    intro = head[title.end() :] if title else head
    sections = {name.strip(): body.strip("\n") for name, _, body in (part.partition("\n") for part in parts)}
    return matter, title[1].strip() if title else "", intro.strip(), sections


def _tell_conversion(config: Model, weights: dict[str, Tensor]) -> str:
    parameters = sum(value.numel() for value in weights.values() if value.is_floating_point()) / 1e6
    between = Directions.of(config)
    if not config.translates:
        return f"{config.describe().takes} {parameters:.2f} million numbers in the shared weights."
    if between.many:
        road = f"To any of {', '.join(between.domains)}, by one network."
    else:
        road = " and ".join(f"{source} to {target}" for source, target in between.pairs) + "."
    return f"{road} {config.describe().takes} {parameters:.2f} million numbers in the shared weights."


def _tell_training(config: Model) -> str:
    train = config.train
    return (
        f"{train.steps} steps, batch size {train.batch_size}, crops of {train.crop}, seed {train.seed}; every setting "
        f"is in `config.yaml`. {BLANK}the command, the machine and the date."
    )


def _read_results(checkpoint: Path) -> str:
    """Read the first table of the run's results, and those of the listening instruments."""
    path = find_text(checkpoint.parent, "results.md")
    if path is None or not (checkpoint / "state.pt").exists():  # files beside a shared one are not of its run
        return f"{BLANK}what `translate evaluate` measured."
    _, _, first, sections = _read_card(path)
    name, text = ("", first) if first else next(iter(sections.items()), ("", ""))
    heard = [f"{title}\n\n{table}" for title, table in sections.items() if title != name and title.startswith(HEARD)]
    return "\n\n".join([f"From `translate evaluate`{': ' if name else '.'}{name}\n\n{text}", *heard])


def _tell_use(described: Description, place: str) -> str:
    load = f'model = translate.load("{place}")'
    lines = [f"import {described.imports}, translate", load, described.opening, described.call]
    command = f"    translate {described.verb} {place} {described.command}"
    return "\n".join(["```python", *lines, "```", "", "or", "", command])


def _tell_code(config: Model) -> str:
    """The foreign code that the checkpoint names, and how whoever takes it lets it run; nothing where it names none."""
    foreign = sorted(set(find_code(config.model_dump())))
    if not foreign:
        return ""
    names, trusted = ", ".join(f"`{path}`" for path in foreign), ",".join(foreign)
    return (
        f"\n\nIt names code that is not in this folder: {names}. Get it from whoever shares it, put it on "
        f"`PYTHONPATH`, and where you trust it say so:\n\n    export TRANSLATE_TRUST={trusted}"
    )
