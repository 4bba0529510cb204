"""Folders that are replaced as a whole: at every instant the old state or the new one is on disk.

A folder cannot be renamed over another one. So the old one goes aside, to `.<name>.old` next to it, the new one takes
its place, and only then is the old one deleted. A process that is killed between the two renames leaves the folder
missing and the old state aside: `locate` reads it there, and `settle_folder` puts it back before the
next writing.
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
    settle_folder(folder)
    try:
        if os.path.lexists(folder):
            os.replace(folder, _name_aside(folder))
        os.replace(draft, folder)
        flush(folder.parent)
    finally:
        settle_folder(folder)


def settle_folder(folder: Path) -> None:
    """Put what lies aside back where `folder` is missing: a writer was cut between the two renames; else delete it."""
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
    """Where to read `folder`: there, or aside after a write that was cut. Nothing is moved: the writer may live."""
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
