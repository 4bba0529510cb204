"""Features of a corpus on disk: extracted in parallel, memory-mapped for training.

The folder of a split and domain appears, or is replaced, as a whole (`translate.folders`).

    out/features.json                       the configuration of the analysis
    out/ranges.json                         lowest and highest F0 in Hz by domain, of a first, quick analysis
    out/<split>/<domain>/features.npy       (T, Q) float32, all utterances concatenated: mel-cepstra, log magnitudes,
                                            or samples (Q = 1), depending on the front end
    out/<split>/<domain>/f0.npy             (T,) float32 Hz, 0 where unvoiced; only for front ends with F0
    out/<split>/<domain>/moments.npy        (U, M) float64, see `translate.speech.analysis.statistics.moments`
    out/<split>/<domain>/index.json         ids, pairs, paths, frames, seconds, spans: [first, end) of the speech
    out/.parts/                             finished utterances of a run that is not complete
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from translate.config import FeatureConfig, validate
from translate.corpus.manifest import Entry
from translate.corpus.progress import track
from translate.errors import UserError
from translate.files import replacing
from translate.folders import list_folders, locate, settle_folder
from translate.names import below, check_name
from translate.speech.analysis.f0 import Range
from translate.speech.analysis.front_end import KINDS, make_front_end
from translate.speech.analysis.statistics import Statistics, count_moments, moments
from translate.speech.analysis.wave import check_wave, read_wave
from translate.speech.corpus.cluster import work
from translate.speech.corpus.joining import join_parts
from translate.speech.corpus.ranges import find_ranges, read_ranges
from translate.speech.corpus.spans import find_training_span

log = logging.getLogger("translate")


def extract(
    entries: Sequence[Entry],
    config: FeatureConfig,
    out: str | os.PathLike[str],
    jobs: int = -1,
    progress: bool = True,
    cluster: str = "processes",
) -> None:
    """Analyse every recording and write the files listed above.

    An interrupted run resumes: finished utterances are recognised by their entry, the configuration, and the size and
    time of their file. Complete splits and domains are not touched. Each process holds one utterance in memory.

    Args:
        entries: manifest entries, any splits and domains; each domain keeps their order.
        config: settings of the analysis.
        out: folder of the features.
        jobs: number of processes; -1 uses every core, 1 stays in this process.
        progress: whether to show a progress bar.
        cluster: where the processes run, see `translate.speech.corpus.cluster.work`; other machines read the recordings
            and write to `out` under the same paths as this one.

    Raises:
        UserError: no entries; `out` holds features of another configuration, or links that lead out of it; the cluster
            does not answer or does not have `out`; or unusable files: all are named at the end, and the features of the
            good ones are kept.
    """
    if not entries:
        raise UserError("no recordings to extract features from; check the manifest")
    make_front_end(config)                                          # refuses a bad configuration early
    out = Path(out).resolve()                                       # workers have other working directories
    _adopt(out, config)
    ranges = find_ranges(entries, config, out, jobs, cluster)
    groups: dict[tuple[str, str], list[tuple[Entry, str]]] = {}
    for entry in entries:
        print_ = _fingerprint(entry, config, ranges.get(entry.domain))
        groups.setdefault((entry.split, entry.domain), []).append((entry, print_))
    folders = {key: below(out, Path(*key)) for key in groups}
    for folder in folders.values():
        settle_folder(folder)  # if a run was interrupted while it replaced the folder
    groups = {key: group for key, group in groups.items() if not _is_complete(folders[key], group)}
    if not groups:
        log.info("%s: the features are complete, nothing to do", out)
        return
    tasks = [task for group in groups.values() for task in group]
    missing = [(entry, _part(out, print_)) for entry, print_ in tasks if not _part(out, print_).exists()]
    if len(missing) < len(tasks):
        log.info("%s: %d of %d utterances were finished before", out, len(tasks) - len(missing), len(tasks))
    bad = [error for error in _run(missing, config, ranges, jobs, progress, cluster) if error]
    if bad:
        raise UserError(f"{len(bad)} of {len(tasks)} files cannot be used: {'; '.join(sorted(bad))}")
    if absent := [part for _, part in missing if not part.exists()]:
        raise UserError(f"{absent[0]}: a worker wrote it elsewhere; --out must be a folder that all machines share")
    for key, group in groups.items():
        facts = {
            "ids": [entry.id for entry, _ in group],
            "pairs": [entry.pair for entry, _ in group],
            "paths": [str(entry.path) for entry, _ in group],
            "fingerprints": [print_ for _, print_ in group],
        }
        join_parts([_part(out, print_) for _, print_ in group], folders[key], facts)
    shutil.rmtree(out / ".parts", ignore_errors=True)


@dataclass(frozen=True, eq=False)
class Utterances:
    """The utterances of one split and domain, or a selection of them."""

    ids: list[str]
    pairs: list[str | None]
    paths: list[str]                                                # paths of the recordings
    frames: np.ndarray                                              # (U,) int64
    seconds: np.ndarray                                             # (U,) durations of the recordings
    offsets: np.ndarray                                             # (U + 1,) first frames, and the end of the last
    features: np.ndarray                                            # (T, Q) float32, memory map of the whole domain
    f0: np.ndarray | None                                           # (T,) float32, likewise; None without F0
    moments: np.ndarray                                             # (U, M) float64
    spans: np.ndarray                                               # (U, 2) first frame of the speech, and its end
    f0_range: Range | None = None                                   # Hz in which F0 was estimated

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> np.ndarray:
        """Return the features (t, Q) of utterance `i`, a view of the memory map."""
        return self.features[self.offsets[i] : self.offsets[i] + self.frames[i]]

    def select(self, ids: Sequence[str]) -> "Utterances":
        """Select utterances by id, in this order, on the same memory maps; raise `UserError` for unknown ids."""
        rows = {id: row for row, id in enumerate(self.ids)}
        if unknown := [id for id in ids if id not in rows]:
            raise UserError(f"no utterance `{unknown[0]}` in the features; extract them again")
        chosen = np.array([rows[id] for id in ids], dtype=np.int64)
        starts, frames = self.offsets[chosen], self.frames[chosen]
        return Utterances(
            ids=list(ids),
            pairs=[self.pairs[row] for row in chosen],
            paths=[self.paths[row] for row in chosen],
            frames=frames,
            seconds=self.seconds[chosen],
            offsets=np.append(starts, starts[-1:] + frames[-1:]),
            features=self.features,
            f0=self.f0,
            moments=self.moments[chosen],
            spans=self.spans[chosen],
            f0_range=self.f0_range,
        )

    @property
    def longest(self) -> int:
        """Number of frames of the longest utterance."""
        return int(self.frames.max(initial=0))

    def statistics(self) -> Statistics:
        found = Statistics.from_moments(self.moments.sum(axis=0), self.features.shape[1])
        return found if self.f0_range is None else replace(found, f0_range=np.array(self.f0_range))


class FeatureStore:
    """A folder written by `extract`.

    Raises:
        UserError: the folder was not.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        path = self.folder / "features.json"
        values = read_json(path)
        kind = KINDS.get(values.get("kind", ""), KINDS["world"])
        self.config: FeatureConfig = validate(kind.section, values, str(path))

    def domains(self, split: str) -> list[str]:
        """List the split's domains, sorted; none for an unknown split."""
        folders = list_folders(self.folder / split)
        return sorted(name for name, folder in folders.items() if (folder / "index.json").exists())

    def open(self, split: str, domain: str) -> Utterances:
        """Open the memory map of one domain's features; raise `UserError` if there are none."""
        if domain not in self.domains(split):
            known = ", ".join(self.domains(split)) or "none"
            raise UserError(f"{self.folder}: no domain `{domain}` in split `{split}`; found: {known}")
        folder = locate(self.folder / split / domain)
        index = read_json(folder / "index.json")
        for id in index["ids"]:
            check_name(id, "id", folder / "index.json", nested=True)
        frames = np.array(index["frames"], dtype=np.int64)
        return Utterances(
            ids=index["ids"],
            pairs=index["pairs"],
            paths=index["paths"],
            frames=frames,
            seconds=np.array(index["seconds"]),
            offsets=np.concatenate([[0], np.cumsum(frames)]),
            features=np.load(folder / "features.npy", mmap_mode="r"),
            f0=np.load(folder / "f0.npy", mmap_mode="r") if (folder / "f0.npy").exists() else None,
            moments=np.load(folder / "moments.npy"),
            f0_range=read_ranges(self.folder).get(domain),
            spans=np.array(index.get("spans", [[0, length] for length in frames]), dtype=np.int64).reshape(-1, 2),
        )


