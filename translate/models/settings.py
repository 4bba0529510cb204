"""The settings of a run: defaults, file, overrides."""

from pathlib import Path
from typing import Any

from translate.config import merge, read_yaml
from translate.errors import UserError
from translate.models.base import Model
from translate.models.registry import resolve

DEEPEST = 8                                                         # levels of files that build on each other


def read_config(path: str | None, overrides: dict[str, Any], domains: list[str] | None = None) -> Model:
    """Read the configuration of a run: defaults of the model, then the file, then the overrides."""
    values = merge(read_settings(path) if path else {}, overrides)
    if domains:
        values = merge(values, {"data": {"domains": domains}})
    where = path or "configuration"
    return resolve(values, f"{where} and the settings given" if path and overrides else where)


def read_settings(path: str | Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a YAML file, laid over the files that its key `base` names: one path or several, relative to the file.

    Args:
        path: path of the file.
        above: files that build on it.

    Raises:
        UserError: a file that cannot be read, or files that build on each other in a circle.
    """
    values = read_yaml(path)
    base = values.pop("base", None)
    names = [] if base is None else [base] if isinstance(base, str) else base
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: `base` is {base}: expected the path of a YAML file, or a list of them")
    chain = (*above, Path(path).resolve())
    below: dict[str, Any] = {}
    for name in names:
        other = Path(path).parent / name
        if other.resolve() in chain or len(chain) > DEEPEST:
            raise UserError(f"{path}: `base` is {name}, which builds on this file, or on too many")
        below = merge(below, read_settings(other, chain))
    return merge(below, values)
