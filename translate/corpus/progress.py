"""A bar for what takes long, on standard error: standard output is for results."""

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Iterable[Item], what: str, total: int | None = None, show: bool = True) -> Iterable[Item]:
    """The items as they come, with a bar while they do."""
    from rich.console import Console
    from rich.progress import track as draw

    return draw(items, what, total=total, disable=not show, console=Console(stderr=True))
