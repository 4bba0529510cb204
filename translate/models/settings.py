"""The settings of a run: defaults, file, overrides."""

from pathlib import Path
from typing import Any

from translate.config import merge, read_yaml
from translate.errors import UserError
from translate.models.base import Model
from translate.models.registry import resolve

DEEPEST = 8                                                         # files that build on each other


def read_config(path: str | None, overrides: dict[str, Any], domains: list[str] | None = None) -> Model:
    """The configuration of a run: defaults of the model, then the file, then the overrides."""
    values = merge(read_settings(path) if path else {}, overrides)
    if domains:
        values = merge(values, {"data": {"domains": domains}})
    where = path or "configuration"
    return resolve(values, f"{where} and the settings given" if path and overrides else where)


def read_settings(path: str | Path, seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The keys of a YAML file, laid over those of the file that its key `base` names, relative to it.

    Raises:
        UserError: a file that cannot be read, or files that build on each other in a circle.
    """
    values = read_yaml(path)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise UserError(f"{path}: `base` is {base}: expected the path of a YAML file")
    here, above = Path(path).resolve(), Path(path).parent / base
    if above.resolve() in (*seen, here) or len(seen) == DEEPEST:
        raise UserError(f"{path}: `base` is {base}, which builds on this file, or on too many")
    return merge(read_settings(above, (*seen, here)), values)
