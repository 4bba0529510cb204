"""Shards of any content: members, checksums, names."""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from translate.names import below, check_distinct, check_name

INDEX = "shards.json"
NO_SENTENCE = 0                                                     # hash of an utterance without partners


def hash_sentence(pair: str | None) -> int:
    """Return a 64-bit hash of a sentence; `NO_SENTENCE` for None."""
    if pair is None:
        return NO_SENTENCE
    return int.from_bytes(hashlib.blake2b(pair.encode(), digest_size=8).digest(), "little") or 1


def add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member without time and owner: the same content gives the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def name_shards(out: Path, groups: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return how the file names of every (split, domain) begin: <domain>-<split>.

    Raises:
        UserError: a name that cannot be part of a path, or two groups whose files would have the same names.
    """
    names = {}
    for split, domain in groups:
        check_name(split, "split", out)
        names[split, domain] = f"{check_name(domain, 'domain', out)}-{split}"
    check_distinct((below(out, name), f"{domain} of {split}") for (split, domain), name in names.items())
    return names


def remove_others(out: Path, names: set[str]) -> None:
    """Remove shards of an earlier run, which no index lists."""
    for path in list(out.iterdir()):
        if re.fullmatch(r".+-\d{6}\.(tar|npz)", path.name) and path.with_suffix(".tar").name not in names:
            path.unlink()
