"""Features as shards: tar files of moderate size in WebDataset's layout, read in bounded memory.

    out/features.json                     the configuration of the analysis, as in a folder of `translate extract`
    out/<domain>-<split>-000000.tar       per utterance <number>.npy (T, Q) float32, <number>.f0.npy (T,) if there is
                                          F0, <number>.json {id, pair, path, seconds, domain, split}
    out/<domain>-<split>-000000.npz       positions of the frames in the tar, their numbers, sentences and moments
    out/shards.json                       counts, sums of moments and checksums; written last, as a mark of completeness

Utterances are in the order of a hash of their sentence, which is as good as shuffled, and the same in all domains.
Memory does not grow with the number of utterances; the index grows with the number of shards.
"""

import io
import json
import os
import tarfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from translate.corpus.tar import INDEX, NO_SENTENCE, hash_sentence
from translate.errors import UserError
from translate.names import below
from translate.speech.analysis.statistics import Statistics
from translate.speech.corpus.features import FeatureStore, Utterances, read_json

OPEN_FILES = 128                                                    # limit of files open at once, over all domains
PREVIEW = 64                                                        # utterances that `ShardStore.open` reads




@dataclass(frozen=True)
class Shard:
    """One tar file and its entry in the index."""

    path: Path
    count: int                                                      # utterances
    size: int                                                       # bytes

    def read_table(self, *names: str) -> list[np.ndarray]:
        """Read columns of the table beside the tar: "offsets" (bytes), "frames", "sentences", "seconds", "moments"."""
        path = self.path.with_suffix(".npz")
        try:
            with np.load(path) as table:
                return [table[name] for name in names]
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{path}: cannot read ({error}); run `translate shard` again") from None


class OpenFiles:
    """A reader of pieces of files that keeps the most recently used files open."""

    def __init__(self, most: int = OPEN_FILES):
        self.most, self.open = most, OrderedDict[Path, int]()

    def read(self, path: Path, start: int, size: int) -> bytes:
        """Read `size` bytes from byte `start` on; raise `UserError` if the file is missing or too short."""
        try:
            descriptor = self.open.pop(path) if path in self.open else os.open(path, os.O_RDONLY)
            self.open[path] = descriptor                            # now the most recent
            if len(self.open) > self.most:
                os.close(self.open.popitem(last=False)[1])
            content = os.pread(descriptor, size, start)
        except OSError as error:
            raise UserError(f"{path}: cannot read ({error.strerror}); run `translate shard` again") from None
        if len(content) < size:
            raise UserError(f"{path}: ends at byte {start + len(content)}, too early; run `translate shard` again")
        return content

    def __del__(self) -> None:
        for descriptor in self.open.values():
            os.close(descriptor)


