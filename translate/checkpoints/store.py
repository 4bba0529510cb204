"""Checkpoints: folders that appear whole or not at all.

    step_00010000/
        config.yaml              the resolved configuration
        weights.safetensors      networks, named as in the game; shared layers once, see `tensors.py`
        average.safetensors      moving averages of the players that have one (inference prefers them)
        statistics.safetensors   statistics of the training data, which conversion needs and resuming compares
        state.pt                 for resuming only: optimisers, random numbers, positions
    latest -> step_00010000      a link; `best` likewise where a metric is followed

A *shared* checkpoint (`translate share`) holds what conversion needs and nothing else: no state.pt, in `weights` the
averages in the place of the weights, and the players that only training needs are left out, as a mark in it says.
"""

import errno
import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from translate.checkpoints.files import check_files
from translate.checkpoints.foreign import check_shapes, find_left_out
from translate.checkpoints.hub import fetch, is_address
from translate.checkpoints.interrupt import hold_interrupts
from translate.checkpoints.steps import LINKS, find_latest, find_step, point, remove_old
from translate.checkpoints.tensors import load_tensors, read_header, save_tensors
from translate.checkpoints.trust import check_trust
from translate.config import read_yaml, write_yaml
from translate.errors import UserError
from translate.files import save_arrays
from translate.folders import flush, locate, replace_folder
from translate.models import Model, resolve

log = logging.getLogger("translate")


def save_checkpoint(
    folder: Path,
    step: int,
    config: Model,
    weights: Mapping[str, Tensor],
    average: Mapping[str, Tensor],
    statistics: Mapping[str, np.ndarray],
    state: dict[str, Any],
    keep: int,
    best: bool = False,
) -> Path:
    """Write `folder/step_<step>`, point `latest` (and `best`) at it, and remove all but the newest `keep`.

    Ctrl-C waits meanwhile. Whenever the process is killed, this checkpoint or the one before is whole.

    Raises:
        UserError: the disk is full or not writable; nothing half-written stays behind.
    """
    final = folder / f"step_{step:08d}"
    draft = folder / f".draft_{step:08d}"
    with hold_interrupts():
        try:
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            write_yaml(draft / "config.yaml", config)
            save_tensors(draft / "weights.safetensors", weights)
            if average:
                save_tensors(draft / "average.safetensors", average)
            save_arrays(draft / "statistics.safetensors", statistics)
            torch.save(state, draft / "state.pt")
            for path in [*draft.iterdir(), draft]:
                flush(path)
            replace_folder(draft, final)                            # `final` is of a run that was cut before `latest`
            for name in LINKS if best else ["latest"]:
                point(folder / name, final.name)
            flush(folder)
        except (OSError, RuntimeError, SafetensorError, UserError) as error:
            reason = _explain(error)
            raise UserError(f"{final}: cannot write the checkpoint ({reason}); older ones are intact") from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)                # gone already when all went well
        remove_old(folder, keep)
    return final


def find_checkpoint(folder: str | os.PathLike[str]) -> Path:
    """Find the checkpoint: `folder` itself, where its `latest` points, or what `hf://owner/name` brings from the Hub.

    Where `latest` or `best` points at a step that is missing or damaged, the newest whole step is taken and told.
    Its files are as they should be, and its configuration names no code but the toolkit's or what is trusted: nothing
    in the folder decides that, see `trust`.

    Raises:
        UserError: it is none of these, or a file of it is none, too large or out of the folder, or it names a model
            that is not trusted.
    """
    if is_address(str(folder)):
        return fetch(str(folder))
    checkpoint = locate_checkpoint(folder)
    if not any(checkpoint.is_relative_to(place.resolve()) for place in _list_places(Path(folder))):
        raise UserError(f"{folder}: `latest` leads out of the folder; if you mean {checkpoint}, give that")
    check_files(checkpoint, str(checkpoint))
    check_trust(read_yaml(checkpoint / "config.yaml"), str(checkpoint / "config.yaml"))
    return checkpoint


def _list_places(folder: Path) -> list[Path]:
    """Where a checkpoint that is asked for by `folder` may lie: there, aside, or beside a link that is broken."""
    return [folder, locate(folder), *([folder.parent] if folder.name in LINKS else [])]


def locate_checkpoint(folder: str | os.PathLike[str]) -> Path:
    """The checkpoint that a folder is, or that its `latest` points at; unchecked, for those that train in it."""
    folder = Path(folder)
    for candidate in _list_candidates(folder):
        if candidate and (candidate / "config.yaml").exists() and (candidate / "weights.safetensors").exists():
            return candidate.resolve()
    if not folder.exists():
        raise UserError(f"{folder}: no such checkpoint")
    raise UserError(f"{folder}: not a checkpoint (expected config.yaml and weights.safetensors, or a link `latest`)")


def _list_candidates(folder: Path) -> Iterator[Path | None]:
    """The places to look at, the likeliest first; a later one is found only when it is asked for."""
    if folder.name in LINKS:
        yield find_step(folder)
        yield folder
        return
    if (place := locate(folder)) != folder:
        log.info("%s: is missing after a write that was cut; what was there before is taken", folder)
    yield place
    yield find_latest(folder)
    yield folder / "latest"


