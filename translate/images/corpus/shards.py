"""Pictures as shards: the files as they are, in tar files of a handy size in WebDataset's layout.

    out/<domain>-<split>-000000.tar       per picture <number>.<suffix>, the file, and <number>.json, its entry of the
                                          manifest: id, pair, part, attributes, domain, split
    out/shards.json                       counts and checksums; written last: makes all valid

For moving many small files, and for readers of WebDataset; our training reads the pictures that a manifest names.
"""

import json
import logging
import os
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from translate.corpus.manifest import Entry
from translate.corpus.progress import track
from translate.corpus.tar import INDEX, add_member, digest, hash_sentence, name_shards, remove_others
from translate.errors import UserError
from translate.files import replacing
from translate.images.arrays import IMAGES
from translate.names import below

log = logging.getLogger("translate")


def write_picture_shards(
    entries: Sequence[Entry], out: str | os.PathLike[str], megabytes: float, progress: bool = True
) -> None:
    """Write the files of a manifest as shards of about `megabytes` (10**6 bytes), in the order of a hash.

    Raises:
        UserError: an entry is no picture, a file is missing, two domains have shards of the same names, `out` holds
            features, or the disk is full.
    """

    out = Path(out)
    if (out / "features.json").exists():
        raise UserError(f"{out}: holds features; give another folder for the pictures")
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        if entry.path.suffix.lower() not in IMAGES:
            raise UserError(f"{entry.path}: no picture; of recordings shard the features: `translate extract` first")
        groups.setdefault((entry.split, entry.domain), []).append(entry)
    plan = {
        f"{name}-{number:06d}.tar": part
        for key, name in sorted(name_shards(out, groups).items())
        for number, part in enumerate(_cut(groups[key], int(megabytes * 1e6)))
    }
    index: dict[str, dict[str, list[dict]]] = {}
    (out / INDEX).unlink(missing_ok=True)                           # no longer valid; comes back last
    for name, part in track(plan.items(), "shards", show=progress):
        _write(below(out, name), part)
        facts = {"name": name, "count": len(part), "bytes": (out / name).stat().st_size, "sha256": digest(out / name)}
        index.setdefault(part[0].split, {}).setdefault(part[0].domain, []).append(facts)
    remove_others(out, set(plan))
    with replacing(out / INDEX) as temporary:
        temporary.write_text(json.dumps({"pictures": index}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    log.info("%s: %d shards of %d pictures", out, len(plan), len(entries))


def _cut(group: Sequence[Entry], size: int) -> Iterator[list[Entry]]:
    """Divide the entries, in the order of the hash of what they show, into runs of about `size` bytes."""
    part: list[Entry] = []
    held = 0
    for entry in sorted(group, key=lambda entry: (hash_sentence(entry.pair or entry.id), entry.id)):
        part.append(entry)
        held += entry.path.stat().st_size
        if held >= size:
            yield part
            part, held = [], 0
    if part:
        yield part


def _write(path: Path, part: Sequence[Entry]) -> None:
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, entry in enumerate(part):
            facts = {key: value for key, value in asdict(entry).items() if key != "path" and value is not None}
            add_member(tar, f"{number:09d}{entry.path.suffix.lower()}", entry.path.read_bytes())
            add_member(tar, f"{number:09d}.json", json.dumps(facts, ensure_ascii=False).encode())
