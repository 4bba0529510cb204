"""The output of `translate models`: a table of models, the settings of one with comments, facts for scripts."""

import shlex
import zlib
from collections.abc import Iterator, Mapping
from io import StringIO
from typing import Any

import torch
from torch import nn

from translate.config import format_value, merge, parse_overrides
from translate.config.writing import write_with_comments
from translate.errors import UserError
from translate.models import NAMES, Model, resolve
from translate.models.settings import read_config, read_settings


def describe_models(config: str | None, overrides: list[str]) -> str:
    """Tabulate every model with its defaults or, when a file or an override names one, that model as configured.

    Returns:
        A table: model, task, networks with parameters in millions, paper. Sizes are measured on the networks.
    """
    values = merge(read_settings(config) if config else {}, parse_overrides(overrides))
    names = [values["model"]] if "model" in values else list(NAMES)
    rows = []
    for name in names:
        placeholder = {"model": name, "data": {"domains": ["source", "target"]}}
        resolved = resolve(merge(placeholder, values), config or "configuration")
        with torch.device("meta"):                                  # shapes only: no memory, no time
            translator = resolved.build()
        networks = "\n".join(
            f"{player}: {_summarise(translator.networks(player))}" for player in translator.players
        )
        rows.append((name, resolved.task, networks, resolved.paper))
    return _format(rows)


def show_settings(config: str | None, overrides: list[str]) -> str:
    """Format all settings of one model, resolved, as YAML with comments, which `translate train --config` accepts."""
    return write_with_comments(_read_one(config, overrides))


def show_facts(config: str | None, overrides: list[str]) -> str:
    """Format facts about one model as lines `key=value`, quoted for a POSIX shell."""
    facts = find_facts(_read_one(config, overrides))
    return "\n".join(f"{key}={shlex.quote(' '.join(value.split()))}" for key, value in facts.items())


def find_facts(config: Model) -> dict[str, str]:
    """Collect the facts about a model that recipes need.

    Returns:
        `model`, `title`, `task`, `paper`, `modality` and `recipe` of the model; `batches`: unpaired, paired or
        labelled; `source`: kind of its input (world, stft, wave; pictures, labels); `features`: a name for the settings
        of its features, equal where these are equal; `at_once`: `key=value` settings for a run of a single step;
        `starts_from`: the model whose run it starts from, or nothing.
    """
    features = repr(config.model_dump(include={"features"}))
    return {
        "model": config.model,
        "title": config.title,
        "task": config.task,
        "paper": config.paper,
        "modality": config.modality,
        "recipe": config.recipe,
        "batches": config.data.batches,
        "source": config.reads,
        "features": f"{config.reads}-{zlib.crc32(features.encode()):08x}",
        "at_once": " ".join(_list_settings(config.at_once)),
        "starts_from": config.starts_from,
    }


def _read_one(config: str | None, overrides: list[str]) -> Model:
    values = parse_overrides(overrides)
    if config is None and "model" not in values:
        raise UserError(f"name a model or a configuration; known models: {', '.join(NAMES)}")
    return read_config(config, values)


def _list_settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield nested settings as `key=value` words without spaces."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _list_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={format_value(value).replace(', ', ',')}"


def _summarise(networks: Mapping[str, nn.Module]) -> str:
    """Summarise networks, equal ones together, such as `2 x Generator2d 15.0 M`."""
    sizes: dict[str, list[int]] = {}
    for network in networks.values():
        sizes.setdefault(type(network).__name__, []).append(sum(p.numel() for p in network.parameters()))
    return ", ".join(f"{len(counts)} x {name} {_count(counts[0])}" for name, counts in sizes.items())


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e5 else f"{parameters / 1e3:.1f} K"


def _format(rows: list[tuple[str, str, str, str]]) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "task", "networks and parameters", "paper", show_lines=True)
    for row in rows:
        table.add_row(*row)
    text = StringIO()
    Console(file=text, width=140).print(table)
    return text.getvalue().rstrip()
