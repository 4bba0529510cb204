"""What all benchmarks share: options, machine, tables, the clock, and speech to work on."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from translate.speech.analysis.wave import read_wave
from translate.speech.corpus.mini import make_speech

CPU = torch.device("cpu")
RATE = 16000                                                        # Hz, of the built-in voices


@dataclass(frozen=True)
class Options:
    """Of the command line.

    Attributes:
        small: a quarter of the papers' widths.
        steps: timed repetitions at most.
        seconds: for the timed steps of one model in one precision.
        threads: of torch.
        compile: also through torch.compile on a CPU.
        device: "cuda" where there is one.
    """

    small: bool = False
    steps: int = 10
    seconds: float = 10.0
    threads: int = 1
    compile: bool = False
    device: torch.device = CPU


def describe_machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def make_table(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def wait(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def time_runs(run: Callable[[], object], device: torch.device, most: int, seconds: float) -> float:
    """Median seconds of `run` after one warm-up: as often as fits into `seconds`, once at least, `most` at most."""
    run()
    wait(device)
    times: list[float] = []
    while not times or (len(times) < most and sum(times) + min(times) < seconds):
        started = time.perf_counter()
        run()
        wait(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure_peak(dtype: torch.dtype, device: torch.device, size: int = 2048, repeats: int = 7) -> float:
    """Operations per second of a large matrix product: what the machine reaches at best."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    times = []
    for _ in range(repeats):
        wait(device)
        started = time.perf_counter()
        a @ b
        wait(device)
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def speak(seconds: float) -> np.ndarray:
    """(N,) of the low voice at `RATE`: three sentences, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        make_speech(folder, sentences=3, evaluation=0, sample_rate=RATE, voices=("low",))
        wave = np.concatenate([read_wave(path)[0] for path in sorted(Path(folder, "low").glob("*.wav"))])
    return np.resize(wave, int(seconds * RATE))
