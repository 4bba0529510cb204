"""From YAML and dotted overrides to validated sections; every error is one line that names the key."""

import difflib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from translate.config.parsing import LONGEST, format_yaml, parse_yaml
from translate.config.sections import LossWeight, Section
from translate.errors import UserError

SHOWN = 12                                                          # keys that an error lists


def write_yaml(path: str | os.PathLike[str], config: Section) -> None:
    """Write a resolved configuration, from which `read_yaml` reads the same values."""
    Path(path).write_text(format_yaml(config), encoding="utf-8")


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a mapping from a YAML file; raise `UserError` when it is missing, too large, broken or not a mapping."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST + 1)                           # bounded also for /dev/zero
        if len(data) > LONGEST:
            raise UserError(f"{path}: has more than {LONGEST} bytes; is it a configuration?")
        content = parse_yaml(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the configuration ({_first_line(error)})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML ({_first_line(error)})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected `key: value` lines at the top level, found {type(content).__name__}")
    return content


def parse_overrides(overrides: list[str]) -> dict[str, Any]:
    """Parse `["train.steps=100", ...]` into nested dicts; values are YAML."""
    nested: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        shown = _shorten(override)
        if not equals or not all(key.strip().split(".")):
            raise UserError(f"override `{shown}`: expected key=value, such as train.steps=2000")
        try:
            parsed = parse_yaml(value)
        except yaml.YAMLError:
            raise UserError(f"override `{shown}`: the value is not valid YAML") from None
        level = nested
        *parents, last = key.strip().split(".")
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise UserError(f"override `{shown}`: `{parent}` was given a value before")
        level[last] = parsed
    return nested


def merge(base: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `update` laid over it, mappings merged key by key.

    The weight of a loss may be a plain number: one that is given an `every` or `until` later keeps its number.
    """
    merged = dict(base)
    for key, value in update.items():
        below = merged.get(key)
        ends = isinstance(value, dict) and value.keys() <= LossWeight.model_fields.keys()
        if ends and isinstance(below, int | float):
            below = {"weight": below}
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


SomeSection = TypeVar("SomeSection", bound=Section)


def lay_over(section: type[SomeSection], defaults: dict[str, Any], values: dict[str, Any], where: str) -> SomeSection:
    """Return `section` with its `defaults` updated with `values`; raise `UserError` for a key that the defaults lack.

    Args:
        section: class of the result.
        defaults: whole tree of keys.
        values: values, nested as the defaults are.
        where: origin of the values for error messages, such as the file's name.
    """
    without = dict.fromkeys(section.model_fields)                   # keys without a default
    _check_keys(values, without | defaults, defaults, where)
    return validate(section, merge(defaults, values), where)


def validate(section: type[SomeSection], values: dict[str, Any], where: str) -> SomeSection:
    """Return `section(**values)`; raise the first problem as a one-line `UserError`."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_explain(section, error, values)}") from None


# --- unknown keys -----------------------------------------------------------------------------------------

_FREE = {("own", "networks"), ("own", "losses")}                    # mappings whose keys are the user's


def _check_keys(
    values: dict[str, Any], known: dict[str, Any], tree: dict[str, Any], where: str, above: tuple[str, ...] = ()
) -> None:
    """Raise `UserError` for the first key of `values` that `known` lacks, with the nearest key of the whole `tree`."""
    for key, value in values.items():
        if not isinstance(key, str):
            continue                                                # reported by `validate`
        path = (*above, key)
        if key not in known:
            raise UserError(f"{where}: unknown key `{'.'.join(path)}`; {_suggest(path, list(known), _flatten(tree))}")
        inside = known[key]
        if above[:1] == ("players",) and above[-1:] == ("losses",) and isinstance(value, dict):
            inside = LossWeight.model_fields
        if isinstance(value, dict) and isinstance(inside, dict) and path not in _FREE:
            _check_keys(value, inside, tree, where, path)


def _suggest(path: Sequence[str], siblings: Sequence[str], everywhere: Sequence[str]) -> str:
    """Suggest the nearest sibling, else the same name elsewhere (`steps`: `train.steps`), else list all siblings."""
    nearest = difflib.get_close_matches(path[-1], siblings, n=1, cutoff=0.5)
    if nearest:
        return f"did you mean `{'.'.join([*path[:-1], nearest[0]])}`?"
    elsewhere = [key for key in everywhere if key.rpartition(".")[2] == path[-1]]
    return f"did you mean `{elsewhere[0]}`?" if elsewhere else f"known: {', '.join(siblings)}"


def _suggest_own(path: list[str], value: Any) -> str:
    """Suggest a key in `own.losses`, whose keys contain dots, which in an override were taken for levels."""
    player, *names = path
    if "." in names[0]:                                             # the path of a loss; the unknown key follows it
        return f"known: {', '.join(LossWeight.model_fields)}"
    while isinstance(value, dict) and len(value) == 1 and not value.keys() & LossWeight.model_fields.keys():
        (name, value), = value.items()
        names.append(name)
    return f"write 'own.losses.{player}={{{'.'.join(names)}: {_show(value)}}}'"


def _flatten(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """Return every key with the keys above it, joined by dots."""
    keys = []
    for name, value in tree.items():
        keys += [prefix + name, *(_flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else [])]
    return keys


# --- wrong values -----------------------------------------------------------------------------------------


def _explain(section: type[Section], error: ValidationError, values: dict[str, Any]) -> str:
    # A union reports one problem per branch; an unknown key, else the deepest problem, says most.
    problem = max(error.errors(), key=lambda p: (p["type"] == "extra_forbidden", len(p["loc"])))
    path = [str(part) for part in problem["loc"]]
    if path[-1:] == ["weight"] and isinstance(_find(values, path[:-1]), int | float):
        path.pop()                                                  # "weight" of a loss written as a number
    key, value, kind = ".".join(path), _show(problem["input"]), problem["type"]
    if path[-1:] == ["[key]"]:
        return f"`{'.'.join(path[:-1])}` is {value}: keys should be strings"
    if kind == "extra_forbidden" and path[:2] == ["own", "losses"]:
        return f"unknown key `{key}`; {_suggest_own(path[2:], problem['input'])}"
    if kind == "extra_forbidden":
        return f"unknown key `{key}`; {_suggest(path, _find_fields(section, path[:-1]), [])}"
    if kind == "missing":
        return f"`{key}` is required"
    if kind == "model_type":
        keys = list(_find_fields(section, path))
        shown = [*keys[:SHOWN], *(["..."] if len(keys) > SHOWN else [])]
        return f"`{key}` is {value}: expected keys of its own ({', '.join(shown)})"
    message, nearest = problem["msg"].replace("Input", "it"), []
    if kind == "literal_error" and isinstance(problem["input"], str):
        choices = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
        nearest = difflib.get_close_matches(problem["input"], choices, n=1, cutoff=0.4)
    hint = f"; did you mean `{nearest[0]}`?" if nearest else ""
    return f"`{key}` is {value}: {message[0].lower()}{message[1:]}{hint}"


def _find(values: Any, path: Sequence[str]) -> Any:
    """Return the value at `path` in nested mappings; None where there is none."""
    for part in path:
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _find_fields(section: type[Section], path: Sequence[str]) -> list[str]:
    """Return the keys of the section at `path`; empty where there is no section."""
    kind: Any = section
    for part in path:
        if isinstance(kind, type) and issubclass(kind, Section):
            kind = kind.model_fields[part].annotation if part in kind.model_fields else None
        else:
            kind = (getattr(kind, "__args__", None) or [None])[-1]  # the type of a mapping's or list's values
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Section) else []


def _show(value: Any) -> str:
    """Format a value on one line, as YAML."""
    return _shorten(json.dumps(value, default=str, ensure_ascii=False))


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _first_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark and error.problem:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
