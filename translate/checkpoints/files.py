"""The files of a checkpoint, which may come from strangers: type and size are checked before a file is read."""

import importlib.util
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from translate.config.parsing import LONGEST
from translate.errors import UserError

FILES = {                                                           # all files that are shared; largest size in bytes
    "config.yaml": LONGEST,
    "weights.safetensors": 2**32,
    "average.safetensors": 2**32,
    "statistics.safetensors": 2**26,
    "README.md": 2**20,
}
NEEDED = ("config.yaml", "weights.safetensors")
HEADER = 2**22                                                      # bytes; a tensor takes 100 to 200


def check_files(folder: Path, name: str) -> None:
    """Raise `UserError` unless the files of a checkpoint are regular, in `folder`, and within the size limits.

    In a file of tensors, the size of the header is checked, too.
    """
    sizes = {file: size for file in FILES if (size := measure(folder, file, name)) is not None}
    check_sizes(sizes, name)
    for file in (file for file in sizes if file.endswith(".safetensors")):
        with open_regular(folder, file, name) as opened:
            length = int.from_bytes(opened.read(8), "little")
        if length > min(HEADER, sizes[file]):
            raise UserError(f"{name}: {file} is damaged (a header of {length} bytes); take another checkpoint")


def check_sizes(sizes: Mapping[str, int | None], name: str) -> None:
    """Raise `UserError` unless the files {name: bytes} are there and no larger than `FILES` allows."""
    for file in NEEDED:
        if file not in sizes:
            raise UserError(f"{name}: has no {file}; is it a checkpoint of translate?")
    for file, size in sizes.items():
        if (size or 0) > FILES[file]:
            raise UserError(f"{name}: {file} has {size} bytes; at most {FILES[file]} are taken")


def measure(folder: Path, file: str, name: str) -> int | None:
    """Return the size of a file in bytes, None where it does not exist; raise as `open_regular`."""
    if not os.path.lexists(folder / file):
        return None
    with open_regular(folder, file, name) as opened:
        return os.fstat(opened.fileno()).st_size


def find_text(folder: Path, file: str) -> Path | None:
    """Find a text in a folder that may be a stranger's, such as its card; None where there is none.

    Raises:
        UserError: it is not a regular file, leads out of the folder, or is larger than a card may be.
    """
    size, most = measure(folder, file, str(folder)), FILES["README.md"]
    if (size or 0) > most:
        raise UserError(f"{folder}: {file} has {size} bytes; at most {most} are taken")
    return None if size is None else folder / file


def open_regular(folder: Path, file: str, name: str) -> BinaryIO:
    """Open `folder`/`file`, which must be a regular file: no pipe or device, and no link that leads out of the folder.

    Raises:
        UserError: it is something else, or cannot be read; the message opens with `name`.
    """
    path = folder / file
    try:
        real = path.resolve(strict=True)
        if path.is_symlink() and not real.is_relative_to(_find_root(folder)):
            raise UserError(f"{name}: {file} is a link that leads out of the folder; put the file itself there")
        if not real.is_file():                                      # merely opening a device can have effects
            raise UserError(f"{name}: {file} is no regular file")
        # If it has been replaced by a pipe meanwhile, opening does not block.
        opened = os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb")
    except (OSError, RuntimeError) as error:                        # RuntimeError: circular links, up to Python 3.12
        reason = getattr(error, "strerror", None) or "links in a circle"
        raise UserError(f"{name}: cannot read {file} ({reason})") from None
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        opened.close()
        raise UserError(f"{name}: {file} is no regular file")
    return opened


def copy_files(folder: Path, to: Path, name: str) -> None:
    """Copy the files of a checkpoint, and no others; raise as `check_files`."""
    check_files(folder, name)
    for file in FILES:
        if os.path.lexists(folder / file):
            with open_regular(folder, file, name) as source, (to / file).open("wb") as copy:
                shutil.copyfileobj(source, copy)


def _find_root(folder: Path) -> Path:
    """Return the folder that links must stay in: `folder`, or in the Hub's cache of links the model's folder."""
    folder = folder.resolve()
    if importlib.util.find_spec("huggingface_hub"):
        from huggingface_hub import constants

        cache = Path(constants.HF_HUB_CACHE).resolve()
        if folder.is_relative_to(cache) and len(folder.relative_to(cache).parts) == 3:  # <model>/snapshots/<commit>
            return folder.parents[1]
    return folder
