"""Manifests: JSON lines that say which file belongs to which domain, split and pair."""

import json
import os
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from translate.errors import UserError
from translate.files import replacing
from translate.names import check_name

AUDIO = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au"}


@dataclass(frozen=True)
class Entry:
    """One recording, image or label map."""

    id: str                                                         # unique within (domain, split), a path in a folder
    path: Path                                                      # absolute
    domain: str                                                     # the speaker's or style's name, a plain folder name
    split: str                                                      # "train", "dev", "eval", ...
    pair: str | None = None                                         # equal for the same words or the same scene
    part: str | None = None                                         # "left" or "right" half of the image; None: all
    attributes: dict[str, int] | None = field(default=None, hash=False)  # 0 or 1 by name; domain is then "all"


def read_manifest(path: str | os.PathLike[str]) -> list[Entry]:
    """Read a manifest in the order of its lines; keys that `Entry` lacks are ignored.

    Relative paths are relative to the manifest.

    Raises:
        UserError: with file and line: a line that is not a JSON object, a missing or non-text key, a missing file,
            a name that cannot be part of a path, or an id that its domain and split have twice.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"{path}: cannot read the manifest ({reason})") from None
    seen: dict[tuple[str, str, str], int] = {}
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        entry = _parse(line, Path(path).parent, where)
        first = seen.setdefault((entry.domain, entry.split, entry.id), number)
        if first != number:
            raise UserError(
                f"{where}: id `{entry.id}` is on line {first} already, of the same domain and split"
            )
        entries.append(entry)
    if not entries:
        raise UserError(f"{path}: the manifest is empty; expected one JSON object per line")
    return entries


def write_manifest(path: str | os.PathLike[str], entries: Iterable[Entry]) -> None:
    """Write a manifest, whole or not at all; files below its folder get relative paths, so that both can be moved.

    Raises:
        UserError: as `check_entry`, or the file cannot be written.
    """
    folder = Path(os.path.abspath(path)).parent
    entries = [check_entry(entry, entry.path) for entry in entries]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for entry in entries:
            below = entry.path.is_relative_to(folder)
            shown = entry.path.relative_to(folder) if below else entry.path
            values = {key: value for key, value in asdict(entry).items() if value is not None}
            file.write(json.dumps(values | {"path": shown.as_posix()}, ensure_ascii=False) + "\n")


def check_entry(entry: Entry, where: object) -> Entry:
    """Return the entry; raise `UserError`, naming `where`, unless its id, domain and split can be parts of paths."""
    check_name(entry.id, "id", where, nested=True)
    check_name(entry.domain, "domain", where)
    check_name(entry.split, "split", where)
    return entry


def scan_folders(
    root: str | os.PathLike[str],
    domains: Sequence[str] | None = None,
    train: str | Sequence[str] = "*",
    evaluation: str | Sequence[str] | None = None,
    share: float = 0.1,
    dev: str | Sequence[str] = (),
) -> list[Entry]:
    """Find `root/<domain>/**/*.wav` (or FLAC, Ogg, MP3, ...) and split it into "train", "dev" and "eval".

    Args:
        root: folder with one folder per domain.
        domains: names of the domains; None: every folder that holds audio.
        train: glob(s) on the file's stem; files that match neither this nor `dev` nor `evaluation` are left out.
        evaluation: glob(s) on the file's stem; they win over the others. None: the last `share` of the sentences that
            all domains have, or where there are none, of each domain's own.
        share: fraction of the sentences for evaluation, 0 to below 1.
        dev: glob(s) on the file's stem; they win over `train`. `translate.corpus.development` chooses without globs.

    Returns:
        Entries sorted by domain and id. The id is the path inside the domain without its suffix, and also the pair
        where at least two domains have it.

    Raises:
        UserError: no such folder or domain, no audio, or an empty split.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected one folder per domain in it")
    if domains is None:
        names = sorted(folder.name for folder in root.iterdir() if not folder.name.startswith("."))
        found = {name: files for name in names if (files := find_files(root / name, AUDIO))}
    else:
        found = {name: find_files(root / name, AUDIO) for name in domains}
    if not found:
        raise UserError(f"{root}: no folder with audio in it; expected {root}/<domain>/*.wav")
    if empty := [name for name, files in found.items() if not files]:
        raise UserError(f"{root / empty[0]}: no audio of domain `{empty[0]}`; expected .wav, .flac, ...")
    developing = {d: {i for i, p in files.items() if _matches(p, dev)} for d, files in found.items()}
    training = {d: {i for i, p in f.items() if _matches(p, train)} - developing[d] for d, f in found.items()}
    if evaluation is None:
        held_out = hold_out(training, share)
    else:
        held_out = {d: {i for i, p in files.items() if _matches(p, evaluation)} for d, files in found.items()}
    entries = []
    for domain, files in found.items():
        for id in sorted(training[domain] | developing[domain] | held_out[domain]):
            split = "eval" if id in held_out[domain] else "dev" if id in developing[domain] else "train"
            entries.append(Entry(id, files[id], domain, split))
    expected = {"train": train, "dev": dev or None, "eval": evaluation}
    for domain in found:
        present = {entry.split for entry in entries if entry.domain == domain}
        for split, globs in expected.items():
            if globs is not None and split not in present:
                raise UserError(f"{root / domain}: no file for split `{split}` matches {globs!r}")
    return _pair(entries, {entry: entry.id for entry in entries})


