"""Checks of names from files before they become part of a path, and paths that cannot leave their folder.

A manifest's ids, domains and splits, and the domains of a configuration, decide where results are written. They come
with a corpus or a shared checkpoint, so they are not trusted.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

from translate.errors import UserError

LONGEST_NAME = 100                                                  # bytes of a domain or split; file names join three
LONGEST_PART = 251                                                  # bytes of a part of an id; 255 with a suffix of 4
LONGEST_ID = 1000                                                   # bytes of all its parts; a path has 4096 at most
LONGEST_FILE = 255                                                  # bytes of a file name, on all common file systems
ANY = "all"                                                         # means every domain; used in names of files
SHOWN = 80                                                          # characters of a bad value in a message

_DRIVE = re.compile(r"[A-Za-z]:(/|$)")                              # a drive of Windows
_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # control, separators of lines, no UTF-8


def check_name(name: str, key: str, where: object, nested: bool = False) -> str:
    """Return `name` if it can be part of a path.

    Args:
        name: a domain, a split or an id.
        key: name of the key, for messages.
        where: place of the name, with which messages open, such as `FILE:LINE`.
        nested: whether it may be a path inside a folder, joined by `/`, as an id may.

    Raises:
        UserError: the name could leave its folder, is hidden, has control characters, or is too long for a file name.
    """
    if fault := find_fault(name, nested):
        raise UserError(f"{where}: `{key}` is {show(name)}; {fault}")
    return name


def find_fault(name: str, nested: bool = False) -> str | None:
    """Return what is wrong with a name, for the message of `check_name`; None where it is valid."""
    if _UNPRINTABLE.search(name):
        return "it becomes a file name: no control characters, and nothing but UTF-8"
    if "\\" in name or _DRIVE.match(name) or (not nested and "/" in name):
        inside = "no backslash, no drive" if nested else "no slash, no backslash, no drive"
        return f"it names {'a file in a folder' if nested else 'a folder'}: {inside}"
    parts = name.split("/")
    if not all(parts):
        return "expected parts joined by single slashes, none at either end" if nested else "expected a name"
    if any(part.startswith(".") for part in parts):
        return "it names a file or folder: no dot in front"
    if any(part.endswith((".", " ")) for part in (parts[:-1] if nested else parts)):  # an id gets a suffix
        return "it names a folder: no dot and no space at the end"
    longest, whole = (LONGEST_PART, LONGEST_ID) if nested else (LONGEST_NAME, LONGEST_NAME)
    if len(name.encode()) > whole or any(len(part.encode()) > longest for part in parts):
        return f"it becomes a file name: {longest} bytes at most" + (f", {whole} with its folders" if nested else "")
    return None


def show(value: str) -> str:
    """Quote a value on one line, shortened where it is long."""
    return repr(value if len(value) <= SHOWN else f"{value[:SHOWN]}...")


def below(folder: str | os.PathLike[str], name: str | PurePath) -> Path:
    """Return `folder`/`name`, checked to lie inside `folder` with all symbolic links followed.

    Raises:
        UserError: it lies elsewhere, a parent folder is a file, or a name is too long.
    """
    folder = Path(folder)
    path = folder / name
    root, place = (Path(os.path.realpath(each)) for each in (folder, path))
    if place == root or not place.is_relative_to(root):
        raise UserError(f"{path}: leads out of {folder}, to {place}")
    if any(len(os.fsencode(part)) > LONGEST_FILE for part in PurePath(name).parts):
        raise UserError(f"{folder}: a file for {show(str(name))} would have more than {LONGEST_FILE} bytes in its name")
    for parent in path.parents[: len(PurePath(name).parts) - 1]:
        if parent.exists() and not parent.is_dir():
            raise UserError(f"{parent}: is a file; {path} needs a folder there")
    return path


def cut_name(name: str, suffix: str) -> str:
    """Return the file name `name` + `suffix`, with `name` shortened where it is too long."""
    return name.encode()[: LONGEST_FILE - len(suffix)].decode(errors="ignore") + suffix


def name_directions(
    folder: Path, directions: Iterable[tuple[str, str]], suffix: str = ""
) -> dict[tuple[str, str], Path]:
    """Return the path for the results of every direction (source, target): `folder`/<source>-<target><suffix>.

    Raises:
        UserError: as `below`, or two directions have the same name: `a` to `b-c`, and `a-b` to `c`.
    """
    paths = {(source, target): below(folder, f"{source}-{target}{suffix}") for source, target in directions}
    check_distinct((path, " to ".join(direction)) for direction, path in paths.items())
    return paths


def check_distinct(outputs: Iterable[tuple[Path, object]]) -> None:
    """Raise `UserError` where two of the (path, origin) are the same file, or one is a folder that holds another."""
    origins: dict[Path, object] = {}
    for path, origin in outputs:
        place = Path(os.path.realpath(path.parent), path.name)
        if place in origins:
            raise UserError(f"{path}: would be written for both {origins[place]} and {origin}; rename one of them")
        origins[place] = origin
    for place, origin in origins.items():
        if other := next((parent for parent in place.parents if parent in origins), None):
            raise UserError(
                f"{other}: would be a file for {origins[other]} and a folder for {origin}; rename one of them"
            )
