"""A progress bar on standard error: standard output is for results."""

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Iterable[Item], what: str, total: int | None = None, show: bool = True) -> Iterable[Item]:
    """Yield the items, with a progress bar."""
    from rich.console import Console
    from rich.progress import track as draw

    return draw(items, what, total=total, disable=not show, console=Console(stderr=True))