def import_kaldi(folder: str | os.PathLike[str], split: str) -> list[Entry]:
    """Import a Kaldi data folder: `wav.scp` (utterance, file) and `utt2spk` (utterance, speaker = domain).

    Relative files are relative to the current folder, as in Kaldi. Utterances of two speakers pair where
    their ids agree after the speaker's prefix (`spk1-017`, `spk2_017`).

    Raises:
        UserError: a missing or malformed file, a piped command, a `segments` file, no speaker, or a name that cannot
            be part of a path.
    """
    folder = Path(folder)
    segments = folder / "segments"
    if segments.exists():
        raise UserError(f"{segments}: segments are not supported; cut the recordings into files first")
    speakers = {utterance: speaker for _, utterance, speaker in _read_table(folder / "utt2spk")}
    entries = []
    for number, utterance, value in _read_table(folder / "wav.scp"):
        where = f"{folder / 'wav.scp'}:{number}"
        if value.endswith("|") or value.startswith("|"):
            raise UserError(f"{where}: piped commands are not run; write the audio to a file and name that")
        path = Path(os.path.abspath(value))
        if not path.is_file():
            raise UserError(f"{where}: no such file: {path}")
        if utterance not in speakers:
            raise UserError(f"{where}: utterance `{utterance}` has no speaker in {folder / 'utt2spk'}")
        entries.append(check_entry(Entry(utterance, path, speakers[utterance], split), where))
    return _pair(entries, {entry: entry.id.removeprefix(entry.domain).lstrip("-_") for entry in entries})