@dataclass(frozen=True, eq=False)
class ShardedUtterances:
    """The utterances of one split and domain on disk, or a selection of them.

    Attributes:
        shards: shards in the order of their numbers.
        dimensions: Q of the frames (T, Q).
        total: sum of the moments of all selected utterances.
        count, seconds, longest: number of selected utterances, their duration, frames of the longest in any shard.
        dropped: sorted hashes of the sentences that are left out.
    """

    shards: list[Shard]
    dimensions: int
    total: np.ndarray
    count: int
    seconds: float
    longest: int
    files: OpenFiles
    dropped: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    def __len__(self) -> int:
        return self.count

    def statistics(self) -> Statistics:
        return Statistics.from_moments(self.total, self.dimensions)

    def find_rows(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the speech of a shard's selected utterances: first bytes (U,) and numbers (U,) of its frames."""
        offsets, spans, sentences = self.shards[shard].read_table("offsets", "spans", "sentences")
        kept = ~np.isin(sentences, self.dropped)
        first, end = spans[kept].T
        return offsets[kept] + 4 * self.dimensions * first, end - first

    def keeps(self, pairs: Sequence[str | None]) -> np.ndarray:
        """Return whether utterances of these sentences are selected: (U,) bool."""
        return ~np.isin(np.array([hash_sentence(pair) for pair in pairs], dtype=np.uint64), self.dropped)

    def drop(self, sentences: np.ndarray) -> "ShardedUtterances":
        """Return the selection without these sentences, given as sorted hashes; reads every table once."""
        total, seconds, count = np.zeros_like(self.total), 0.0, 0
        for shard in self.shards:
            hashes, rows, durations = shard.read_table("sentences", "moments", "seconds")
            kept = ~np.isin(hashes, sentences)
            total += rows[kept].sum(axis=0)
            seconds, count = seconds + float(durations[kept].sum()), count + int(kept.sum())
        return replace(self, total=total, seconds=seconds, count=count, dropped=sentences)


def make_disjoint_shards(
    source: ShardedUtterances, target: ShardedUtterances
) -> tuple[ShardedUtterances, ShardedUtterances]:
    """Leave two domains no sentence in common: each keeps the half of the common sentences that its hashes select.

    This works like `translate.corpus.manifest.make_disjoint`, with 8 bytes of memory per utterance.

    Raises:
        UserError: a domain would have no utterance left.
    """
    first, second = (np.concatenate([s.read_table("sentences")[0] for s in each.shards]) for each in (source, target))
    common = np.intersect1d(first, second)
    common = common[common != NO_SENTENCE]
    half = (len(common) + 1) // 2
    kept = source.drop(common[half:]), target.drop(common[:half])
    if not all(map(len, kept)):
        raise UserError(
            f"one domain would have no sentence left once the {len(common)} common ones are divided between the two; "
            "add recordings or set data.non_parallel=false"
        )
    return kept


class ShardStore(FeatureStore):
    """A folder written by `translate shard`.

    Raises:
        UserError: the folder was not.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        super().__init__(folder)
        self.files = OpenFiles()
        self.index: Mapping[str, Mapping[str, dict]] = read_json(self.folder / INDEX)["splits"]

    @staticmethod
    def is_one(folder: str | os.PathLike[str]) -> bool:
        return (Path(folder) / INDEX).exists()

    def domains(self, split: str) -> list[str]:
        """List the split's domains, sorted; none for an unknown split."""
        return sorted(self.index.get(split, {}))

    def open_shards(self, split: str, domain: str) -> ShardedUtterances:
        """Open all utterances of one domain for streaming; raise `UserError` if there are none."""
        if domain not in self.domains(split):
            known = ", ".join(self.domains(split)) or "none"
            raise UserError(f"{self.folder}: no domain `{domain}` in split `{split}`; found: {known}")
        facts = self.index[split][domain]
        shards = [Shard(below(self.folder, s["name"]), s["count"], s["bytes"]) for s in facts["shards"]]
        for shard in shards:
            found = shard.path.stat().st_size if shard.path.exists() else None
            if found != shard.size:
                what = "missing" if found is None else f"{found} bytes instead of {shard.size}"
                raise UserError(f"{shard.path}: {what}; run `translate shard` again")
        total = np.array(facts["moments"])
        dimensions = facts.get("dimensions", (len(total) - 4) // 2)  # older shards have squares alone
        count, seconds, longest = (facts[name] for name in ("count", "seconds", "longest"))
        return ShardedUtterances(shards, dimensions, total, count, seconds, longest, self.files)

    def open(self, split: str, domain: str) -> Utterances:
        """Read the first `PREVIEW` utterances of a domain into memory, for the run monitor, not for training."""
        rows: list[tuple[dict, np.ndarray]] = []
        tables = []
        for shard in self.open_shards(split, domain).shards:
            rows += read_utterances(shard.path, PREVIEW - len(rows))
            tables += shard.read_table("moments")
            if len(rows) == PREVIEW:
                break
        entries, features = [entry for entry, _ in rows], [frames for _, frames in rows]
        frames = np.array([len(utterance) for utterance in features])
        return Utterances(
            ids=[entry["id"] for entry in entries],
            pairs=[entry["pair"] for entry in entries],
            paths=[entry["path"] for entry in entries],
            frames=frames,
            seconds=np.array([entry["seconds"] for entry in entries]),
            offsets=np.concatenate([[0], np.cumsum(frames)]),
            features=np.concatenate(features),
            f0=None,
            moments=np.concatenate(tables)[: len(rows)],
            spans=np.stack([np.zeros_like(frames), frames], axis=1),
        )


def read_utterances(path: Path, most: int) -> list[tuple[dict, np.ndarray]]:
    """Read the first `most` utterances of a tar: the content of its JSON, and frames (T, Q)."""
    found: list[tuple[dict, np.ndarray]] = []
    frames = np.zeros((0, 0), dtype=np.float32)
    try:
        with tarfile.open(path, "r:") as tar:
            while len(found) < most and (member := tar.next()):
                file, suffix = tar.extractfile(member), member.name.partition(".")[2]
                if file and suffix == "npy":
                    frames = np.lib.format.read_array(io.BytesIO(file.read()))
                elif file and suffix == "json":                     # the last member of an utterance
                    found.append((json.load(file), frames))
    except (OSError, ValueError, tarfile.TarError) as error:
        raise UserError(f"{path}: cannot read ({error}); run `translate shard` again") from None
    return found


def pack_index(splits: Mapping[str, Mapping[str, Sequence[dict]]]) -> dict:
    """Build the content of `shards.json` from the facts about every shard of a split and domain."""
    index: dict[str, dict[str, dict]] = {}
    for split, domains in splits.items():
        for domain, shards in domains.items():
            index.setdefault(split, {})[domain] = {
                "count": sum(shard["count"] for shard in shards),
                "seconds": sum(shard["seconds"] for shard in shards),
                "longest": max(shard["longest"] for shard in shards),
                "dimensions": shards[0]["dimensions"],
                "moments": np.sum([shard["moments"] for shard in shards], axis=0).tolist(),
                "shards": [{name: shard[name] for name in ("name", "count", "bytes", "sha256")} for shard in shards],
            }
    return {"splits": index}
