"""Unpack the archive of a corpus, or print its checksum.

    python archive.py unpack ARCHIVE FOLDER [PATTERN]     PATTERN: of the members to take, such as '*_mic1.flac'
    python archive.py sum FILE                            SHA-256 of a file

The names of members are not trusted: a member that would be written outside of FOLDER, a link that leads out of it or a
device ends the unpacking. FOLDER appears, or is replaced, when everything is unpacked. Needs the standard library only.
"""

import hashlib
import re
import shutil
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

DAMAGED = (EOFError, NotImplementedError, RuntimeError, ValueError, zipfile.BadZipFile, tarfile.TarError, zlib.error)


class Refused(Exception):
    """An archive that is not unpacked, and why."""


def unpack(archive: Path, folder: Path, pattern: str = "*") -> None:
    """Unpack the members that match `pattern` into `folder`, all of them or none; what was there is replaced.

    Raises:
        Refused: a damaged or hostile archive, or one without such a member.
    """
    draft, former = (folder.with_name(f"{folder.name}.{what}") for what in ("part", "former"))
    for left_over in (draft, former):
        shutil.rmtree(left_over, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        fill = _unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar
        fill(archive, draft, lambda name: fnmatchcase(name, pattern))
        if not any(draft.iterdir()):
            raise Refused(f"{archive}: holds nothing that is called {pattern}")
        if folder.exists():
            folder.rename(former)
        draft.rename(folder)
    except DAMAGED as error:
        raise Refused(f"{archive}: cannot be unpacked ({error})") from None
    finally:
        for left_over in (draft, former):
            shutil.rmtree(left_over, ignore_errors=True)


def _unpack_zip(archive: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            _check_name(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16) if member.create_system == 3 else 0  # 3: written on Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Refused(f"{archive}: {member.filename!r} is a link or a device; not unpacked")
            if wanted(member.filename):
                file.extract(member, folder)


def _unpack_tar(archive: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    if not hasattr(tarfile, "data_filter"):
        version = sys.version.split()[0]
        raise Refused(f"{archive}: Python {version} cannot unpack it safely; take 3.10.12, 3.11.4, 3.12 or later")
    links: set[PurePosixPath] = set()

    def check(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        _check_name(archive, member.name)
        place = PurePosixPath(member.name)
        if links.intersection((place, *place.parents)):
            raise Refused(f"{archive}: {member.name!r} would be written through a link; not unpacked")
        if member.issym() or (member.islnk() and PurePosixPath(member.linkname) in links):
            links.add(place)
        return tarfile.data_filter(member, path) if wanted(member.name) else None

    with tarfile.open(archive) as file:
        file.extractall(folder, filter=check)


def _check_name(archive: Path, name: str) -> None:
    """Raise `Refused` for a name that leads elsewhere, also where `\\` separates folders."""
    parts = re.split(r"[/\\]", name)
    if not parts[0] or re.fullmatch("[A-Za-z]:", parts[0]) or ".." in parts:
        raise Refused(f"{archive}: {name!r} leads out of the archive's folder; not unpacked")


def compute_sum(path: Path) -> str:
    """SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def main(verb: str, *arguments: str) -> None:
    try:
        if verb == "sum":
            print(compute_sum(Path(*arguments)))
        else:
            archive, folder, *pattern = arguments
            unpack(Path(archive), Path(folder), *pattern)
    except (Refused, OSError) as error:
        print(f"archive.py: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
