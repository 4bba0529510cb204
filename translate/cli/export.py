"""The verb that takes a trained system out of PyTorch."""

from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import app


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint or run, such as exp/one.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the .onnx files.")],
    source: Annotated[str | None, typer.Option("--from", help="Source domain; default: every direction.")] = None,
    to: Annotated[str | None, typer.Option(help="Target domain, likewise.")] = None,
) -> None:
    """Write ONNX files, which onnxruntime runs without PyTorch; see docs/export.md.

    A file per direction between two domains, one for all of many. Every file takes any batch and any size, and is
    compared with PyTorch before it is written.

    Examples:

      translate export exp/one onnx

      translate export exp/one onnx --from SF1 --to TM1
    """
    from translate.jobs.export import export_run

    for path, size, difference in export_run(checkpoint, out, source, to):
        print(f"{path}: {size / 1e6:.2f} MB, differs from PyTorch by {difference:.1e} at most")
