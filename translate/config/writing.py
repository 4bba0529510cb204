"""Write settings as YAML with a comment beside each key."""

import textwrap
from collections.abc import Iterator, Mapping

from translate.config.comments import describe_field, describe_section, find_comments
from translate.config.parsing import format_value
from translate.config.sections import PlayerConfig, Section

COLUMN = 56                                                         # column at which comments begin
WIDTH = 120


def write_with_comments(config: Section) -> str:
    """Write the resolved settings as YAML, with choices or range and the comment of the field beside each key."""
    lines: list[str] = []
    for key, value, comment in _walk(config):
        lines += _align(f"{key}: {value}" if value else f"{key}:", comment)
    return "\n".join(lines)


def _walk(section: Section, indent: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield keys with their indent, values as YAML (empty for sections), and comments."""
    kind, comments = type(section), find_comments(type(section))
    for name in kind.model_fields:
        value, comment = getattr(section, name), comments.get(name, "")
        if isinstance(value, Section):
            yield indent + name, "", comment or describe_section(type(value))
            yield from _walk(value, indent + "  ")
        elif isinstance(value, Mapping) and any(isinstance(one, Section) for one in value.values()):
            of_players = {key.partition(".")[2]: one for key, one in comments.items() if key.startswith(f"{name}.")}
            yield indent + name, "", comment
            for key, one in value.items():
                if isinstance(one, PlayerConfig):
                    yield f"{indent}  {format_value(key)}", "", of_players.get(key, "")
                    yield from _walk(one, indent + "    ")
                else:
                    yield f"{indent}  {format_value(key)}", format_value(one.model_dump()), ""
        else:
            shown = section.model_dump(include={name})[name]
            yield indent + name, format_value(shown), describe_field(kind, name, comment)



def _align(line: str, comment: str) -> list[str]:
    """Put the comment beside the line, wrapped; below it where the line is too long."""
    if not comment:
        return [line]
    wrapped = textwrap.wrap(comment, WIDTH - COLUMN - 2)
    head = [f"{line:<{COLUMN}}# {wrapped[0]}"] if len(line) < COLUMN - 1 else [line, f"{'':{COLUMN}}# {wrapped[0]}"]
    return [*head, *(f"{'':{COLUMN}}# {more}" for more in wrapped[1:])]
