"""The input files of `translate convert`, and the output path of each."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate.corpus.manifest import Entry, read_manifest
from translate.errors import UserError
from translate.names import below, check_distinct, check_name

Task = tuple[Entry, Path]                                           # input, output; without a manifest, domain ""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: noun for one of them in messages.
        suffixes: suffixes of the files to find in a folder.
        suffix: suffix of a conversion.
    """

    name: str
    suffixes: Collection[str]
    suffix: str


def find_tasks(
    given: Path, out: Path, kind: Kind, domains: Collection[str], manifest: Sequence[Entry] = ()
) -> tuple[list[Task], bool]:
    """Pair everything to convert with its output, before anything is converted.

    Args:
        given: a file; a folder, searched recursively; a `.txt` list of paths, relative to the current folder; or a
            `.jsonl` manifest.
        out: for one file, a file or an existing folder; else a folder that mirrors `given`.
        kind: kind of the files.
        domains: domains to convert of a manifest; each of several gets a folder of its own.
        manifest: entries of the manifest, where they have been read already.

    Returns:
        The tasks, and whether `given` is a single file.

    Raises:
        UserError: nothing to convert; an output that would overwrite one of the files or another output, or that lies
            outside of `out`.
    """
    if given.is_file() and given.suffix.lower() not in (".jsonl", ".txt"):
        tasks, single = [_name_output(given, out, kind)], True
    else:
        tasks, single = list(_list_tasks(given, out, kind, domains, manifest)), False
    if not tasks:
        wanted = "`, `".join(domains)
        raise UserError(f"{given}: no {kind.name} to convert (for a manifest: no entry of the domain `{wanted}`)")
    _check(tasks, out, kind, single)
    return tasks, single


def _name_output(given: Path, out: Path, kind: Kind) -> Task:
    if out.is_dir():
        out = below(out, f"{given.stem}{kind.suffix}")
    elif out.suffix.lower() != kind.suffix:
        raise UserError(f"{out}: expected a name that ends in {kind.suffix}, or an existing folder")
    return _make_entry(given.stem, given), out


def _list_tasks(
    given: Path, out: Path, kind: Kind, domains: Collection[str], manifest: Sequence[Entry]
) -> Iterator[Task]:
    if not given.exists():
        raise UserError(f"{given}: no such file or folder")
    if out.is_file():
        raise UserError(f"{out}: is a file; {given} needs a folder for its conversions")
    if given.is_dir():
        for path in sorted(given.rglob("*")):
            inside = path.relative_to(given)
            earlier = out.resolve() != given.resolve() and path.resolve().is_relative_to(out.resolve())
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.suffix.lower() in kind.suffixes and path.is_file() and not hidden and not earlier:
                yield _make_entry(inside.with_suffix("").as_posix(), path), below(out, inside.with_suffix(kind.suffix))
    elif given.suffix.lower() == ".jsonl":
        chosen = [entry for entry in manifest or read_manifest(given) if entry.domain in domains]
        several = len({entry.domain for entry in chosen}) > 1
        for entry in chosen:
            inside = Path(entry.domain, entry.id) if several else Path(entry.id)
            yield entry, below(out, f"{inside}{kind.suffix}")
    else:
        for number, path in _read_list(given):
            id = check_name(path.stem, "name", f"{given}:{number}")
            yield _make_entry(id, path), below(out, f"{id}{kind.suffix}")


def _make_entry(id: str, path: Path) -> Entry:
    return Entry(id=id, path=path, domain="", split="eval")


def _check(tasks: list[Task], out: Path, kind: Kind, single: bool) -> None:
    given = {entry.path.resolve() for entry, _ in tasks}
    for _, destination in tasks:
        if destination.resolve() in given:
            raise UserError(f"{destination}: the conversion would overwrite a {kind.name}; take another output")
    beside = [] if single else [(out / "conversion.json", "the summary")]
    check_distinct([*((destination, entry.path) for entry, destination in tasks), *beside])


def _read_list(path: Path) -> list[tuple[int, Path]]:
    """Read the paths of a list with their line numbers."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: cannot read the list; expected one path per line in UTF-8") from None
    return [(number, Path(line.strip())) for number, line in enumerate(lines, start=1) if line.strip()]
