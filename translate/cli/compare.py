"""The verb that says whether one run is better than another."""

from typing import Annotated

import typer

from translate.cli.app import app


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Evaluated runs; RUN,RUN,...: seeds of one system.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")] = False,
) -> None:
    """Compare evaluated runs of speech with the first of them, sentence by sentence.

    Per measure: means of the converted waves, the mean difference from the first run with its 95 % interval over
    sentences, and the p-value of the sign test. Several seeds of one system are averaged sentence by sentence.

    Examples:

      translate compare exp/one exp/two exp/three

      translate compare exp/one_1,exp/one_2,exp/one_3 exp/two_1,exp/two_2,exp/two_3 --json
    """
    from translate.jobs.compare import compare_runs

    print(compare_runs(runs, as_json))
