"""The table of `translate models`: what is measured on the networks themselves, not copied from papers."""

from collections.abc import Mapping
from io import StringIO

import torch
from torch import nn

from translate.config import merge, parse_overrides
from translate.models import NAMES, resolve
from translate.models.settings import read_settings


def describe_systems(config: str | None, overrides: list[str]) -> str:
    """Every system with its defaults or, when a file or an override names one, that system as configured.

    Returns:
        A table: system, task, networks with parameters in millions, paper.
    """
    values = merge(read_settings(config) if config else {}, parse_overrides(overrides))
    names = [values["model"]] if "model" in values else list(NAMES)
    rows = []
    for name in names:
        placeholder = {"model": name, "data": {"domains": ["source", "target"]}}
        resolved = resolve(merge(placeholder, values), config or "configuration")
        with torch.device("meta"):                                  # sizes without numbers: no memory, no time
            translator = resolved.build()
        networks = "\n".join(
            f"{player}: {_summarise(translator.networks(player))}" for player in translator.players
        )
        rows.append((name, resolved.task, networks, resolved.paper))
    return _format(rows)


def _summarise(networks: Mapping[str, nn.Module]) -> str:
    """Equal networks together, such as `2 x Generator2d 15.0 M`."""
    sizes: dict[str, list[int]] = {}
    for network in networks.values():
        sizes.setdefault(type(network).__name__, []).append(sum(p.numel() for p in network.parameters()))
    return ", ".join(f"{len(counts)} x {name} {_count(counts[0])}" for name, counts in sizes.items())


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e5 else f"{parameters / 1e3:.1f} K"


def _format(rows: list[tuple[str, str, str, str]]) -> str:
    from rich.console import Console
    from rich.table import Table

    table = Table("system", "task", "networks and parameters", "paper", show_lines=True)
    for row in rows:
        table.add_row(*row)
    text = StringIO()
    Console(file=text, width=140).print(table)
    return text.getvalue().rstrip()
