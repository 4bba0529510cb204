#!/usr/bin/env python
"""Measure speed and memory.

    python tools/bench.py --all [--small] [--steps N] [--seconds S] [--threads N] [--compile] [--out FILE]
    python tools/bench.py --only step [...]

    step        a training step: CycleGAN-VC2 against what popular re-implementations do, and every model
    convert     conversion, stage by stage
    waveform    the models of waveforms
    stream      latency and speed of streams
    f0          DIO with StoneMask against Harvest, on the recordings of TRANSLATE_DATA, else on built-in voices
    extract     features of a corpus: speed, bytes
    startup     time until a command begins its work
    memory      peak memory of conversion and training

Prints Markdown. All ratios are taken within one run, on one machine. What a machine does not have is "-".
"""

import argparse
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import torch
from bench.common import Options, describe_machine, make_table
from bench.convert import benchmark_conversion, benchmark_waveforms
from bench.processes import benchmark_memory, benchmark_startup
from bench.speech import benchmark_extraction, benchmark_f0
from bench.steps import benchmark_steps
from bench_stream import STREAM_TITLES, benchmark_stream

from translate.files import replacing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="all sections")
    which.add_argument("--only", choices=SECTIONS, help="one of them")
    parser.add_argument("--small", action="store_true", help="a quarter of the papers' widths")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each kind at most")
    parser.add_argument("--seconds", type=float, default=10.0, help="for the timed steps of a model in a precision")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--compile", action="store_true", help="torch.compile on a CPU, too: minutes per model")
    parser.add_argument("--out", type=Path, help="also write all to this file")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options = Options(given.small, given.steps, given.seconds, given.threads, given.compile, device)
    torch.set_num_threads(options.threads)
    shown = []
    for block in write_sections(options, [given.only] if given.only else list(SECTIONS)):
        print(block, end="\n\n", flush=True)
        shown.append(block)
    if given.out:
        with replacing(given.out) as path:
            path.write_text("\n\n".join(shown) + "\n", encoding="utf-8")


def write_sections(options: Options, names: list[str]) -> Iterator[str]:
    """Blocks of Markdown: the machine, then titles, sentences and tables."""
    busy = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    machine = f"{describe_machine()}, {options.threads} threads; torch {torch.__version__}"
    yield f"Machine: {machine}; {date.today().isoformat()}{busy}"
    for name in names:
        yield f"## {name}"
        yield from SECTIONS[name](options)


def benchmark_streams(options: Options) -> Iterator[str]:
    channels = 32 if options.small else 128
    yield f"Streams of CycleGAN-VC2, {channels} channels, 16000 Hz, times in milliseconds"
    yield make_table(STREAM_TITLES, benchmark_stream(channels))


SECTIONS: dict[str, Callable[[Options], Iterator[str]]] = {
    "step": benchmark_steps,
    "convert": benchmark_conversion,
    "waveform": benchmark_waveforms,
    "stream": benchmark_streams,
    "f0": benchmark_f0,
    "extract": benchmark_extraction,
    "startup": benchmark_startup,
    "memory": benchmark_memory,
}


if __name__ == "__main__":
    main()
