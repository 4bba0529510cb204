"""The verb that lets people listen: pages with systems side by side, blind tests, and their tables."""

from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import app
from translate.errors import UserError


@app.command()
def listen(
    words: Annotated[
        list[str], typer.Argument(metavar="RUN... [KEY=VALUE]...", help="Runs with converted/; options of the page.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder of the page, not there yet.")] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", help="Manifest of the natural recordings; without: the models alone.")
    ] = None,
    analyse: Annotated[
        bool, typer.Option("--analyse", help="Print tables of answers: the CSV files of listeners in place of runs.")
    ] = False,
    key: Annotated[Path | None, typer.Option(help="With --analyse: key.json of the page.")] = None,
) -> None:
    """Write a page to compare converted speech by ear, or a blind test of it; or print what listeners answered.

    The page has the source, the source through the vocoder, mean-variance conversion, the models and the natural
    target, sentence by sentence, all equally loud. It needs no server: open OUT/index.html. Options: sentences=12,
    source, target, loudness=-23, sample_rate; blind=true for a test, with tests=both (abx, mos), trials=24 and seed=0.

    Examples:

      translate listen exp/one exp/two --out page --eval data/eval.jsonl

      translate listen exp/one --out test --eval data/eval.jsonl blind=true seed=1

      translate listen --analyse answers/anna.csv answers/ben.csv --key test/key.json
    """
    from translate.jobs.listen import analyse_listening, write_listening_page

    if analyse:
        if out is not None or evaluation is not None:
            raise UserError("--analyse reads answers: leave --out and --eval out")
        if key is None:
            raise UserError("--analyse: give the page's key, --key page/key.json")
        print(analyse_listening([Path(word) for word in words], key))
        return
    if key is not None:
        raise UserError("--key: only with --analyse")
    if out is None:
        raise UserError("--out: name the folder of the page")
    from translate.config import parse_overrides

    settings = [word for word in words if "=" in word and not Path(word).exists()]
    runs = [Path(word) for word in words if word not in settings]
    print(write_listening_page(runs, out, evaluation, parse_overrides(settings)))
