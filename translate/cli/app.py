"""The application that the verbs join, and the options that several of them share."""

from typing import Annotated

import typer

from translate.version import __version__

app = typer.Typer(
    name="translate",
    help="Translate speech and images between domains with adversarial networks.",
    epilog="Start with: bash egs/mini/run.sh. Help on a verb: translate train --help.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Settings over the file's, such as train.steps=2000."),
]
Config = Annotated[str | None, typer.Option("--config", help="YAML file; see egs/*/conf/.", metavar="FILE")]
Jobs = Annotated[int, typer.Option(help="Processes; -1: one per core.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
