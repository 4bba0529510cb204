#!/usr/bin/env python
"""Measure speed: a training step of CycleGAN-VC2, its share of the machine's peak, conversion stage by stage, and the
waveform systems.

    python tools/bench.py [--steps N] [--small] [--only step|convert|waveform] [--threads N]

Prints Markdown. All ratios are taken within one run, on one machine. The *naive* step does what popular
re-implementations do, on networks of the same sizes: value and gate in separate convolutions of c channels each, one
discriminator pass for each of real and fake, and the four fakes computed again, with gradients, in the
discriminators' turn. It exists here only, to compare.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from translate.config import merge
from translate.data.mini import make_speech
from translate.evaluation.aliasing import measure_aliasing
from translate.features.statistics import Statistics
from translate.features.wave import read_wave
from translate.inference.voice import VoiceConverter
from translate.inference.waveform import WaveformConverter
from translate.layers import gated
from translate.models import find_system, resolve
from translate.training.player import Player
from translate.translators.base import Batch, Translator

FRAMES, BATCH = 128, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each kind")
    parser.add_argument("--small", action="store_true", help="a quarter of the paper's width")
    parser.add_argument("--only", choices=["step", "convert", "waveform"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    channels = 32 if options.small else 128
    print(f"Machine: {describe_machine()}, {options.threads} threads; torch {torch.__version__}\n")
    if options.only in (None, "step"):
        benchmark_step(channels, options.steps)
    if options.only in (None, "convert"):
        benchmark_conversion(channels)
    if options.only in (None, "waveform"):
        benchmark_waveforms(options.small)


def describe_machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


# --- the training step ------------------------------------------------------------------------------------


def benchmark_step(channels: int, steps: int) -> None:
    """Milliseconds per step, operations, share of the matrix-product peak, ratio to the naive step."""
    rows = []
    naive: dict[str, float] = {}
    for identity in (True, False):
        for precision in ("float32", "bfloat16"):
            config = make_config(channels)
            operations = count_operations(config, identity)
            peak = measure_peak(torch.bfloat16 if precision == "bfloat16" else torch.float32)
            ours, theirs = time_alternately(
                make_step(config, precision, identity), make_naive_step(channels, precision, identity), steps
            )
            naive[f"{precision}{identity}"] = theirs
            rows.append(
                [
                    precision,
                    "with" if identity else "without",
                    f"{1000 * ours:.0f}",
                    f"{operations / 1e9:.0f}",
                    f"{operations / ours / 1e9:.0f}",
                    f"{peak / 1e9:.0f}",
                    f"{100 * operations / ours / peak:.0f} %",
                    f"{1000 * theirs:.0f}",
                    f"{100 * ours / theirs:.0f} %",
                    f"{100 * ours / naive[f'float32{identity}']:.0f} %",
                ]
            )
    print(f"Training step of CycleGAN-VC2, {channels} channels, batch {BATCH} of {FRAMES} frames, 36 mel-cepstra\n")
    print_table(
        ["precision", "identity", "ms", "GFLOP", "GFLOP/s", "peak GFLOP/s", "of peak", "naive ms", "of naive",
         "of naive float32"],
        rows,
    )  # fmt: skip


def make_config(channels: int):
    return resolve(
        merge(
            {"model": "cyclegan_vc2", "data": {"domains": ["source", "target"]}},
            {"network": {"channels": channels}, "train": {"crop": FRAMES}},
        ),
        "benchmark",
    )


def make_batch() -> Batch:
    return {name: torch.randn(BATCH, 36, FRAMES) for name in ("source", "target")}


def make_step(config, precision: str, identity: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    translator: Translator = find_system(config.model).build(config)
    players = {name: Player(name, module, getattr(config.players, name)) for name, module in translator.players.items()}
    batch, step = make_batch(), 0 if identity else 10**9

    def run() -> None:
        turns = translator.training_step(batch, step)
        while True:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                turn = next(turns, None)
            if turn is None:
                return
            players[turn[0]].learn(turn[1], translator.weights[turn[0]], step, 1.0)

    return run


def count_operations(config, identity: bool) -> int:
    """Floating-point operations of one step's convolutions, forward and backward, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    run = make_step(config, "float32", identity)
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def measure_peak(dtype: torch.dtype, size: int = 2048) -> float:
    """Operations per second of a large matrix product: what the machine reaches at best."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    times = []
    for _ in range(7):
        started = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def time_alternately(ours: Callable[[], None], theirs: Callable[[], None], steps: int) -> tuple[float, float]:
    """Median seconds of both, taken in turns so that a busy moment of the machine meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    ours(), theirs()
    for _ in range(steps):
        for run, taken in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            run()
            taken.append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


