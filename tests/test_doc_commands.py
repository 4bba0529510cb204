"""The commands of all pages: verbs, options, settings and files exist."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import typer
from doc_pages import EACH_PAGE, EXAMPLES, ROOT, find_blocks

from translate.models import NAMES


def find_commands(page: Path) -> Iterator[list[str]]:
    """The commands of a page's shell blocks, word by word, without comments, variables and pipes."""
    for language, code, _ in find_blocks(page):
        if language not in ("sh", "bash", "shell", "console"):
            continue
        for line in re.sub(r"\\\n\s*", " ", code).splitlines():
            try:
                words = shlex.split(line.removeprefix("$ "), comments=True)
            except ValueError:
                continue                                            # prose or output in the form of a block
            command: list[str] = []
            for word in [*words, ";"]:
                if word in ("|", "&&", "||", ";", "&"):
                    yield strip_prefix(command)
                    command = []
                else:
                    command.append(word.removesuffix(";"))


def strip_prefix(words: list[str]) -> list[str]:
    """Without settings of variables, `time`, and what starts `translate` in another way."""
    while words and (re.fullmatch(r"[A-Z_]+=\S*", words[0]) or words[0] == "time"):
        words = words[1:]
    if words[:1] == ["torchrun"] and "translate" in words:
        return words[words.index("translate"):]
    return words[2:] if words[:3] == ["python", "-m", "translate"] else words


def plain(words: list[str]) -> list[str]:
    """Without the brackets that mark what may be left out."""
    return [word.strip("[]") if "=" not in word else word for word in words]


@EACH_PAGE
def test_commands_exist_and_take_these_options(page):
    from translate.cli import app

    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for words in find_commands(page):
        if words[:1] == ["translate"] and len(words) > 1:
            if words[1] in ("--help", "--version"):
                continue
            assert words[1] in verbs, f"translate {words[1]}"
            known = {name for option in verbs[words[1]].params for name in (*option.opts, *option.secondary_opts)}
            given = {word.partition("=")[0] for word in plain(words[2:]) if word.startswith("--")}
            assert given <= {*known, "--help"}, " ".join(words)
        elif words[:1] == ["bash"] and len(words) > 1:
            assert (ROOT / words[1]).is_file() or words[1].startswith(EXAMPLES), " ".join(words)
            if re.fullmatch(r"egs/\w+/run\.sh", words[1]) and (ROOT / words[1]).is_file():
                check_recipe(ROOT / words[1], plain(words[2:]))
        elif words[:1] == ["python"] and len(words) > 1 and re.fullmatch(r"\w+/.*\.py", words[1]):
            assert (ROOT / words[1]).is_file(), " ".join(words)     # without a folder it is the reader's


def check_recipe(script: Path, words: list[str]) -> None:
    """The options of a recipe and its configurations."""
    text = script.read_text(encoding="utf-8")
    served = re.search(r'^recipes="?([\w ]+)', text, re.MULTILINE)
    recipes = served[1].split() if served else [path.stem for path in (ROOT / "recipes").glob("*.sh")]
    known = set(re.findall(r"^\s+--(\w+)\)", text, re.MULTILINE))
    own = re.search(r'^options="([\w ]+)"', text, re.MULTILINE)      # of a script that trains without a recipe
    known |= set(own[1].split()) if own else set()
    for name in [] if own else ["run", *recipes]:
        script_of_recipe = (ROOT / f"recipes/{name}.sh").read_text("utf-8")
        for names in re.findall(r'^(?:common_)?options="([\w ]+)"', script_of_recipe, re.MULTILINE):
            known |= set(names.split())
    options = {word[2:].partition("=")[0].replace("-", "_") for word in words if word.startswith("--")}
    assert options <= {*known, "help"}, f"{script.parent.name}: {options - known}"
    for option, value in pairwise(words):
        if option == "--model":
            assert (script.parent / "conf" / f"{value}.yaml").exists(), f"{script.parent.name}: {value}"
        if option == "--config":
            assert (script.parent / value).exists(), f"{script.parent.name}: {value}"


def test_the_readme_shows_every_verb_of_a_run():
    """So that what is looked for above is found at all."""
    shown = [words[1] for words in find_commands(ROOT / "README.md") if words[:1] == ["translate"]]
    assert set(shown) >= {"doctor", "prepare", "extract", "train", "convert", "evaluate"}


@EACH_PAGE
def test_settings_in_commands_are_those_of_the_model(page):
    """`key=value` behind `translate train`, `extract` and `models`, and behind recipes, is accepted."""
    from translate.config import parse_overrides
    from translate.models.settings import read_config

    for words in find_commands(page):
        settings = [word for word in words if re.fullmatch(r"[a-z]\w*(?:\.\w+)*=\S+", word) and "..." not in word]
        config = None
        if words[:1] == ["translate"] and words[1] in ("train", "extract", "models"):
            config = words[words.index("--config") + 1] if "--config" in words else None
            settings += [f"model={word}" for word in words[2:3] if words[1] == "models" and word in NAMES]
            words_of_model = [word.partition("=")[2] for word in settings if word.startswith("model=")]
            if (config is None and not words_of_model) or not set(words_of_model) <= set(NAMES):
                continue                                            # a reader's own model
        elif words[:1] == ["bash"] and settings and "egs/" in words[1]:
            folder = str(Path(words[1]).parent)
            if "--model" in words:
                config = f"{folder}/conf/{words[words.index('--model') + 1]}.yaml"
            elif "--config" in words:
                config = f"{folder}/{words[words.index('--config') + 1]}"
            else:
                continue
        else:
            continue
        if config is not None and not (ROOT / config).exists():
            assert config.startswith(("conf/", *EXAMPLES)), config
            continue
        read_config(config and str(ROOT / config), parse_overrides(settings), ["a", "b"])


@EACH_PAGE
def test_options_behind_convert_are_those_of_a_modality(page):
    from translate.config import parse_overrides
    from translate.config.options import read_options
    from translate.images.options import ImageGeneration
    from translate.jobs.options import foresee_conversion

    for words in find_commands(page):
        if words[:2] == ["translate", "convert"]:
            foresee_conversion(parse_overrides([word for word in words if re.fullmatch(r"[a-z]\w*=\S+", word)]))
        if words[:2] == ["translate", "generate"]:
            given = parse_overrides([word for word in words if re.fullmatch(r"[a-z]\w*=\S+", word)])
            read_options(ImageGeneration, given).read_between()
