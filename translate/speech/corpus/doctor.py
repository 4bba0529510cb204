"""Checks of the recordings of a corpus before training."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from joblib import Parallel, delayed

from translate.config import WorldConfig, validate
from translate.corpus.manifest import AUDIO, Entry, read_manifest, scan_folders
from translate.corpus.problems import Problem, print_problems
from translate.errors import UserError
from translate.speech.analysis.f0 import estimate_f0
from translate.speech.analysis.wave import check_wave, read_wave, resample

if TYPE_CHECKING:
    from rich.console import Console

FEW_MINUTES = 1.0                                                   # per domain; the papers train on about 5
LONG_SECONDS = 60.0  # longer recordings need too much memory for alignment
FULL_SCALE, CLIPPED_RUN = 0.99, 3                                   # |sample|; run length that counts as clipped
CLIPPED_FRACTION = 1e-4                                             # fraction of the samples
LOW_PEAK_DB = -40.0                                                 # relative to full scale
VOICED_FRACTION = 0.05                                              # fraction of the frames; noise has a few by chance
OFFSET = 0.01                                                       # |mean|
VOICE_RATE, VOICE_SECONDS, VOICE_HOP_MS = 16000, 20.0, 10.0         # F0 is estimated on the middle of a file
UNUSABLE = "record or export it again, at least 0.1 s of sound, or leave the file out"




@dataclass(frozen=True)
class Row:
    """Summary of a domain; all but `files` covers usable recordings only."""

    domain: str
    files: int                                                      # usable or not
    minutes: float
    rates: tuple[int, ...]                                          # Hz
    channels: tuple[int, ...]
    voiced: float | None                                            # fraction of the frames, 0 to 1
    median_f0: float | None                                         # Hz
    f0_range: tuple[float, float] | None                            # Hz; nine of ten voiced frames lie between
    peak_db: float | None                                           # relative to full scale; the loudest file's
    level_db: float | None                                          # relative to full scale; median RMS of the files


@dataclass(frozen=True)
class Report:
    """Result of `examine`."""

    rows: list[Row]
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    def print(self) -> None:
        """Print it on the terminal."""
        print_report(self)


@dataclass(frozen=True)
class _Recording:
    """A usable recording."""

    seconds: float
    rate: int
    channels: int
    peak: float
    level_db: float
    frames: int                                                     # in the part used for F0
    voiced: int
    median_f0: float | None
    f0_range: tuple[float, float] | None                            # Hz, nine of ten voiced frames
    digest: str                                                     # SHA-256 of the samples


def examine(path: str | os.PathLike[str], jobs: int = -1) -> Report:
    """Examine every recording of a corpus; nothing is written.

    Args:
        path: a manifest; or a folder with one folder of audio per domain; or one folder of audio, which is
            one domain with the folder's name.
        jobs: number of processes; -1: one per core.

    Raises:
        UserError: there is no such manifest or folder, or no audio in it.
    """
    entries = _find_entries(Path(os.path.abspath(path)))
    results = Parallel(n_jobs=jobs)(delayed(_examine_file)(str(entry.path)) for entry in entries)
    problems = [problem for _, found in results for problem in found]
    usable = [(entry, r) for entry, (r, _) in zip(entries, results, strict=True) if r is not None]
    rows = []
    for domain in dict.fromkeys(entry.domain for entry in entries):
        files = sum(entry.domain == domain for entry in entries)
        recordings = [recording for entry, recording in usable if entry.domain == domain]
        rows.append(_summarise(domain, files, recordings))
        problems += _domain_problems(rows[-1], recordings)
    problems += _rate_problems(str(path), rows)
    problems += _duplicates(usable)
    return Report(rows, sorted(problems, key=lambda problem: problem.severity))


def print_report(report: Report, console: "Console | None" = None) -> None:
    """Print the domains as a table, then the problems grouped by kind."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console()
    table = Table("domain")
    for title in ("files", "minutes", "rate Hz", "chan- nels", "voiced %", "F0 Hz", "90 % Hz", "peak dB", "level dB"):
        table.add_column(title.replace(" ", "\n"), justify="right")
    for row in report.rows:
        table.add_row(
            Text(row.domain),
            str(row.files),
            f"{row.minutes:.1f}",
            ", ".join(map(str, row.rates)),
            ", ".join(map(str, row.channels)),
            _number(row.voiced, 100),
            _number(row.median_f0),
            "–" if row.f0_range is None else "{:.0f}\n–{:.0f}".format(*row.f0_range),
            _number(row.peak_db),
            _number(row.level_db),
        )
    console.print(table)
    print_problems(report.problems, console)




def _find_entries(path: Path) -> list[Entry]:
    if not path.is_dir():
        return read_manifest(path)
    if any(file.suffix.lower() in AUDIO for file in path.iterdir()):
        return scan_folders(path.parent, [path.name], share=0)
    return scan_folders(path, share=0)


