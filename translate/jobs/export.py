"""Export a trained model to ONNX files."""

from pathlib import Path
from typing import Any, NamedTuple

from translate.errors import UserError
from translate.export.write import export_onnx, import_packages
from translate.files import replacing
from translate.jobs.load import load_converter
from translate.names import ANY, below, name_directions


class Written(NamedTuple):
    """A file that was written, its size in bytes and its largest difference from PyTorch."""

    path: Path
    size: int
    difference: float


def export_run(checkpoint: Path, out: Path, source: str | None = None, target: str | None = None) -> list[Written]:
    """Write `out/<source>-<target>.onnx` for every direction, or `out/all.onnx` of a model of many domains.

    Nothing is written before all graphs are made and compared with PyTorch, nor outside of `out`.

    Args:
        checkpoint: checkpoint, see `translate.load`.
        out: output folder; other files in it stay.
        source, target: direction of a model between two domains; both None: all directions.

    Raises:
        UserError: no checkpoint, an unknown direction, a missing package, or a graph that differs from PyTorch.
    """
    import_packages()
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; expected a folder for the graphs")
    converter: Any = load_converter(checkpoint)                      # its game makes the graph
    directions = None
    if converter.between.many:
        if source or target:
            raise UserError("--from and --to: one graph has all domains, which are its inputs; leave them out")
        paths = [below(out, f"{ANY}.onnx")]
    else:
        asked = source or target
        directions = [converter.name_domains(source, target)] if asked else converter.directions
        paths = list(name_directions(out, directions, ".onnx").values())
    written = []
    for path, one in zip(paths, export_onnx(converter, directions), strict=True):
        with replacing(path) as temporary:
            temporary.write_bytes(one.data)
        written.append(Written(path, len(one.data), one.difference))
    return written