def load_config(checkpoint: Path) -> Model:
    """The configuration of a checkpoint that `find_checkpoint` has found."""
    return resolve(read_yaml(checkpoint / "config.yaml"), str(checkpoint / "config.yaml"))


def find_run_config(run: Path) -> Model | None:
    """The configuration of the newest checkpoint of a run; None where it has no checkpoint here."""
    latest = run / "latest"
    return load_config(find_checkpoint(latest)) if latest.exists() or find_latest(run) else None


def load_weights(checkpoint: Path, module: nn.Module, average: bool = True) -> None:
    """Fill `module` with the checkpoint's weights, moving averages first where `average`.

    Players that a shared checkpoint leaves out stay as they are; never the one that converts.

    Raises:
        UserError: the files are damaged, or belong to other networks than `module`'s.
    """
    weights = read_weights(checkpoint, module, average)
    left_out = find_left_out(read_header(checkpoint / "weights.safetensors"))
    check_shapes(checkpoint, {k: tuple(v.shape) for k, v in weights.items()}, module, left_out)
    module.load_state_dict(weights, strict=False)


def read_weights(checkpoint: Path, module: nn.Module | None = None, average: bool = True) -> dict[str, Tensor]:
    """Read the weights by name, moving averages first where `average`; shared ones have all their names.

    Args:
        checkpoint: its folder.
        module: whose weights they are to become, see `load_tensors`.
        average: whether moving averages take the place of weights.

    Raises:
        UserError: the files are damaged, or hold tensors of another kind.
    """
    path = checkpoint / "weights.safetensors"
    weights = load_tensors(path, module)
    if average:
        weights |= load_averages(checkpoint, module)
    # An average has the first name of its parameter, as the weight has: both reach every place.
    return weights | {name: weights[first] for name, first in read_header(path).same.items()}


def start_from(run: str | os.PathLike[str], module: nn.Module) -> int:
    """Fill a game with the tensors of another run's checkpoint that have the same name and shape.

    SRGAN starts so from SRResNet's generator. Moving averages are preferred. Among games of many domains the two
    may differ in `data.domains`: what weights say of a domain (`domain_axes`) goes where its name is, and a domain that
    the run does not know begins as the mean of those that it knows. So fine-tuning adds voices to a trained model,
    which at first converts between the old ones as before.

    Returns:
        How many tensors were taken.

    Raises:
        UserError: no checkpoint there, or fewer than half of the tensors of every player fit.
    """
    checkpoint = find_checkpoint(run)
    weights = read_weights(checkpoint)
    axes: dict[str, tuple[int, int]] = module.domain_axes() if hasattr(module, "domain_axes") else {}  # type: ignore[operator]
    if axes:
        known = read_yaml(checkpoint / "config.yaml").get("data", {}).get("domains", [])
        for key in axes.keys() & weights.keys():
            weights[key] = _carry_domains(weights[key], *axes[key], known, module.domains)  # type: ignore[arg-type]
    expected = module.state_dict()
    fitting = {k: v for k, v in weights.items() if k in expected and v.shape == expected[k].shape}
    players = {".".join(key.split(".")[:2]) for key in expected}    # SRResNet gives SRGAN one of its two
    if not any(2 * _count(fitting, player) > _count(expected, player) for player in players):
        raise UserError(
            f"train.start_from: {len(fitting)} of {len(expected)} tensors of {checkpoint} fit; is it another model? "
            "Else give the settings of `network` that it was trained with"
        )
    module.load_state_dict(fitting, strict=False)
    return len(fitting)


def _count(keys: Iterable[str], prefix: str) -> int:
    return sum(key.startswith(f"{prefix}.") or key == prefix for key in keys)


def _carry_domains(value: Tensor, axis: int, blocks: int, known: list[str], wanted: list[str]) -> Tensor:
    """Replace the `blocks` runs of the `known` domains, in which `axis` ends, by runs of the `wanted` ones."""
    others = value.shape[axis] - blocks * len(known) if axis < value.dim() else -1
    if others < 0 or not known:
        return value  # another network's; its shape will tell
    first, *runs = value.split([others, *[len(known)] * blocks], dim=axis)
    places = [known.index(name) if name in known else None for name in wanted]
    carried = [
        torch.stack([run.mean(axis) if place is None else run.select(axis, place) for place in places], dim=axis)
        for run in runs
    ]
    return torch.cat([first, *carried], dim=axis)


def load_averages(checkpoint: Path, module: nn.Module | None = None) -> dict[str, Tensor]:
    """Read the moving averages by parameter; empty when the run kept none. See `load_tensors`."""
    path = checkpoint / "average.safetensors"
    return load_tensors(path, module) if path.exists() else {}


def load_state(checkpoint: Path) -> dict[str, Any]:
    """Read what resuming needs; unpickles tensors and plain values only."""
    try:
        return torch.load(checkpoint / "state.pt", map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{checkpoint / 'state.pt'}: damaged ({reason}); take another checkpoint") from None



def _explain(error: Exception) -> str:
    if isinstance(error, OSError):
        return "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    if isinstance(error, UserError):
        return str(error)
    return f"{str(error).splitlines()[0]}; is the disk full?"  # torch and safetensors do not tell
