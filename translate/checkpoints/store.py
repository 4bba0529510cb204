"""Checkpoints: folders that appear whole or not at all.

    step_00010000/
        config.yaml              the resolved configuration
        weights.safetensors      networks, named as in the game; shared layers once, see `tensors.py`
        average.safetensors      moving averages of the players that have one (inference prefers them)
        statistics.safetensors   statistics of the training data, which conversion needs and resuming compares; and of
                                 the norms (`translate.speech.conversion.norms`)
        state.pt                 for resuming only: optimisers, random numbers, positions
    latest -> step_00010000      a link; `best` likewise where training chose by a metric: a run is then its best step

A *shared* checkpoint (`translate share`) holds only what conversion needs: no state.pt, the averages in place of the
weights, and without the players that only training needs, which its metadata list.
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
from translate.checkpoints.steps import LINKS, find_best, find_latest, find_step, point, remove_old
from translate.checkpoints.tensors import load_tensors, read_header, save_tensors
from translate.checkpoints.trust import check_trust
from translate.config import read_yaml, write_yaml
from translate.errors import UserError
from translate.files import save_arrays
from translate.folders import flush, locate, replace_folder
from translate.models import Model, resolve_saved

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

    Ctrl-C is delayed meanwhile. Whenever the process is killed, this checkpoint or the one before is whole.

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
            replace_folder(draft, final)                            # `final` may be left by a run cut before `latest`
            for name in LINKS if best else ["latest"]:
                point(folder / name, final.name)
            flush(folder)
        except (OSError, RuntimeError, SafetensorError, UserError) as error:
            reason = _explain(error)
            raise UserError(f"{final}: cannot write the checkpoint ({reason}); older ones are intact") from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)                # already renamed on success
        remove_old(folder, keep)
    return final


def find_checkpoint(folder: str | os.PathLike[str]) -> Path:
    """Find a checkpoint: `folder` itself, or where its link points, or `hf://owner/name`, fetched from the Hub.

    The link of a run is `best` where training chose a step by a metric, else `latest`; `<run>/latest` is the last step.
    Where `latest` or `best` points at a step that is missing or damaged, the newest whole step is taken, with a log
    line. Its files have been checked, and its configuration names only code of the toolkit or trusted code, which
    nothing in the folder decides (see `trust`).

    Raises:
        UserError: none of these, a file that is irregular, too large or outside of the folder, or a model that is not
            trusted.
    """
    if is_address(str(folder)):
        return fetch(str(folder))
    checkpoint = locate_checkpoint(folder)
    if not any(checkpoint.is_relative_to(place.resolve()) for place in _list_places(Path(folder))):
        link = "best" if os.path.lexists(Path(folder) / "best") else "latest"
        raise UserError(f"{folder}: `{link}` leads out of the folder; if you mean {checkpoint}, give that")
    check_files(checkpoint, str(checkpoint))
    check_trust(read_yaml(checkpoint / "config.yaml"), str(checkpoint / "config.yaml"))
    return checkpoint


def _list_places(folder: Path) -> list[Path]:
    """List the places where the checkpoint at `folder` may lie: there, aside, or beside a broken link."""
    return [folder, locate(folder), *([folder.parent] if folder.name in LINKS else [])]


def locate_checkpoint(folder: str | os.PathLike[str]) -> Path:
    """Find the checkpoint in `folder`, or where its link points, unchecked, for the training that wrote it."""
    folder = Path(folder)
    for candidate in _list_candidates(folder):
        if candidate and (candidate / "config.yaml").exists() and (candidate / "weights.safetensors").exists():
            return candidate.resolve()
    if not folder.exists():
        raise UserError(f"{folder}: no such checkpoint")
    raise UserError(f"{folder}: not a checkpoint (expected config.yaml and weights.safetensors, or a link `latest`)")


def _list_candidates(folder: Path) -> Iterator[Path | None]:
    """Yield the places to look at, the likeliest first, each searched only when asked for."""
    if folder.name in LINKS:
        yield find_step(folder)
        yield folder
        return
    if (place := locate(folder)) != folder:
        log.info("%s: is missing after a write that was cut; what was there before is taken", folder)
    yield place
    yield find_best(folder)
    yield find_latest(folder)
    yield folder / "latest"


def load_config(checkpoint: Path) -> Model:
    """Read the configuration of a checkpoint from `find_checkpoint`."""
    return resolve_saved(read_yaml(checkpoint / "config.yaml"), str(checkpoint / "config.yaml"))


def find_run_config(run: Path) -> Model | None:
    """Read the configuration of the newest checkpoint of a run; None where it has no checkpoint here."""
    latest = run / "latest"
    return load_config(find_checkpoint(latest)) if latest.exists() or find_latest(run) else None


def load_weights(checkpoint: Path, module: nn.Module, average: bool = True) -> None:
    """Fill `module` with the checkpoint's weights, or their moving averages where `average` is true.

    Players that a shared checkpoint leaves out (never the one that converts) stay as they are.

    Raises:
        UserError: the files are damaged, or belong to networks other than `module`.
    """
    weights = read_weights(checkpoint, module, average)
    left_out = find_left_out(read_header(checkpoint / "weights.safetensors"))
    check_shapes(checkpoint, {k: tuple(v.shape) for k, v in weights.items()}, module, left_out)
    module.load_state_dict(weights, strict=False)


def read_weights(checkpoint: Path, module: nn.Module | None = None, average: bool = True) -> dict[str, Tensor]:
    """Read the weights by name, or moving averages where `average`; shared tensors appear under all their names.

    Args:
        checkpoint: folder of the checkpoint.
        module: module that the weights are for, see `load_tensors`.
        average: whether moving averages replace the weights.

    Raises:
        UserError: the files are damaged, or hold tensors of another kind.
    """
    path = checkpoint / "weights.safetensors"
    weights = load_tensors(path, module)
    if average:
        weights |= load_averages(checkpoint, module)
    # Averages and weights use the first name of a shared parameter, so both reach all its places.
    return weights | {name: weights[first] for name, first in read_header(path).same.items()}


def start_from(run: str | os.PathLike[str], module: nn.Module) -> int:
    """Fill a game with the tensors of another run's checkpoint that have the same name and shape.

    SRGAN starts in this way from SRResNet's generator. Moving averages are preferred. Among games of many domains the
    two may differ in `data.domains`: weights of a domain (`domain_axes`) are copied by its name, and a domain that the
    run does not know begins as the mean of those that it knows. So fine-tuning adds voices to a trained model, which at
    first converts between the old ones as before.

    Returns:
        The number of tensors copied.

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
        return value  # another network's: the check of shapes reports it
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
    """Read the state for resuming; unpickles tensors and plain values only."""
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
    return f"{str(error).splitlines()[0]}; is the disk full?"  # torch and safetensors do not say
