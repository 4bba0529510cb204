"""The steps that a run has on disk, and its links `latest` and `best` to them."""

import logging
import os
import re
import shutil
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from translate.checkpoints.files import check_files
from translate.checkpoints.tensors import read_header
from translate.config import read_yaml
from translate.errors import UserError
from translate.folders import list_folders, locate, settle_folder

log = logging.getLogger("translate")

LINKS = ("latest", "best")
_STEP = re.compile(r"step_(\d+)")


def find_latest(run: Path, resuming: bool = False) -> Path | None:
    """Find the step that `latest` of a run points at, see `find_step`."""
    return find_step(run / "latest", resuming)


def find_best(run: Path) -> Path | None:
    """Find the step that `best` of a run points at, with a line where it is not the last; None without the link."""
    best = find_step(run / "best") if os.path.lexists(run / "best") else None
    if best and best == (run / "best").resolve() != (run / "latest").resolve():
        _tell_best(run, best.name)
    return best


def find_step(link: Path, resuming: bool = False) -> Path | None:
    """Find the step that `latest` or `best` of a run points at; the newest whole one where that is missing or damaged.

    Args:
        link: `<run>/latest` or `<run>/best`. A run without `latest` has lost it; one without `best` has none.
        resuming: whether a step must hold what training needs, not only what conversion needs.

    Returns:
        The folder of the step; None where no step is whole.
    """
    if is_whole(link, resuming):
        return link.resolve()
    if link.name == "best" and not link.is_symlink():
        return None
    steps = _list_steps(link.parent)
    target = locate(link.parent / link.readlink()) if link.is_symlink() else link
    for step in [target, *reversed(steps.values())]:                # its older state, aside, comes first
        if is_whole(step, resuming):
            points = link.is_symlink()
            reason = f"points at {link.readlink()}, which is missing or damaged" if points else "missing or damaged"
            _tell(link, reason, step.name)
            return step.resolve()
    return None


def is_whole(step: Path, resuming: bool = False) -> bool:
    """Return whether a checkpoint has all its files, of the length in their headers; their content is not read."""
    try:
        check_files(step, str(step))
        values = read_yaml(step / "config.yaml")
        read_header(step / "weights.safetensors")
        if resuming or "features" in values or (step / "statistics.safetensors").exists():
            read_header(step / "statistics.safetensors")
        players = values.get("players") or {}
        averaged = resuming and any(isinstance(player, dict) and player.get("average") for player in players.values())
        if averaged or (step / "average.safetensors").exists():
            read_header(step / "average.safetensors")
    except (UserError, AttributeError):                             # AttributeError: YAML that is no configuration
        return False
    return not resuming or zipfile.is_zipfile(step / "state.pt")


def mend_latest(run: Path, step: Path) -> None:
    """Point `latest` at `step`, which `find_latest` found instead, moving it back where a write had left it aside."""
    for name, place in _list_steps(run).items():
        if place.resolve() == step and (run / "latest").resolve() != step:
            settle_folder(run / name)
            point(run / "latest", name)


def point(link: Path, name: str) -> None:
    """Make `link` a link to `name` beside it, atomically."""
    draft = link.with_name(f".{link.name}.draft")
    draft.unlink(missing_ok=True)
    draft.symlink_to(name)
    os.replace(draft, link)


def remove_old(run: Path, keep: int) -> None:
    """Remove all steps but the newest `keep` and those that links point at, and remains of killed processes."""
    kept = {link.resolve() for link in (run / name for name in LINKS) if link.exists()}
    for name, step in list(_list_steps(run).items())[:-keep]:
        if step.resolve() not in kept:
            with suppress(OSError):                                 # hidden first: a step is whole or absent
                os.replace(step, run / f".removed_{name}")
    for pattern in (".draft_*", ".removed_*", ".step_*.old"):
        for path in run.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


def _list_steps(run: Path) -> dict[str, Path]:
    """Return the steps of a run by name, oldest first."""
    found = [(int(step[1]), name, path) for name, path in list_folders(run).items() if (step := _STEP.fullmatch(name))]
    return {name: path for _, name, path in sorted(found)}


@cache
def _tell(link: Path, reason: str, step: str) -> None:
    """Log which step is taken instead, once per process."""
    log.info("%s: %s; %s is taken, the newest that is whole", link, reason, step)


@cache
def _tell_best(run: Path, step: str) -> None:
    """Log that a run stands for its best step, once per process."""
    log.info("%s: %s is taken, the best of its evaluations; the last step is %s", run, step, run / "latest")
