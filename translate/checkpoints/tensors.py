"""Tensors in safetensors files. A tensor with several names, as of shared layers, is written once.

safetensors refuses tensors that share memory. Such a tensor is written under its first name; the header's metadata map,
as JSON under the key `same`, each other name to the first.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from translate.errors import UserError

SAME = "same"                                                       # key of the metadata


class Header(NamedTuple):
    """The header of a file, read without its tensors.

    Attributes:
        shapes: shapes of all tensors by name, including the other names of shared ones.
        same: first name of a shared tensor by each other name.
        metadata: all metadata.
    """

    shapes: dict[str, tuple[int, ...]]
    same: dict[str, str]
    metadata: dict[str, str]


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors of any device and memory layout; tensors that share memory are written once."""
    written: dict[str, Tensor] = {}
    same: dict[str, str] = {}
    names: dict[object, str] = {}
    begun: set[tuple[torch.device, int]] = set()                    # places in memory
    for name, value in tensors.items():
        place = value.device, value.data_ptr()
        view = place, value.dtype, value.shape, value.stride()
        if value.numel() and view in names:
            same[name] = names[view]
            continue
        plain = value.detach().cpu().contiguous()
        whole = plain.untyped_storage().nbytes() == plain.nbytes
        # Other views of the same memory become separate tensors when read.
        written[name] = plain if whole and place not in begun else plain.clone()
        names[view] = name
        begun.add(place)
    told = dict(metadata or {}) | ({SAME: json.dumps(same)} if same else {})
    save_file(written, path, told or None)


def load_tensors(path: Path, module: nn.Module | None = None) -> dict[str, Tensor]:
    """Read the tensors that were written, without the other names of shared ones (`read_header(path).same`).

    Args:
        path: path of a safetensors file.
        module: module that the tensors are for, whose types they must have; None: any types.

    Raises:
        UserError: the file is damaged, or a tensor is not finite or of another kind than the module's.
    """
    try:
        tensors = load_file(path)
    except Exception as error:  # OSError or safetensors' own
        raise _damaged(path, error) from None
    expected = {} if module is None else module.state_dict()
    for key, value in tensors.items():
        if key in expected and _kind(value) != _kind(expected[key]):
            raise UserError(f"{path}: `{key}` is of {value.dtype}, expected {expected[key].dtype}")
        if value.is_floating_point() and value.element_size() < 2:  # 8 bits: few operations of PyTorch support them
            raise UserError(f"{path}: `{key}` is of {value.dtype}, expected 16 bits or more")
        if not bool(value.isfinite().all()):
            raise UserError(f"{path}: `{key}` is not finite; take another checkpoint")
    return tensors


def read_header(path: Path) -> Header:
    """Read names, shapes and metadata only.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        same = {str(name): str(first) for name, first in json.loads(metadata.get(SAME, "{}")).items()}
        return Header(shapes | {name: shapes[first] for name, first in same.items()}, same, metadata)
    except Exception as error:  # OSError or safetensors' own; or foreign metadata
        raise _damaged(path, error) from None


def _kind(value: Tensor) -> tuple[bool, bool, bool]:
    """Return the kind of number, which must match; the number of bits may differ (`share --half`)."""
    return value.is_floating_point(), value.is_complex(), value.dtype == torch.bool


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: damaged ({str(error).splitlines()[0] if str(error) else type(error).__name__}); "
                     "take another checkpoint")  # fmt: skip
