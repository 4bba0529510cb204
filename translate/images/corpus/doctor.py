"""Checks of the images of a corpus before training."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from joblib import Parallel, delayed

from translate.corpus.manifest import Entry, read_manifest
from translate.corpus.problems import Problem, print_problems
from translate.errors import UserError
from translate.images.arrays import read_image, take_part
from translate.images.corpus.groups import INSTANCE
from translate.images.corpus.layouts import scan_images
from translate.images.decoding import decode

if TYPE_CHECKING:
    from rich.console import Console

TINY = 32                                                           # pixels of the short side
FEW_PICTURES = 10                                                   # training images of a domain; fewer are a problem
LABEL_VALUES = 64                                                   # a gray PNG with at most this many is a label map
ASPECT = 0.02                                                       # relative difference that resizing hides


@dataclass(frozen=True)
class ImageRow:
    """Facts about a domain; about usable images only, except `files`."""

    domain: str
    files: int                                                      # all files
    training: int                                                   # images of the split "train"
    smallest: tuple[int, int] | None                                # (width, height) with the fewest pixels
    largest: tuple[int, int] | None
    channels: tuple[int, ...]
    bits: tuple[int, ...]
    values: tuple[int, ...]                                         # values of label maps, sorted; else ()


@dataclass(frozen=True)
class ImageReport:
    """The findings of `examine_images`."""

    rows: list[ImageRow]
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    def print(self) -> None:
        """Print the report on the terminal."""
        print_image_report(self)


@dataclass(frozen=True)
class _Picture:
    """A usable file."""

    width: int
    height: int
    channels: int
    bits: int
    digest: str                                                     # hash of the samples
    values: tuple[int, ...] | None                                  # values of a label map


def examine_images(path: str | os.PathLike[str], layout: str = "auto", jobs: int = -1) -> ImageReport:
    """Examine every image of a corpus, without writing anything.

    Args:
        path: manifest, or a folder in one of the layouts of `translate.images.corpus.layouts`.
        layout: layout of the folder; "auto" recognises it.
        jobs: number of processes; -1: one per core.

    Raises:
        UserError: no such manifest or folder, or no image in it.
    """
    path = Path(os.path.abspath(path))
    entries = scan_images(path, layout) if path.is_dir() else read_manifest(path)
    results = Parallel(n_jobs=jobs)(delayed(_examine_file)(entry) for entry in entries)
    problems = [problem for _, found in results for problem in found]
    usable = [(entry, picture) for entry, (picture, _) in zip(entries, results, strict=True) if picture is not None]
    rows = []
    for domain in dict.fromkeys(entry.domain for entry in entries):
        of_domain = [entry for entry in entries if entry.domain == domain]
        pictures = [(entry, picture) for entry, picture in usable if entry.domain == domain]
        rows.append(_summarise(domain, of_domain, [picture for _, picture in pictures]))
        problems += _domain_problems(rows[-1], pictures)
    problems += _pair_problems(entries, dict(usable))
    problems += _duplicates(usable)
    return ImageReport(rows, sorted(problems, key=lambda problem: problem.severity))


def print_image_report(report: ImageReport, console: "Console | None" = None) -> None:
    """Print the domains as a table, then the problems, grouped by kind."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    table = Table("domain")
    for title in ("files", "to train", "smallest", "largest", "channels", "bits"):
        table.add_column(title, justify="right")
    for row in report.rows:
        table.add_row(
            Text(row.domain),
            str(row.files),
            str(row.training),
            *("–" if size is None else f"{size[0]} x {size[1]}" for size in (row.smallest, row.largest)),
            ", ".join(map(str, row.channels)),
            ", ".join(map(str, row.bits)),
        )
    console.print(table)
    for row in report.rows:
        if row.values:
            console.print(Text(f"{row.domain}: {len(row.values)} values, {_show_ranges(row.values)}"), soft_wrap=True)
    print_problems(report.problems, console)


def _examine_file(entry: Entry) -> tuple[_Picture | None, list[Problem]]:
    """Examine a file; return the image (None when it cannot be used) and its problems."""
    path = str(entry.path)
    try:
        samples = _read_samples(entry)
    except UserError as error:
        what, _, _ = str(error).removeprefix(f"{path}: ").partition("; ")
        return None, [Problem("error", path, what, "export it again as PNG or JPEG, or leave the file out")]
    height, width, channels = samples.shape
    values = None
    if channels == 1 and entry.path.suffix.lower() not in (".jpg", ".jpeg"):
        distinct = np.unique(samples)
        if len(distinct) <= LABEL_VALUES or samples.dtype.itemsize > 1 or entry.domain in ("label", INSTANCE):
            values = tuple(map(int, distinct))
    digest = hashlib.sha256(repr(samples.shape).encode() + samples.tobytes()).hexdigest()
    problems = []
    if min(height, width) < TINY:
        what = f"tiny, {width} x {height} pixels"
        problems.append(Problem("warning", path, what, "leave it out; a crop would mostly be its reflection"))
    return _Picture(width, height, channels, 8 * min(samples.dtype.itemsize, 2), digest, values), problems


