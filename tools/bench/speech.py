"""Analysis of speech: the two F0 methods side by side, and the extraction of a corpus."""

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.common import RATE, Options, make_table
from translate.config import WorldConfig, validate
from translate.corpus.manifest import scan_folders
from translate.speech.analysis.f0 import estimate_f0
from translate.speech.analysis.wave import read_wave
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech
from translate.speech.measures.prosody import f0_errors

SPEAKERS = ("SF1", "SM1", "TF1", "TM1")                             # of the Voice Conversion Challenge 2016
SENTENCES = 3                                                       # of each
COARSE = 50.0                                                       # cents; more is an error of the method


def configure_world(f0: str) -> WorldConfig:
    return validate(WorldConfig, {"sample_rate": RATE, "f0": f0}, "benchmark")


def benchmark_f0(options: Options) -> Iterator[str]:
    """DIO with StoneMask measured by Harvest, speaker by speaker."""
    with tempfile.TemporaryDirectory() as folder:
        voices, what = find_voices(Path(folder))
        waves = {name: [read_wave(path, RATE)[0] for path in paths] for name, paths in voices.items()}
    rows = []
    for name, group in waves.items():
        tracks, seconds = {}, {}
        for method in ("harvest", "dio"):
            config = configure_world(method)
            started = time.perf_counter()
            tracks[method] = np.concatenate([estimate_f0(wave, RATE, config)[0] for wave in group])
            seconds[method] = time.perf_counter() - started
        rows.append([name, *compare(tracks["dio"], tracks["harvest"], seconds, sum(map(len, group)) / RATE)])
    yield f"F0 by DIO and StoneMask against Harvest, {what}, 5 ms; neither is the truth"
    yield make_table(
        ["voice", "seconds", "voiced in both", "median, cents", "RMSE, cents", f"over {COARSE:.0f} cents",
         "voiced in one", "Harvest, RTF", "DIO, RTF", "faster"],
        rows,
    )  # fmt: skip


def find_voices(folder: Path) -> tuple[dict[str, list[Path]], str]:
    """Real recordings where TRANSLATE_DATA has some, else the built-in voices; and what they are."""
    real = Path(os.environ.get("TRANSLATE_DATA", "")) / "vcc2016"
    if "TRANSLATE_DATA" in os.environ and all((real / speaker).is_dir() for speaker in SPEAKERS):
        return {name: sorted((real / name).glob("*.wav"))[:SENTENCES] for name in SPEAKERS}, "VCC2016"
    make_speech(folder, sentences=SENTENCES, evaluation=0, sample_rate=RATE)
    return {name: sorted((folder / name).glob("*.wav")) for name in ("low", "high")}, "built-in voices"


def compare(dio: np.ndarray, harvest: np.ndarray, seconds: dict[str, float], duration: float) -> list[str]:
    """The numbers of one row, of two tracks (T,) in Hz, 0 where unvoiced."""
    both = (dio > 0) & (harvest > 0)
    cents = np.abs(1200 * np.log2(dio[both] / harvest[both]))
    rmse, voicing = f0_errors(dio, harvest)
    return [
        f"{duration:.1f}",
        f"{100 * both.mean():.0f} %",
        f"{np.median(cents):.1f}" if both.any() else "-",
        "-" if rmse is None else f"{rmse:.0f}",
        f"{100 * (cents > COARSE).mean():.1f} %" if both.any() else "-",
        f"{100 * voicing:.1f} %",
        f"{seconds['harvest'] / duration:.3f}",
        f"{seconds['dio'] / duration:.3f}",
        f"{seconds['harvest'] / seconds['dio']:.1f} x",
    ]


def benchmark_extraction(options: Options) -> Iterator[str]:
    """`translate extract` on the built-in corpus: speed by processes, and what it writes."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        make_speech(corpus, sentences=4 if options.small else 20, evaluation=0, sample_rate=RATE)
        entries = scan_folders(corpus)
        duration = sum(len(read_wave(entry.path)[0]) for entry in entries) / RATE
        for f0 in ("harvest", "dio"):
            for jobs in dict.fromkeys((1, options.threads)):
                out = Path(folder) / f"{f0}_{jobs}"
                started = time.perf_counter()
                extract(entries, configure_world(f0), out, jobs, progress=False)
                spent = time.perf_counter() - started
                size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
                numbers = [f"{duration:.0f}", f"{duration / spent:.1f}", f"{spent * jobs / duration:.3f}"]
                rows.append([f0, f"{jobs}", *numbers, f"{size / duration:.0f}"])
    yield f"Extraction of 36 mel-cepstra and F0 every 5 ms, {len(entries)} files, {RATE} Hz; processes' start included"
    yield make_table(
        ["F0", "processes", "speech, s", "seconds of speech per second", "core seconds per second", "bytes per second"],
        rows,
    )