# --- the naive step, for comparison only ------------------------------------------------------------------


class SeparateGates(nn.Module):
    """Two convolutions of c channels, value and gate, each with its instance norm."""

    def __init__(self, rank: int, inputs: int, c: int, kernel, stride=1, norm: bool = True):
        super().__init__()
        convolution, norms = (nn.Conv1d, nn.InstanceNorm1d) if rank == 1 else (nn.Conv2d, nn.InstanceNorm2d)
        self.branches = nn.ModuleList(
            nn.Sequential(
                convolution(inputs, c, kernel, stride, gated.pad_same(kernel)),
                norms(c, affine=True) if norm else nn.Identity(),
            )
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        value, gate = (branch(x) for branch in self.branches)
        return value * torch.sigmoid(gate)


class SelfGatedUpsampling(nn.Module):
    def __init__(self, inputs: int, c: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, c, 5, padding=2), nn.PixelShuffle(2), nn.InstanceNorm2d(c // 4, affine=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return y * torch.sigmoid(y)


class NaiveResidual(nn.Module):
    def __init__(self, c: int):
        super().__init__()
        self.layers = nn.Sequential(
            SeparateGates(1, 2 * c, 4 * c, 3),
            nn.Conv1d(4 * c, 2 * c, 3, padding=1),
            nn.InstanceNorm1d(2 * c, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class NaiveGenerator(nn.Module):
    """The 2-1-2D generator as re-implementations write it: 23.1 M parameters for 36 mel-cepstra at c = 128."""

    def __init__(self, c: int):
        super().__init__()
        flat = 9 * 2 * c
        self.down = nn.Sequential(
            SeparateGates(2, 1, c, (5, 15), norm=False),
            SeparateGates(2, c, 2 * c, 5, 2),
            SeparateGates(2, 2 * c, 2 * c, 5, 2),
        )
        self.convert = nn.Sequential(
            nn.Conv1d(flat, 2 * c, 1), nn.InstanceNorm1d(2 * c, affine=True),
            *(NaiveResidual(c) for _ in range(6)),
            nn.Conv1d(2 * c, flat, 1), nn.InstanceNorm1d(flat, affine=True),
        )  # fmt: skip
        self.up = nn.Sequential(
            SelfGatedUpsampling(2 * c, 8 * c),
            SelfGatedUpsampling(2 * c, 4 * c),
            nn.Conv2d(c, 1, (5, 15), padding=(2, 7)),
        )

    def forward(self, x: Tensor) -> Tensor:
        deep = self.down(x.unsqueeze(1))
        return self.up(self.convert(deep.flatten(1, 2)).view_as(deep))[:, 0]


def make_naive_discriminator(c: int) -> nn.Module:
    return nn.Sequential(
        nn.Unflatten(1, (1, 36)),
        SeparateGates(2, 1, c, 3, norm=False),
        SeparateGates(2, c, 2 * c, 3, 2),
        SeparateGates(2, 2 * c, 4 * c, 3, 2),
        SeparateGates(2, 4 * c, 8 * c, 3, 2),
        SeparateGates(2, 8 * c, 8 * c, (1, 5)),
        nn.Conv2d(8 * c, 1, (1, 3), padding=(0, 1)),
    )


def make_naive_step(channels: int, precision: str, identity: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    to_y, to_x = NaiveGenerator(channels), NaiveGenerator(channels)
    judges = nn.ModuleList(make_naive_discriminator(channels) for _ in range(4))
    judge_x, judge_y, judge_cycled_x, judge_cycled_y = judges
    of_generators = torch.optim.Adam([*to_y.parameters(), *to_x.parameters()], 2e-4, (0.5, 0.999))
    of_judges = torch.optim.Adam(judges.parameters(), 1e-4, (0.5, 0.999))
    batch = make_batch()
    x, y = batch["source"], batch["target"]

    def real(logits: Tensor) -> Tensor:
        return ((logits - 1) ** 2).mean()

    def fake(logits: Tensor) -> Tensor:
        return (logits**2).mean()

    def autocast():
        return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def run() -> None:
        with autocast():
            fake_y, fake_x = to_y(x), to_x(y)
            cycled_x, cycled_y = to_x(fake_y), to_y(fake_x)
            loss = real(judge_y(fake_y)) + real(judge_x(fake_x))
            loss = loss + real(judge_cycled_x(cycled_x)) + real(judge_cycled_y(cycled_y))
            loss = loss + 10 * ((cycled_x - x).abs().mean() + (cycled_y - y).abs().mean())
            if identity:
                loss = loss + 5 * ((to_y(y) - y).abs().mean() + (to_x(x) - x).abs().mean())
        of_generators.zero_grad()
        of_judges.zero_grad()
        loss.backward()
        of_generators.step()
        with autocast():
            fake_y, fake_x = to_y(x), to_x(y)
            cycled_x, cycled_y = to_x(fake_y), to_y(fake_x)
            first = ((judge_x, x, fake_x), (judge_y, y, fake_y))
            second = ((judge_cycled_x, x, cycled_x), (judge_cycled_y, y, cycled_y))
            loss = sum(real(judge(natural)) + fake(judge(made)) for judge, natural, made in (*first, *second)) / 2
        of_generators.zero_grad()
        of_judges.zero_grad()
        loss.backward()
        of_judges.step()

    return run


# --- conversion -------------------------------------------------------------------------------------------


def benchmark_conversion(channels: int, seconds: float = 5.0, repeats: int = 5) -> None:
    """Real-time factor of each stage for a clip of five seconds, with both F0 extractors."""
    with tempfile.TemporaryDirectory() as folder:
        make_speech(folder, sentences=3, evaluation=0)
        waves = [read_wave(path)[0] for path in sorted(Path(folder, "low").glob("*.wav"))]
    rate = 16000
    wave = np.concatenate(waves)[: int(seconds * rate)]
    rows = []
    for f0 in ("harvest", "dio"):
        config = resolve(
            merge(make_config(channels).model_dump(), {"features": {"sample_rate": rate, "f0": f0}}), "benchmark"
        )
        domain = Statistics(np.zeros(36), np.ones(36), 5.0, 0.2, 1000, 800)
        translator = find_system(config.model).build(config)
        converter = VoiceConverter(translator, config, {"source": domain, "target": domain}, torch.device("cpu"))
        results = [converter.convert_in_detail(wave, rate, "source", "target") for _ in range(repeats + 1)][1:]
        stages = [
            statistics.median(r.seconds[stage] / r.audio_seconds for r in results)
            for stage in ("analysis", "network", "synthesis")
        ]
        rows.append([f0, *(f"{value:.3f}" for value in [*stages, sum(stages)])])
    print(f"Conversion of {len(wave) / rate:.1f} s at {rate} Hz, {channels} channels, float32: real-time factor\n")
    print_table(["F0", "analysis", "network", "synthesis", "all"], rows)


# As in egs/vcc2016/conf.
SMALL_WAVES = {
    "wavecyclegan": {"channels": 8, "blocks": 3, "kernel": 5, "skip": True},
    "wavecyclegan2": {"channels": 16, "dilations": [1, 2, 4, 8], "kernel": 5, "skip": True},
}


def benchmark_waveforms(small: bool, seconds: float = 5.0, repeats: int = 3) -> None:
    """Samples per second of the waveform systems, untrained, in the chunks of a conversion; on a GPU where there is
    one. And the energy of a sine's mirrored components (`translate.evaluation.aliasing`)."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    level = Statistics(np.zeros(1), np.full(1, 0.05), 0.0, 0.0, 1, 0)
    rows = []
    for model, network in SMALL_WAVES.items():
        values = {"model": model, "data": {"domains": ["source", "target"]}, "network": network if small else {}}
        config = resolve(values, "benchmark")
        translator, rate = find_system(model).build(config), config.features.sample_rate
        converter = WaveformConverter(translator, config, {"source": level, "target": level}, device)
        wave = 0.1 * np.sin(np.arange(int(seconds * rate)) / 10)
        spent = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            converter.convert(wave, rate, "source", "target")
            spent.append(time.perf_counter() - started)
        speed = len(wave) / statistics.median(spent[1:])
        parameters = sum(p.numel() for p in translator.maps["to_target"].parameters())
        mirrored = measure_aliasing(lambda x, c=converter, r=rate: c.convert(x, r, "source", "target")[0], rate)
        numbers = [f"{parameters / 1e6:.2f}", f"{rate}", f"{speed:.0f}", f"{rate / speed:.3f}", f"{mirrored:.0f}"]
        rows.append([model, *numbers])
    print(f"\nConversion of waves of {seconds:.0f} s, {device.type}, float32\n")
    print_table(["system", "parameters, M", "rate, Hz", "samples per second", "real-time factor",
                 "mirrored, dB"], rows)  # fmt: skip


def print_table(titles: list[str], rows: list[list[str]]) -> None:
    for row in (titles, ["---"] + ["---:"] * (len(titles) - 1), *rows):
        print("| " + " | ".join(row) + " |")
    print()


if __name__ == "__main__":
    main()