# --- extraction -------------------------------------------------------------------------------------------


def _adopt(out: Path, config: FeatureConfig) -> None:
    """Make `out` a folder of this configuration; raise `UserError` if it holds features of another one."""
    path = out / "features.json"
    if path.exists():
        if read_json(path) == config.model_dump():
            return
        raise UserError(
            f"{out}: holds features of other settings ({_differ(path, config)}); give another folder, or delete it"
        )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(config.model_dump(), indent=1) + "\n", encoding="utf-8")


def _differ(path: Path, config: FeatureConfig) -> str:
    old, new = read_json(path), config.model_dump()
    return ", ".join(f"{key}={old.get(key)} there, {new[key]} here" for key in new if old.get(key) != new[key])


def _fingerprint(entry: Entry, config: FeatureConfig, f0_range: Range | None) -> str:
    """Hash everything that an utterance's features depend on.

    A missing file gives a hash as well; it is reported when it is read.
    """
    try:
        stat = entry.path.stat()
        state = [stat.st_size, stat.st_mtime_ns]
    except OSError:
        state = []
    values = [entry.split, entry.domain, entry.id, str(entry.path), state, config.model_dump(), f0_range]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def _is_complete(folder: Path, group: list[tuple[Entry, str]]) -> bool:
    path = folder / "index.json"
    if not path.exists():
        return False
    index = read_json(path)
    if not _has_moments(folder):
        return False                                                # another version gathered other statistics
    wanted = [[print_, entry.pair] for entry, print_ in group]
    return [list(row) for row in zip(index["fingerprints"], index["pairs"], strict=True)] == wanted


