"""Comparison of evaluated runs."""

import json
from collections.abc import Sequence
from pathlib import Path

from translate.errors import UserError


def compare_runs(words: Sequence[str], as_json: bool = False) -> str:
    """Compare evaluated runs of speech with the first of them.

    Args:
        words: runs, or several runs of one system joined by commas.
        as_json: whether to return JSON in place of a table.

    Returns:
        What is printed.

    Raises:
        UserError: fewer than two, a run that was not evaluated, or runs that were evaluated differently.
    """
    from translate.speech.measures.duel import compare_systems, format_comparison

    if len(words) < 2:
        raise UserError("compare: give at least two runs; the first is what the others are compared with")
    systems = [[word] if Path(word).exists() else word.split(",") for word in words]
    comparison = compare_systems([[Path(run) for run in system if run] for system in systems])
    return json.dumps(comparison, indent=2) if as_json else format_comparison(comparison)
