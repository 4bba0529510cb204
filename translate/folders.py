"""Folders that are replaced as a whole: at every instant the old state or the new one is on disk.

A folder cannot be renamed over another one. So the old one is moved aside, to `.<name>.old` next to it, the new one is
moved to its place, and only then is the old one deleted. A process that is killed between the two renames leaves the
folder missing and the old state aside: `locate` finds it there, and `settle_folder` moves it back before the next
write.
"""

import os
import re
import shutil
from pathlib import Path

_ASIDE = re.compile(r"\.(.+)\.old")


def replace_folder(draft: Path, folder: Path) -> None:
    """Move `draft` to `folder`, and delete the former `folder`, if there is one.

    Raises:
        OSError: a rename fails; `folder` is as before.
    """
    settle_folder(folder)
    try:
        if os.path.lexists(folder):
            os.replace(folder, _name_aside(folder))
        os.replace(draft, folder)
        flush(folder.parent)
    finally:
        settle_folder(folder)


def settle_folder(folder: Path) -> None:
    """Move the old state back where a cut writer has left `folder` missing; else delete the old state."""
    aside = _name_aside(folder)
    if not os.path.lexists(aside):
        return
    if not os.path.lexists(folder):
        os.replace(aside, folder)
    elif aside.is_symlink():
        aside.unlink()
    else:
        shutil.rmtree(aside, ignore_errors=True)


def locate(folder: Path) -> Path:
    """Return where to read `folder`: there, or aside after a write that was cut.

    Nothing is moved: the writer may still run.
    """
    aside = _name_aside(folder)
    return aside if not os.path.lexists(folder) and aside.is_dir() else folder


def list_folders(parent: Path) -> dict[str, Path]:
    """Return the folders in `parent` by name, at their `locate` paths, without drafts and other hidden ones."""
    if not parent.is_dir():
        return {}
    found = {}
    for path in parent.iterdir():
        cut = _ASIDE.fullmatch(path.name)
        name = cut[1] if cut else path.name
        if not name.startswith(".") and (place := locate(parent / name)).is_dir():
            found[name] = place
    return found


def flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