def _examine_file(path: str) -> tuple[_Recording | None, list[Problem]]:
    """Examine one file; return its recording, or None if unusable, and its problems."""
    try:
        wave, rate = read_wave(path)
        check_wave(wave, rate, path)
    except UserError as error:
        what, _, _ = str(error).removeprefix(f"{path}: ").partition("; ")
        return None, [Problem("error", path, what, UNUSABLE)]
    f0 = _estimate_f0(wave, rate)
    voiced = f0[f0 > 0]
    recording = _Recording(
        seconds=len(wave) / rate,
        rate=rate,
        channels=soundfile.info(path).channels,
        peak=float(np.abs(wave).max()),
        level_db=_decibels(float(np.sqrt((wave**2).mean()))),
        frames=len(f0),
        voiced=len(voiced),
        median_f0=float(np.median(voiced)) if len(voiced) else None,
        f0_range=tuple(np.percentile(voiced, (5, 95)).tolist()) if len(voiced) else None,
        digest=hashlib.sha256(wave.tobytes()).hexdigest(),
    )
    return recording, list(_wave_problems(path, wave, recording))


def _estimate_f0(wave: np.ndarray, rate: int) -> np.ndarray:
    """Estimate F0 (T,) in Hz by DIO; at one rate for all files and at most on the middle 20 s, for speed."""
    surplus = max(0, len(wave) - int(VOICE_SECONDS * rate))
    middle = resample(wave[surplus // 2 : len(wave) - surplus // 2], rate, VOICE_RATE)
    config = validate(
        WorldConfig, {"sample_rate": VOICE_RATE, "hop_ms": VOICE_HOP_MS, "f0": "dio"}, "data check"
    )
    return estimate_f0(middle, VOICE_RATE, config)[0]


def _wave_problems(path: str, wave: np.ndarray, recording: _Recording) -> Iterable[Problem]:
    clipped = _clipped_fraction(wave)
    if clipped > CLIPPED_FRACTION:
        what = f"clipped, {100 * clipped:.2f} % of the samples in runs at full scale"
        yield Problem("warning", path, what, "record again at a lower level, or leave the file out")
    if (peak_db := _decibels(recording.peak)) < LOW_PEAK_DB:
        what = f"very low level, peak {peak_db:.0f} dB of full scale"
        yield Problem("warning", path, what, "check the recording; bring all files to a similar level")
    if abs(offset := float(wave.mean())) > OFFSET:
        what = f"DC offset of {offset:+.3f}"
        yield Problem("warning", path, what, "remove the offset with a high-pass filter (about 20 Hz)")
    if recording.seconds > LONG_SECONDS:
        what = f"long, {recording.seconds:.0f} s"
        yield Problem("warning", path, what, "cut long recordings into sentences")
    if recording.voiced < VOICED_FRACTION * recording.frames:
        what = f"hardly any voiced frames ({100 * recording.voiced / recording.frames:.0f} %)"
        yield Problem("warning", path, what, "check that this is speech; F0 passes through unconverted")


def _clipped_fraction(wave: np.ndarray) -> float:
    """Return the fraction of samples in runs of at least CLIPPED_RUN at full scale."""
    full = np.abs(wave) >= FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= CLIPPED_RUN].sum()) / len(wave)


def _summarise(domain: str, files: int, recordings: Sequence[_Recording]) -> Row:
    medians = [r.median_f0 for r in recordings if r.median_f0 is not None]
    ranges = [r.f0_range for r in recordings if r.f0_range is not None]
    return Row(
        domain=domain,
        files=files,
        minutes=sum(r.seconds for r in recordings) / 60,
        rates=tuple(sorted({r.rate for r in recordings})),
        channels=tuple(sorted({r.channels for r in recordings})),
        voiced=sum(r.voiced for r in recordings) / sum(r.frames for r in recordings) if recordings else None,
        median_f0=float(np.median(medians)) if medians else None,
        f0_range=tuple(np.median(ranges, axis=0).tolist()) if ranges else None,
        peak_db=max(_decibels(r.peak) for r in recordings) if recordings else None,
        level_db=float(np.median([r.level_db for r in recordings])) if recordings else None,
    )


def _domain_problems(row: Row, recordings: Sequence[_Recording]) -> Iterable[Problem]:
    if not recordings:
        yield Problem("error", row.domain, "no usable recording", "mend its files, or leave the domain out")
        return
    if row.minutes < FEW_MINUTES:
        what = f"only {60 * row.minutes:.0f} s of speech"
        yield Problem("warning", row.domain, what, "add recordings; some minutes per domain train well")
    if several := sum(r.channels > 1 for r in recordings):
        what = f"{several} of {row.files} files have more than one channel"
        advice = "make sure that all channels hold the same voice: they are averaged"
        yield Problem("warning", row.domain, what, advice)


def _rate_problems(corpus: str, rows: Sequence[Row]) -> Iterable[Problem]:
    if len({rate for row in rows for rate in row.rates}) > 1:
        rates = "; ".join(f"{row.domain} {', '.join(map(str, row.rates))} Hz" for row in rows if row.rates)
        advice = "set features.sample_rate to the lowest: else the networks learn the missing treble"
        yield Problem("warning", corpus, f"mixed sample rates: {rates}", advice)


def _duplicates(usable: Sequence[tuple[Entry, _Recording]]) -> Iterable[Problem]:
    first: dict[str, Entry] = {}
    for entry, recording in usable:
        original = first.setdefault(recording.digest, entry)
        if original is entry:
            continue
        places = ""
        if (original.domain, original.split) != (entry.domain, entry.split):
            places = f" ({original.domain}/{original.split} and {entry.domain}/{entry.split})"
        what = f"same audio as {original.path}{places}"
        yield Problem("warning", str(entry.path), what, "keep one of the copies, in one domain and one split")


def _number(value: float | None, factor: float = 1) -> str:
    return "–" if value is None else str(round(factor * value))


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-10)))
