"""Problems of a corpus, and printing them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console


NAMED = 5                                                           # subjects printed per kind of problem


@dataclass(frozen=True)
class Problem:
    """A problem to fix: an error stops the recipe, a warning may cost quality."""

    severity: Literal["error", "warning"]
    subject: str                                                    # a file, a domain, or the whole corpus
    what: str
    advice: str


def print_problems(problems: Sequence[Problem], console: Console) -> None:
    """Print problems, grouped by kind, and their number."""
    from rich.text import Text

    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.severity, problem.advice].append(problem)
    for (severity, advice), group in kinds.items():
        for problem in group[:NAMED]:
            style = "bold red" if severity == "error" else "yellow"
            line = Text.assemble((severity, style), f" {problem.subject}: {problem.what}")
            console.print(line, soft_wrap=True)
        if len(group) > NAMED:
            console.print(Text(f"    and {len(group) - NAMED} more like these"))
        console.print(Text(f"    → {advice}", style="dim"), soft_wrap=True)
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    console.print(f"{errors} error(s), {warnings} warning(s)", highlight=False)