def _read_samples(entry: Entry) -> np.ndarray:
    """Read samples (H, W, C); a palette gives its indices, for images with few colours and label maps alike."""
    samples, mode = decode(entry.path, pictures=False)
    if mode == "P":
        return take_part(samples[..., None], entry.part, entry.path)
    return read_image(entry.path, entry.part)


def _summarise(domain: str, entries: Sequence[Entry], pictures: Sequence[_Picture]) -> ImageRow:
    sizes = sorted({(p.width, p.height) for p in pictures}, key=lambda size: (size[0] * size[1], size))
    are_labels = bool(pictures) and all(p.values is not None for p in pictures)
    return ImageRow(
        domain=domain,
        files=len(entries),
        training=sum(entry.split == "train" for entry in entries),
        smallest=sizes[0] if sizes else None,
        largest=sizes[-1] if sizes else None,
        channels=tuple(sorted({p.channels for p in pictures})),
        bits=tuple(sorted({p.bits for p in pictures})),
        values=tuple(sorted({value for p in pictures for value in p.values or ()})) if are_labels else (),
    )


def _domain_problems(row: ImageRow, pictures: Sequence[tuple[Entry, _Picture]]) -> Iterable[Problem]:
    if not pictures:
        yield Problem("error", row.domain, "no usable picture", "mend its files, or leave the domain out")
        return
    if 0 < row.training < FEW_PICTURES:
        what = f"only {row.training} pictures to train on"
        yield Problem("warning", row.domain, what, "add pictures; some hundreds per domain train well")
    for what, found in (("channels", row.channels), ("bits", row.bits)):
        if len(found) > 1 and not row.values:
            kinds = " and ".join(map(str, found))
            advice = "they are converted to images.source_channels and target_channels; check that this is meant"
            yield Problem("warning", row.domain, f"mixed pictures of {kinds} {what}", advice)
    if row.values and row.domain != INSTANCE and row.training:
        known = {value for entry, p in pictures if entry.split == "train" for value in p.values or ()}
        if unseen := sorted(set(row.values) - known):
            what = f"label(s) {_show_ranges(unseen)} only outside the training set"
            yield Problem("warning", row.domain, what, "no network can learn them; split the corpus otherwise")


def _pair_problems(entries: Sequence[Entry], pictures: dict[Entry, _Picture]) -> Iterable[Problem]:
    """Find entries without a partner in a split where others have one, and partners of another shape."""
    pairs: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    domains: dict[str, set[str]] = defaultdict(set)
    for entry in entries:
        domains[entry.split].add(entry.domain)
        if entry.pair is not None:
            pairs[entry.split, entry.pair].append(entry)
    paired = {split for split, _ in pairs}
    for entry in entries:
        partners = {partner.domain for partner in pairs.get((entry.split, entry.pair or ""), ())} | {entry.domain}
        if entry.split in paired and (missing := sorted(domains[entry.split] - partners)):
            what = f"no partner of the same name in `{'`, `'.join(missing)}`"
            yield Problem("error", str(entry.path), what, "add the partner, or leave the file out")
    for group in pairs.values():
        readable = [entry for entry in group if entry in pictures]
        for entry in readable[1:]:
            yield from _compare_sizes((readable[0], pictures[readable[0]]), (entry, pictures[entry]))


def _compare_sizes(one: tuple[Entry, _Picture], other: tuple[Entry, _Picture]) -> Iterable[Problem]:
    (entry, ours), (partner, theirs) = one, other
    if (ours.width, ours.height) == (theirs.width, theirs.height):
        return
    what = f"{ours.width} x {ours.height}, its partner {partner.path} {theirs.width} x {theirs.height} pixels"
    if abs(ours.width * theirs.height / (ours.height * theirs.width) - 1) > ASPECT:
        yield Problem("error", str(entry.path), what, "pairs show the same scene: cut both to the same shape")
    elif entry.split == "train":                                    # in "eval", low and high resolution may differ
        yield Problem("warning", str(entry.path), what, "set images.size to [height, width], so that both are resized")


def _duplicates(usable: Sequence[tuple[Entry, _Picture]]) -> Iterable[Problem]:
    first: dict[str, Entry] = {}
    for entry, picture in usable:
        original = first.setdefault(picture.digest, entry)
        if original is entry or picture.values is not None:         # label maps may be equal
            continue
        places = ""
        if (original.domain, original.split) != (entry.domain, entry.split):
            places = f" ({original.domain}/{original.split} and {entry.domain}/{entry.split})"
        what = f"same picture as {original.path}{places}"
        yield Problem("warning", str(entry.path), what, "keep one of the copies, in one domain and one split")


def _show_ranges(values: Sequence[int]) -> str:
    """Format values as ranges: 0-3, 7, 255."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return ", ".join(shown if len(shown) <= 8 else [*shown[:6], "...", shown[-1]])
