"""Checks on a checkpoint that somebody else made: its files can be wrong or hostile, and must not run code.

Tensors come as safetensors, which hold numbers and no code; a state.pt is neither fetched nor opened. The remaining
dangers are irregular files (`files`), code that config.yaml names (`trust`), and those that this module checks:
networks that would fill the memory, and numbers that are missing, of another model or not finite.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from math import prod
from pathlib import Path
from threading import get_ident

import numpy as np
from torch import nn

from translate.checkpoints.files import check_files
from translate.checkpoints.tensors import Header, load_tensors, read_header
from translate.checkpoints.trust import check_trust, find_code
from translate.config import read_yaml
from translate.errors import UserError
from translate.files import load_arrays
from translate.games.base import Game
from translate.models import build, resolve_saved
from translate.models.base import Model

CONVERTING = "generator"                                            # the player that `translate()` uses
LEFT_OUT = "left_out"                                               # metadata key of shared weights: missing players

# Networks may hold UNSHARED numbers and RATIO times those in the file of weights: it leaves out players that only
# training needs, which for waveforms are a thousand times larger than the generator.
UNSHARED, RATIO, MOST_TENSORS = 2**27, 4, 5_000


def check_foreign(folder: Path, name: str) -> None:
    """Raise `UserError`, opening with `name`, unless the checkpoint in `folder` is safe to load and complete.

    Sizes are checked first, then the configuration and the code that it names, then the headers of the tensors against
    the networks (built only while their size is in proportion), and last the numbers.
    """
    check_files(folder, name)
    values = read_yaml(folder / "config.yaml")
    check_trust(values, f"{name}: config.yaml")
    config = resolve_saved(values, f"{name}: config.yaml")
    game = build_bounded(config, folder, name)
    weights, average = folder / "weights.safetensors", folder / "average.safetensors"
    header = read_header(weights)
    averages = read_header(average).shapes if average.exists() else {}
    check_shapes(name, header.shapes | averages, game, find_left_out(header))
    for path in (weights, average):
        if path.exists():
            load_tensors(path, game)
    check_statistics(folder, needed=config.statistics)


def build_bounded(config: Model, checkpoint: Path, name: object) -> Game:
    """Build the game of a checkpoint's configuration, unless it is out of proportion to the weights there.

    With foreign code, which is trusted, nothing is counted: that code could fill the memory as well, and its networks
    may have parts that no file holds.
    """
    header = read_header(checkpoint / "weights.safetensors")
    written = sum(prod(shape) for name, shape in header.shapes.items() if name not in header.same)
    own = find_code(config.model_dump())
    try:
        with nullcontext() if own else _bounded(UNSHARED + RATIO * written):
            return build(config)
    except (OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        if own:
            raise                                                   # its author needs the traceback
        reason = str(error).splitlines()[0]
        raise UserError(f"{name}: config.yaml asks for networks that cannot be ({reason})") from None


def check_shapes(
    name: object, shapes: Mapping[str, tuple[int, ...]], module: nn.Module, left_out: Collection[str] = ()
) -> None:
    """Raise `UserError` unless `shapes` are those of the tensors of `module`, without the players `left_out`."""
    absent = tuple(f"players.{player}." for player in left_out)
    expected = {
        key: tuple(value.shape)
        for key, value in module.state_dict().items()
        if key in shapes or not key.startswith(absent)
    }
    differing = [key for key in {**expected, **shapes} if expected.get(key) != shapes.get(key)]
    if differing:
        raise UserError(
            f"{name}: the weights belong to another network ({len(differing)} tensors differ, "
            f"first `{differing[0]}`); config.yaml and weights.safetensors must come from the same run"
        )


def find_left_out(header: Header) -> list[str]:
    """List the players that shared weights leave out; never the one that converts."""
    return [name for name in header.metadata.get(LEFT_OUT, "").split(",") if name and name != CONVERTING]


def check_statistics(checkpoint: Path, needed: bool) -> None:
    """Raise `UserError` unless the statistics of a checkpoint are finite numbers; the modality checks what they mean.

    Args:
        checkpoint: folder of the checkpoint.
        needed: whether statistics must exist.
    """
    path = checkpoint / "statistics.safetensors"
    for key, value in (load_arrays(path) if needed or path.exists() else {}).items():
        if value.dtype.kind not in "iuf" or not np.isfinite(value).all():
            raise UserError(f"{path}: `{key}` is no finite number; take another checkpoint")


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Raise `ValueError` inside the block when this thread builds networks of more than `most` numbers.

    A parameter is counted when it is registered, before its memory is written to.
    """
    thread, seen = get_ident(), [0, 0]

    def count(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        if get_ident() != thread:
            return
        seen[0] += 1
        seen[1] += 0 if parameter is None else parameter.numel()
        if seen[0] > MOST_TENSORS or seen[1] > most:
            raise ValueError("far larger than its weights")

    hook = nn.modules.module.register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
