"""The application, and the options that several verbs have in common."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from translate.errors import UserError
from translate.version import __version__


class Verbs(TyperGroup):
    """The group of verbs; its help leaves out `<bool>` behind flags, which take no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _hide_type_of_flags(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _hide_type_of_flags(command.get_params(ctx))            # including --help, which is created once
        return command


def _hide_type_of_flags(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


app = typer.Typer(
    name="translate",
    cls=Verbs,
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
Source = Annotated[str | None, typer.Option("--source", help="Source domain; --from says the same.")]
From = Annotated[str | None, typer.Option("--from", hidden=True)]
Target = Annotated[str | None, typer.Option("--target", help="Target domain; --to says the same.")]
To = Annotated[str | None, typer.Option("--to", hidden=True)]
Jobs = Annotated[int, typer.Option(help="Processes; -1: one per core.")]


def name_ends(source: str | None, from_: str | None, target: str | None, to: str | None) -> list[str | None]:
    """Return source and target from either spelling of their options.

    Raises:
        UserError: both spellings are given, with different names.
    """
    ends = []
    for name, short, options in ((source, from_, "--source and --from"), (target, to, "--target and --to")):
        if name is not None and short is not None and name != short:
            raise UserError(f"{options} mean the same: give one of them")
        ends.append(short if name is None else name)
    return ends


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit
