"""The verb that exports a trained model to ONNX."""

from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import From, Source, Target, To, app, name_ends


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint or run, such as exp/one.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the .onnx files.")],
    source: Source = None,
    from_: From = None,
    target: Target = None,
    to: To = None,
) -> None:
    """Write ONNX files, which onnxruntime runs without PyTorch; see docs/export.md.

    Writes a file per direction between two domains, or for the one of --source and --target; a model of many domains
    has one file. Every file takes any batch and any size, and is compared with PyTorch before it is written.

    Examples:

      translate export exp/one onnx

      translate export exp/one onnx --from SF1 --to TM1
    """
    from translate.jobs.export import export_run

    source, target = name_ends(source, from_, target, to)
    for path, size, difference in export_run(checkpoint, out, source, target):
        print(f"{path}: {size / 1e6:.2f} MB, differs from PyTorch by {difference:.1e} at most")
