"""The settings of a run: defaults, file, overrides."""

from typing import Any

from translate.config import SystemConfig, merge, read_yaml
from translate.models import resolve


def read_config(path: str | None, overrides: dict[str, Any], domains: list[str] | None = None) -> SystemConfig:
    """The configuration of a run: defaults of the model, then the file, then the overrides."""
    values = merge(read_yaml(path) if path else {}, overrides)
    if domains:
        values = merge(values, {"data": {"domains": domains}})
    where = path or "configuration"
    return resolve(values, f"{where} and the settings given" if path and overrides else where)