def _has_moments(folder: Path) -> bool:
    """Return whether a folder's moments have the length that `moments` gives today."""
    try:
        found, wide = (np.load(folder / f"{name}.npy", mmap_mode="r").shape[1] for name in ("moments", "features"))
    except (OSError, ValueError):
        return False
    return found == count_moments(wide, (folder / "f0.npy").exists())


def _part(out: Path, fingerprint: str) -> Path:
    return out / ".parts" / f"{fingerprint}.npz"


def _run(
    tasks: list[tuple[Entry, Path]],
    config: FeatureConfig,
    ranges: Mapping[str, Range],
    jobs: int,
    progress: bool,
    cluster: str,
) -> Iterator[str | None]:
    """Yield the error of each utterance, or None, as they finish."""

    if not tasks:
        return
    rows = [(entry.path, part, config, ranges.get(entry.domain)) for entry, part in tasks]
    results = work(_extract_one, rows, jobs, cluster)
    yield from track(results, "features", total=len(tasks), show=progress)


def _extract_one(path: Path, part: Path, config: FeatureConfig, f0_range: Range | None) -> str | None:
    """Write one utterance's part; return what is wrong with the file, or None."""
    try:
        wave, sample_rate = read_wave(path, config.sample_rate)
        check_wave(wave, sample_rate, path)
        frames, f0 = make_front_end(config).analyse_frames(wave, *([] if f0_range is None else [f0_range]))
        maps = {"features": frames.astype(np.float32)} | ({} if f0 is None else {"f0": f0.astype(np.float32)})
        with replacing(part) as temporary, temporary.open("wb") as file:
            span = find_training_span(wave, len(frames), config)
            inside = [one[slice(*span)] for one in maps.values()]
            rows = {"moments": moments(*inside), "seconds": np.array(len(wave) / sample_rate), "span": np.array(span)}
            np.savez(file, **maps, **rows)  # type: ignore[arg-type]
    except UserError as error:
        return str(error)
    return None


def read_json(path: Path) -> dict:
    """Read the JSON object in a file of the features; raise `UserError` if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not valid JSON"
        raise UserError(f"{path}: cannot read ({reason}); extract the features first") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object; extract the features again")
    return content
