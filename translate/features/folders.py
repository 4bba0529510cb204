"""Folders that are replaced as a whole: at every instant the old state or the new one is on disk.

A folder cannot be renamed over another one. So the old one goes aside, to `.<name>.old` next to it, the new one takes
its place, and only then is the old one deleted. A process that is killed between the two renames leaves the folder
missing and the old state aside: `locate` reads it there, and `restore_folder` puts it back before the next writing.
"""

import os
import re
import shutil
from pathlib import Path

_ASIDE = re.compile(r"\.(.+)\.old")


def replace_folder(draft: Path, folder: Path) -> None:
    """Let `draft` take the place of `folder`, if there is one, which is deleted afterwards.

    Raises:
        OSError: it cannot be; `folder` is as before.
    """
    aside = _name_aside(folder)
    restore_folder(folder)
    try:
        if os.path.lexists(folder):
            _remove(aside)                                          # of a write that was cut while it deleted
            os.replace(folder, aside)
        os.replace(draft, folder)
    except BaseException:
        restore_folder(folder)
        raise
    flush(folder.parent)
    _remove(aside)


def restore_folder(folder: Path) -> None:
    """Put the old state of `folder` back where a write was cut between the two renames."""
    aside = _name_aside(folder)
    if not os.path.lexists(folder) and os.path.lexists(aside):
        os.replace(aside, folder)


def locate(folder: Path) -> Path:
    """Where to read `folder`: there, or aside after a write that was cut. Nothing is moved: its writer may still live."""
    aside = _name_aside(folder)
    return aside if not os.path.lexists(folder) and aside.is_dir() else folder


def list_folders(parent: Path) -> dict[str, Path]:
    """The folders in `parent` by name, with the place where `locate` reads them; no drafts or other hidden ones."""
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
    """Have a file, or the entries of a folder, on the disk itself before going on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name_aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
