"""Export a trained model to ONNX files."""

from pathlib import Path
from typing import Any, NamedTuple

from translate.errors import UserError
from translate.export.noise import NAME, export_generator
from translate.export.write import Exported, export_onnx, import_packages
from translate.files import replacing
from translate.jobs.load import load
from translate.names import ANY, below, name_directions


class Written(NamedTuple):
    """A file that was written, its size in bytes and its largest difference from PyTorch."""

    path: Path
    size: int
    difference: float


def export_run(checkpoint: Path, out: Path, source: str | None = None, target: str | None = None) -> list[Written]:
    """Write `out/<source>-<target>.onnx` for every direction, `out/all.onnx` of a model of many domains, or
    `out/noise.onnx` of a model of noise.

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
    converter: Any = load(checkpoint)                               # its game makes the graph
    if not converter.config.translates:
        if source or target:
            raise UserError("--from and --to: this model makes samples from noise and has no directions; leave them")
        return [_write(below(out, f"{NAME}.onnx"), export_generator(converter))]
    directions = None
    if converter.between.many:
        if source or target:
            raise UserError("--from and --to: one graph has all domains, which are its inputs; leave them out")
        paths = [below(out, f"{ANY}.onnx")]
    else:
        asked = source or target
        directions = [converter.name_domains(source, target)] if asked else converter.directions
        paths = list(name_directions(out, directions, ".onnx").values())
    exported = export_onnx(converter, directions)
    return [_write(path, one) for path, one in zip(paths, exported, strict=True)]


def _write(path: Path, one: Exported) -> Written:
    with replacing(path) as temporary:
        temporary.write_bytes(one.data)
    return Written(path, len(one.data), one.difference)