def make_disjoint(entries_by_domain: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
    """Remove sentences that two domains share, so that training is non-parallel by construction.

    Of their common pairs, sorted, the first half stays with the source (the first domain), the second half with the
    target; all other entries stay. Any other number of domains is returned unchanged.

    Raises:
        UserError: a domain would have no entry left.
    """
    if len(entries_by_domain) != 2:
        return entries_by_domain
    (source, ours), (target, theirs) = entries_by_domain.items()
    common = sorted({e.pair for e in ours if e.pair} & {e.pair for e in theirs if e.pair})
    half = (len(common) + 1) // 2
    dropped = {source: set(common[half:]), target: set(common[:half])}
    kept = {d: [e for e in entries if e.pair not in dropped[d]] for d, entries in entries_by_domain.items()}
    for domain, entries in kept.items():
        if not entries:
            raise UserError(
                f"domain `{domain}`: no sentence left when the domains share none of the {len(common)} "
                "common ones; add recordings or set data.non_parallel=false"
            )
    return kept


def find_files(folder: Path, suffixes: Container[str]) -> dict[str, Path]:
    """Find the files with these suffixes, {id: path}, sorted; the id is the path inside `folder` without its suffix.

    Files and folders whose names start with a dot are left out. Raise `UserError` for two files with the same id.
    """
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix.lower() not in suffixes or any(part.startswith(".") for part in inside.parts):
            continue
        id = inside.with_suffix("").as_posix()
        if id in files:
            raise UserError(f"{path}: {files[id].name} beside it has the same id `{id}`; keep one of them")
        files[id] = path
    return files


def hold_out(ids_by_domain: dict[str, set[str]], share: float) -> dict[str, set[str]]:
    """Return {domain: ids for evaluation}: the same ids for all domains where they have any in common."""
    if not 0 <= share < 1:
        raise UserError(f"share is {share}; expected the part of the files for evaluation, 0 to below 1")
    common = set.intersection(*ids_by_domain.values())
    held_out = {}
    for domain, ids in ids_by_domain.items():
        candidates = sorted(common if len(common) > 1 else ids)
        count = min(len(candidates) - 1, max(1, round(share * len(candidates)))) if share else 0
        held_out[domain] = set(candidates[len(candidates) - count :])
    return held_out


# --- helpers ----------------------------------------------------------------------------------------------


def _parse(line: str, folder: Path, where: str) -> Entry:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON ({error.msg} at column {error.colno})") from None
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected a JSON object, found {type(values).__name__}")
    for key in ("id", "path", "domain", "split"):
        if not isinstance(values.get(key), str) or not values[key]:
            problem = "is missing" if key not in values else f"is {values[key]!r}"
            raise UserError(f"{where}: `{key}` {problem}; expected text")
    pair = values.get("pair")
    if not isinstance(pair, str | None):
        raise UserError(f"{where}: `pair` is {pair!r}; expected text")
    part = values.get("part")
    if part not in (None, "left", "right"):
        raise UserError(f"{where}: `part` is {part!r}; expected left or right")
    attributes = values.get("attributes")
    if attributes is not None and not _are_attributes(attributes):
        raise UserError(f"{where}: `attributes` is {attributes!r}; expected names with 0 or 1")
    path = Path(os.path.abspath(folder / values["path"]))
    entry = check_entry(Entry(values["id"], path, values["domain"], values["split"], pair, part, attributes), where)
    if not path.is_file():
        raise UserError(f"{where}: no such file: {path}")
    return entry


def _are_attributes(value: object) -> bool:
    return isinstance(value, dict) and all(type(number) is int and number in (0, 1) for number in value.values())


def _matches(path: Path, globs: str | Sequence[str]) -> bool:
    return any(fnmatchcase(path.stem, glob) for glob in ([globs] if isinstance(globs, str) else globs))


def _pair(entries: list[Entry], sentences: dict[Entry, str]) -> list[Entry]:
    """Set the pair to the entry's sentence where at least two domains have that sentence."""
    shared = Counter(sentence for _, sentence in {(e.domain, s) for e, s in sentences.items()})
    return [replace(e, pair=sentences[e] if shared[sentences[e]] > 1 else None) for e in entries]


def _read_table(path: Path) -> list[tuple[int, str, str]]:
    """Read (line number, first word, the rest) of every line of a Kaldi table."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"{path}: cannot read ({reason}); expected a Kaldi data folder") from None
    rows = [(number, line.split(maxsplit=1)) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, words in rows:
        if len(words) != 2:
            raise UserError(f"{path}:{number}: expected two columns, found `{words[0]}`")
    return [(number, words[0], words[1].strip()) for number, words in rows]
