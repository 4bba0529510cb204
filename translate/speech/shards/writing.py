"""Writing of features as shards; the layout is described in `translate.speech.shards.reading`.

The same features give the same bytes. Writing again therefore repairs a folder that is incomplete or damaged; shards
with the right checksum stay as they are.
"""

import hashlib
import io
import json
import logging
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from translate.corpus.progress import track
from translate.corpus.tar import INDEX, add_member, digest, hash_sentence, name_shards, remove_others
from translate.errors import UserError
from translate.files import replacing
from translate.folders import list_folders
from translate.names import below
from translate.speech.corpus.features import FeatureStore, Utterances
from translate.speech.shards.reading import pack_index

log = logging.getLogger("translate")

BLOCK = 512                                                         # bytes, the block size of a tar


def write_shards(store: FeatureStore, out: str | os.PathLike[str], megabytes: float, progress: bool = True) -> None:
    """Write every split and domain of a feature folder as shards of about `megabytes` (10**6 bytes).

    Raises:
        UserError: there are no features, two domains have shards of the same names, `out` holds features of other
            settings or is the feature folder itself, or the disk is full.
    """

    out = Path(out)
    groups = _list_groups(store)
    if not groups:
        raise UserError(f"{store.folder}: no features to shard; extract them first")
    name_shards(out, groups)
    _adopt(store, out)
    done: dict[str, dict[str, list[dict]]] = {}
    names, written = set(), 0
    for split, domain in track(groups, "shards", show=progress):  # one domain's index in memory at a time
        for cut in _cut(store, split, domain, int(megabytes * 1e6)):
            known = _find_finished(out, cut)
            if known is None:
                (out / INDEX).unlink(missing_ok=True)               # invalid until it is written last
                known, written = _write_shard(out, cut), written + 1
            done.setdefault(split, {}).setdefault(domain, []).append(known)
            names.add(cut.name)
    remove_others(out, names)
    with replacing(out / INDEX) as temporary:
        temporary.write_text(json.dumps(pack_index(done), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    log.info("%s: %d shards, %d of them written now, %d as they were", out, len(names), written, len(names) - written)


@dataclass(frozen=True, eq=False)
class _Cut:
    """The rows of one split and domain that go into one shard."""

    split: str
    domain: str
    number: int
    utterances: Utterances
    rows: np.ndarray

    @property
    def name(self) -> str:
        return f"{self.domain}-{self.split}-{self.number:06d}.tar"

    def fingerprint(self) -> str:
        """Hash everything that the shard's bytes depend on; moments represent the frames."""
        known = self.utterances
        digest = hashlib.sha256(known.moments[self.rows].tobytes() + known.spans[self.rows].tobytes())
        for row in self.rows:
            digest.update(json.dumps([known.ids[row], known.pairs[row], known.paths[row]]).encode())
        return digest.hexdigest()


def _adopt(store: FeatureStore, out: Path) -> None:
    """Make `out` a folder of this configuration."""
    path = out / "features.json"
    if out.resolve() == store.folder.resolve():
        raise UserError(f"{out}: is the dump itself; give another folder for the shards")
    if (out / INDEX).exists() and not path.exists():
        raise UserError(f"{out}: holds pictures; give another folder for the features")
    text = json.dumps(store.config.model_dump(), indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise UserError(f"{out}: holds features of other settings; give another folder, or delete it")
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _list_groups(store: FeatureStore) -> list[tuple[str, str]]:
    splits = sorted(list_folders(store.folder))
    return [(split, domain) for split in splits for domain in store.domains(split)]


def _cut(store: FeatureStore, split: str, domain: str, size: int) -> Iterator[_Cut]:
    """Divide the utterances, in the order of their sentences' hashes, into groups of about `size` bytes."""
    known = store.open(split, domain)
    names = [pair if pair is not None else id for pair, id in zip(known.pairs, known.ids, strict=True)]
    order = sorted(range(len(known)), key=lambda row: (hash_sentence(names[row]), known.ids[row]))
    if not order:
        return
    width = known.features.shape[1] + (known.f0 is not None)
    sizes = 4 * width * known.frames[order] + 6 * BLOCK             # estimate: three headers, and padding to blocks
    numbers = (np.cumsum(sizes) - sizes) // size
    for number, rows in enumerate(np.split(np.array(order), np.flatnonzero(np.diff(numbers)) + 1)):
        yield _Cut(split, domain, number, known, rows)


def _write_shard(out: Path, cut: _Cut) -> dict[str, Any]:
    """Write one tar and the table beside it; return its entry in the index."""
    known, path, offsets = cut.utterances, below(out, cut.name), []
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for number, row in enumerate(cut.rows):
            span = slice(known.offsets[row], known.offsets[row] + known.frames[row])
            content = _pack(known.features[span])
            offsets.append(tar.offset + BLOCK + len(content) - known.features[span].nbytes)
            add_member(tar, f"{number:09d}.npy", content)
            if known.f0 is not None:
                add_member(tar, f"{number:09d}.f0.npy", _pack(known.f0[span]))
            facts = {"id": known.ids[row], "pair": known.pairs[row], "path": known.paths[row]}
            facts |= {"seconds": float(known.seconds[row]), "domain": cut.domain, "split": cut.split}
            add_member(tar, f"{number:09d}.json", json.dumps(facts, ensure_ascii=False).encode())
    table = {
        "offsets": np.array(offsets, dtype=np.int64),
        "frames": known.frames[cut.rows],
        "sentences": np.array([hash_sentence(known.pairs[row]) for row in cut.rows], dtype=np.uint64),
        "moments": known.moments[cut.rows],
        "seconds": known.seconds[cut.rows],
        "spans": known.spans[cut.rows],
        "fingerprint": np.array(cut.fingerprint()),
        "sha256": np.array(digest(path)),
    }
    with replacing(path.with_suffix(".npz")) as temporary, temporary.open("wb") as file:
        np.savez(file, **table)
    return _describe(path, table, cut)


def _find_finished(out: Path, cut: _Cut) -> dict[str, Any] | None:
    """Return the index entry of a shard that exists and is intact; None if it must be written."""
    path = out / cut.name
    try:
        with np.load(path.with_suffix(".npz")) as file:
            table = dict(file)
        whole = str(table["fingerprint"]) == cut.fingerprint() and str(table["sha256"]) == digest(path)
    except (OSError, KeyError, ValueError, EOFError):
        return None
    return _describe(path, table, cut) if whole else None


def _describe(path: Path, table: dict[str, np.ndarray], cut: _Cut) -> dict[str, Any]:
    return {
        "name": path.name,
        "count": len(table["frames"]),
        "bytes": path.stat().st_size,
        "sha256": str(table["sha256"]),
        "seconds": float(table["seconds"].sum()),
        "longest": int(table["frames"].max()),
        "dimensions": cut.utterances.features.shape[1],
        "moments": table["moments"].sum(axis=0),
    }


def _pack(array: np.ndarray) -> bytes:
    """Encode an array as the bytes of a .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), version=(1, 0))
    return file.getvalue()






