"""Attribute files: the properties of each image."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from translate.errors import UserError


def read_attributes(path: Path, chosen: Sequence[str] | None = None) -> dict[str, dict[str, int]]:
    """Read an attribute file in CelebA's format, a line of names, then a line per image; or the same as CSV.

    Args:
        path: path of a `.txt` (number of images in the first line, columns by spaces) or `.csv` (file names first).
        chosen: attributes to keep, in this order; None: all.

    Returns:
        {file name: {attribute: 0 or 1}}; 1 in the file is 1, -1 and 0 are 0.

    Raises:
        UserError: a line with too few or unknown values, or an attribute that the file does not have.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"{path}: cannot read the attributes ({reason})") from None
    rows = [
        (number, line.replace(",", " ").split() if path.suffix == ".csv" else line.split())
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if rows and len(rows[0][1]) == 1 and rows[0][1][0].isdigit():
        rows = rows[1:]                                             # without the number of images
    if len(rows) < 2:
        raise UserError(f"{path}: no attributes; expected a line of names, then `file 1 -1 ...` per picture")
    names = rows[0][1][1:] if path.suffix == ".csv" else rows[0][1]
    columns = [_find(name, names, path) for name in (chosen if chosen is not None else names)]
    attributes = {}
    for number, (file, *values) in rows[1:]:
        if len(values) != len(names) or not set(values) <= {"1", "0", "-1"}:
            raise UserError(f"{path}:{number}: expected a file and {len(names)} values of 1 or -1")
        attributes[file] = {names[column]: int(values[column] == "1") for column in columns}
    return attributes


def _find(name: str, names: list[str], path: Path) -> int:
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(names[:10])}, ..."
        raise UserError(f"{path}: no attribute `{name}`; {hint}")
    return names.index(name)
