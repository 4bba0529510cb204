"""Read the comments of settings from the source code: beside the fields of sections and the players of a model."""

import ast
import inspect
import io
import re
import textwrap
import tokenize
from typing import Any, Literal, get_args, get_origin

from translate.config.sections import Section

_LIMITS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def find_comments(section: type[Section]) -> dict[str, str]:
    """Collect the comment of each field of a section, and of each player in its defaults as `players.<name>`.

    A comment stands at the end of the field's last line and continues in the comment lines below it. A field that a
    subclass repeats without a comment keeps the comment of the base class.
    """
    found: dict[str, str] = {}
    for cls in reversed(section.__mro__):
        if issubclass(cls, Section) and cls is not Section:
            found |= _read_class(cls)
    return found


def describe_field(section: type[Section], name: str, comment: str) -> str:
    """Put the choices or the range of a field before its comment: `dio | harvest; how F0 is estimated`."""
    field = section.model_fields[name]
    parts = [_list_choices(field.annotation), _list_limits(field.metadata), comment]
    return "; ".join(part for part in parts if part)


def describe_section(section: type[Section]) -> str:
    """Return the first paragraph of a section's docstring without the section's name, such as "the loop"; else "".
    """
    paragraph = (section.__dict__.get("__doc__") or "").strip().partition("\n\n")[0]
    said = re.match(r"`[\w.<>]+`: (.*)", re.sub(r"\s+", " ", paragraph))
    return said[1].rstrip(".") if said else ""


def _read_class(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):                                    # made at run time: it has no source
        return {}
    lines = source.splitlines()
    comments = {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.string != "# fmt: skip"
    }

    def read(node: ast.stmt | ast.expr) -> str:
        """Return the comment behind the node and on the comment lines below it."""
        line = node.end_lineno or node.lineno
        parts = [comments[line]] if line in comments else []
        while line < len(lines) and lines[line].lstrip().startswith("#"):
            line += 1
            parts.append(comments[line])
        return " ".join(parts)

    found = {}
    (body,) = ast.parse(source).body
    assert isinstance(body, ast.ClassDef)
    for node in body.body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if node.target.id != "players" or not isinstance(node.value, ast.Dict):
            found[node.target.id] = read(node)
        else:
            found["players"] = comments.get(node.lineno, "") if node.end_lineno != node.lineno else ""
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    found[f"players.{key.value}"] = read(value)
    return {name: comment for name, comment in found.items() if comment}


def _list_choices(annotation: Any) -> str:
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return " | ".join(map(str, choices)) if len(choices) > 1 else ""


def _list_limits(metadata: list[Any]) -> str:
    found = [(name, getattr(one, name, None)) for one in metadata for name in _LIMITS]
    limits = {name: limit for name, limit in found if limit is not None}
    shown = []
    if "ge" in limits and "le" in limits:
        shown.append(f"{limits.pop('ge')} to {limits.pop('le')}")
    return ", ".join([*shown, *(f"{_LIMITS[name]} {limit}" for name, limit in limits.items())])
