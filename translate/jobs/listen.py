"""Pages on which converted speech is compared by ear, and the tables of what listeners answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from translate.config.options import read_options
from translate.errors import UserError
from translate.speech.options import ListeningPage

OF_TESTS = ("tests", "trials", "seed")                              # options of blind pages alone


def write_listening_page(
    runs: Sequence[Path], out: Path, evaluation: Path | None, options: Mapping[str, Any]
) -> str:
    """Write a page with sources, baselines, models and targets side by side, or a blind test of them.

    Args:
        runs: folders of runs, with `converted/<source>-<target>/`.
        out: folder of the page, not there yet.
        evaluation: manifest of the natural recordings; None: only the models are heard.
        options: see `translate.speech.options.ListeningPage`.

    Returns:
        A line on what was written.

    Raises:
        UserError: an unknown option, a folder that is there, or runs whose sounds cannot be played side by side.
    """
    chosen = read_options(ListeningPage, options)
    if not chosen.blind and (given := [name for name in OF_TESTS if name in options]):
        raise UserError(f"{given[0]}: only with blind=true")
    from translate.speech.listening.page import make_page

    return make_page(runs, out, evaluation, chosen)


def analyse_listening(answers: Sequence[Path], key: Path) -> str:
    """Return the tables of a blind test from its listeners' CSV files and its key.json.

    Raises:
        UserError: a file that is none of these, or answers to another page.
    """
    from translate.speech.listening.analysis import analyse_answers

    return analyse_answers(answers, key)
