"""Whole commands, each a process of its own: how long they take to start, and how much memory they need at most."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml

from bench.common import RATE, Options, make_table, speak
from bench.convert import make_voice_converter
from translate.checkpoints.store import save_checkpoint
from translate.corpus.manifest import scan_folders
from translate.speech.analysis.statistics import pack_statistics
from translate.speech.analysis.wave import write_wave
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech

TRANSLATE = [sys.executable, "-m", "translate"]
ENOUGH = (5, 25)                                                    # training steps, few and more


# A process begins with the highest memory of the one that starts it: a small one must stand between.
WATCH = """
import json, os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
spent = time.perf_counter() - started
print(json.dumps([process.returncode, spent, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def run(command: list[str], threads: int) -> tuple[float, float, float]:
    """(seconds of the clock, of the processor, MiB at most) of a command that must end well."""
    watched = [sys.executable, "-I", "-S", "-c", WATCH, *command]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(watched, capture_output=True, text=True, env=environment, check=True)
    status, clock, processor, most = json.loads(done.stdout)
    if status:
        raise SystemExit(f"{' '.join(command)}: ended with {status}\n{done.stderr}")
    return clock, processor, most / (2**20 if sys.platform == "darwin" else 2**10)


def save_run(folder: Path, small: bool) -> Path:
    """An untrained CycleGAN-VC2 as training would leave it."""
    converter = make_voice_converter(small, "dio", torch.device("cpu"))
    weights, statistics_ = converter.translator.state_dict(), pack_statistics(converter.statistics)
    save_checkpoint(folder, 1, converter.config, weights, {}, statistics_, {"step": 1}, keep=1)
    return folder


def benchmark_startup(options: Options, repeats: int = 3) -> Iterator[str]:
    """Median of the time that passes before any work is done."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = save_run(Path(folder), options.small)
        load = f"import translate; translate.load({str(checkpoint)!r})"
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import translate": [sys.executable, "-c", "import translate"],
            "translate --help": [*TRANSLATE, "--help"],
            "import torch": [sys.executable, "-c", "import torch"],
            "translate.load(...)": [sys.executable, "-c", load],
        }
        rows = []
        for name, command in commands.items():
            runs = [run(command, options.threads) for _ in range(repeats)]
            clock, processor, most = (statistics.median(values) for values in zip(*runs, strict=True))
            rows.append([f"`{name}`", f"{clock:.2f}", f"{processor:.2f}", f"{most:.0f}"])
    yield f"Start-up, {width_of(options)} CycleGAN-VC2: seconds, median of {repeats}"
    yield make_table(["", "clock", "processor", "MiB at most"], rows)


def benchmark_memory(options: Options) -> Iterator[str]:
    """Conversion of a minute and of four, training for some steps and for more: neither may grow."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        checkpoint = save_run(here / "run", options.small)
        minute = speak(60.0)
        for minutes in (1, 4):
            given = here / f"{minutes}.wav"
            write_wave(given, np.tile(minute, minutes), RATE)
            command = ["convert", str(checkpoint), str(given), str(here / "out.wav"), "--to", "b"]
            clock, _, most = run([*TRANSLATE, *command], options.threads)
            rows.append([f"convert {minutes} min", f"{clock:.1f}", f"{most:.0f}"])
        make_speech(here / "corpus", sentences=4, evaluation=0, sample_rate=RATE)
        converter = make_voice_converter(options.small, "dio", torch.device("cpu"))
        config = converter.config.model_dump()
        extract(scan_folders(here / "corpus"), converter.world.config, here / "dump", 1, progress=False)
        config["data"]["domains"] = []
        (here / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        for steps in ENOUGH:
            settings = [f"train.steps={steps}", "train.sample_every=0", "train.device=cpu"]
            names = ["--source", "low", "--target", "high", "--config", str(here / "config.yaml")]
            places = ["--features", str(here / "dump"), "--out", str(here / f"exp_{steps}")]
            clock, _, most = run([*TRANSLATE, "train", *places, *names, *settings], options.threads)
            rows.append([f"train {steps} steps", f"{clock:.1f}", f"{most:.0f}"])
    yield f"Memory of whole commands, {width_of(options)} CycleGAN-VC2, DIO, start-up included"
    yield make_table(["", "seconds", "MiB at most"], rows)


def width_of(options: Options) -> str:
    return "a quarter of the paper's" if options.small else "paper-size"
