"""Checks on a checkpoint that somebody else made: its files can be wrong or hostile, and must not run code.

Tensors come as safetensors, which hold numbers and no code; a state.pt is neither fetched nor opened. What is left is
config.yaml, which may name code to import (`model`, `own`), and sizes that would fill the memory.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from threading import get_ident
from typing import Any

import yaml
from safetensors import safe_open
from torch import nn

from translate.config import read_yaml
from translate.errors import UserError
from translate.models import SYSTEMS, build, resolve

FILES = {                                                           # all that is ever shared; bytes at most
    "config.yaml": 2**18,
    "weights.safetensors": 2**32,
    "average.safetensors": 2**32,
    "statistics.safetensors": 2**26,
    "README.md": 2**20,
}
NEEDED = ("config.yaml", "weights.safetensors")
OURS = {*SYSTEMS, *SYSTEMS.values()}                                # models that may be imported
TRUST = "TRANSLATE_TRUST"                                           # names modules that checkpoints may import

CONVERTING = "generator"                                            # the player that `translate()` uses
LEFT_OUT = "left_out"                                               # mark of shared weights: players that are missing

# Networks may hold JUDGES numbers and RATIO times what the file of weights holds: players that only training needs are
# left out of it, and of waveforms these are a thousand times larger than the generator.
JUDGES, RATIO, MOST_TENSORS = 2**27, 4, 5_000
DEEPEST = 20                                                        # nesting of a configuration; ours has 4

_OPENING = (
    yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken,
)  # fmt: skip
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def check_foreign(folder: Path, name: str) -> None:
    """Raise `UserError`, opened by `name`, unless the checkpoint in `folder` is safe to load and complete.

    Of the weights only the header is read, and the networks that the configuration asks for are built only as far as
    they are in proportion to it.
    """
    check_sizes({file: (folder / file).stat().st_size for file in FILES if (folder / file).is_file()}, name)
    _check_yaml(folder / "config.yaml", name)
    values = read_yaml(folder / "config.yaml")
    check_trust(values, f"{name}: config.yaml")
    config = resolve(values, f"{name}: config.yaml")
    shapes, left_out = read_header(folder / "weights.safetensors")
    try:
        with _bounded(JUDGES + RATIO * sum(map(prod, shapes.values()))):
            translator = build(config)
    except (OverflowError, RuntimeError, TypeError, ValueError, ZeroDivisionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{name}: config.yaml asks for networks that cannot be ({reason})") from None
    average = folder / "average.safetensors"
    check_shapes(name, shapes | (read_header(average)[0] if average.exists() else {}), translator, left_out)


def check_sizes(sizes: Mapping[str, int | None], name: str) -> None:
    """Raise `UserError` unless the files {name: bytes} are there and no larger than `FILES` allows."""
    for file in NEEDED:
        if file not in sizes:
            raise UserError(f"{name}: has no {file}; is it a checkpoint of translate?")
    for file, size in sizes.items():
        if (size or 0) > FILES[file]:
            raise UserError(f"{name}: {file} has {size} bytes; at most {FILES[file]} are taken")


def check_trust(values: Mapping[str, Any], where: str) -> None:
    """Raise `UserError` when a configuration names code that is none of the toolkit's and not trusted."""
    trusted = [word.strip() for word in os.environ.get(TRUST, "").split(",") if word.strip()]
    for path in _find_code(values):
        if not any(f"{path}.".startswith(f"{word}.") for word in trusted):
            raise UserError(
                f"{where}: `{path}` is foreign code; if you know and trust it, allow its import: {TRUST}={path}"
            )


def check_shapes(
    name: object, shapes: Mapping[str, tuple[int, ...]], module: nn.Module, left_out: Collection[str] = ()
) -> None:
    """Raise `UserError` unless `shapes` are those of the tensors of `module`, but for the players `left_out`."""
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


def read_header(path: Path) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """Shapes of the tensors in a safetensors file, and the players that shared weights leave out."""
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            names = (file.metadata() or {}).get(LEFT_OUT, "")
    except Exception as error:  # OSError or safetensors' own
        raise UserError(f"{path}: damaged ({error}); take another checkpoint") from None
    return shapes, [name for name in names.split(",") if name and name != CONVERTING]


def _find_code(values: Mapping[str, Any]) -> list[str]:
    """Every path of a configuration that would be imported: a model of one's own, networks and losses in `own`.

    What is not of the types that the configuration has is refused before it is built, see `resolve`.
    """
    model, own = values.get("model"), values.get("own")
    own = own if isinstance(own, Mapping) else {}
    networks, losses = own.get("networks"), own.get("losses")
    found = [] if isinstance(model, str) and model in OURS else [model]
    found += networks.values() if isinstance(networks, Mapping) else []
    for of_player in losses.values() if isinstance(losses, Mapping) else []:
        found += of_player if isinstance(of_player, Mapping) else []
    return [path for path in found if isinstance(path, str)]


def _check_yaml(path: Path, name: str) -> None:
    """Raise `UserError` for YAML that grows without bound when it is read: aliases of aliases, or deep nesting."""
    depth = 0
    try:
        for token in yaml.scan(path.read_text(encoding="utf-8", errors="replace")):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > DEEPEST or isinstance(token, yaml.AliasToken):
                raise UserError(f"{name}: config.yaml has aliases, or more than {DEEPEST} levels; such is not taken")
    except yaml.YAMLError:
        raise UserError(f"{name}: config.yaml is not valid YAML") from None


@contextmanager
def _bounded(most: int) -> Iterator[None]:
    """Networks that this thread builds inside end with a `ValueError` when they hold more than `most` numbers.

    A parameter is counted when it is registered, before anything is written into its memory.
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
