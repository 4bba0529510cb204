"""A training step of every model: speed in all the ways of training, and where the time goes."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from bench.common import Options, make_table, measure_peak, time_runs, wait
from bench.models import Played, configure, find_step, make_batch, weigh, write_vgg
from bench.naive import benchmark_naive
from translate.config import merge
from translate.games.base import Batch, Game, Turn
from translate.models import NAMES, resolve
from translate.training.player import Player
from translate.training.step import Step

USUAL = 0.5                                                         # share of the peak that is expected
PATIENCE = 10                                                       # times --seconds: the longest step that is tried
TITLES = ["model", "batch", "GFLOP", "float32, ms", "examples/s", "of peak", "bfloat16, ms", "of its peak",
          "compiled, ms", "graph, ms"]  # fmt: skip


def benchmark_steps(options: Options) -> Iterator[str]:
    yield from benchmark_naive(options)
    yield from benchmark_models(options, list(NAMES))


def benchmark_models(options: Options, models: list[str]) -> Iterator[str]:
    """Two tables: speed by precision, and the time of each player's turn."""
    rows, parts = [], []
    with tempfile.TemporaryDirectory() as folder:
        vgg = write_vgg(Path(folder) / "vgg19.pt")
        for model in models:
            row, clock = measure_model(model, vgg, options)
            rows.append([model, *row])
            parts += [[model, *part] for part in clock]
    width = "a quarter of the papers' widths" if options.small else "paper size"
    yield f"Training steps of all models, {width}, {options.device.type}; a batch that takes too long is made smaller"
    yield make_table(TITLES, rows)
    yield "Where a float32 step spends its time, ms; the first player's forward pass makes the fakes that others judge"
    yield make_table(["model", "player", "forward", "backward", "optimiser"], parts)


def measure_model(model: str, vgg: Path, options: Options) -> tuple[list[str], list[list[str]]]:
    """The row of a model, without its name, and the parts of its float32 step."""
    config, device = configure(model, options.small, vgg), options.device
    whole, step = config.train.batch_size, find_step(config)
    operations, fixed, kept = weigh(config, whole, step)
    peaks = {name: measure_peak(getattr(torch, name), device, repeats=3) for name in ("float32", "bfloat16")}
    size, room = whole, find_memory(device)

    def reckon() -> tuple[float, float]:
        return operations * size / whole / (USUAL * peaks["float32"]), fixed + kept * size / whole

    least = 2 if config.data.batches == "labelled" else 1           # wanted domains are those of the batch
    while size > least and (reckon()[0] > options.seconds or reckon()[1] > room):
        size //= 2
    count = f"{operations * size / whole / 1e9:.0f}"
    label = f"{size}" if size == whole else f"{size} of {whole}"
    seconds, needed = reckon()
    if seconds > PATIENCE * options.seconds or needed > room:
        why = f"about {seconds:.0f} s, not tried" if needed <= room else f"needs {needed / 2**30:.0f} GiB"
        return [label, count, why, *["-"] * 6], []
    batch, done = make_batch(config, size, device), operations * size / whole
    play = Played(config, device)
    try:
        plain = time_runs(play.run(batch, step), device, options.steps, options.seconds)
        clock = play_by_the_clock(play, batch, step)
        del play
        half = measure(config, batch, step, options, precision="bfloat16")
        on_gpu = device.type == "cuda"
        compiled = measure(config, batch, step, options, compile=True) if on_gpu or options.compile else None
        graph = measure(config, batch, step, options, graph=True) if on_gpu else None
    except torch.OutOfMemoryError:
        return [label, count, "out of memory", *["-"] * 6], []
    return [
        label,
        count,
        f"{1000 * plain:.0f}",
        f"{size / plain:.1f}",
        f"{100 * done / plain / peaks['float32']:.0f} %",
        f"{1000 * half:.0f}",
        f"{100 * done / half / peaks['bfloat16']:.0f} %",
        "-" if compiled is None else f"{1000 * compiled:.0f}",
        "-" if graph is None else f"{1000 * graph:.0f}",
    ], clock


def measure(config: Any, batch: Batch, step: int, options: Options, **train: Any) -> float:
    """Seconds of a step with these keys of `train`."""
    chosen = resolve(merge(config.model_dump(), {"train": train}), "benchmark")
    return time_runs(Played(chosen, options.device).run(batch, step), options.device, options.steps, options.seconds)


def find_memory(device: torch.device) -> float:
    """Free bytes."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo", encoding="utf-8") as file:
            return 1024 * float(next(line.split()[1] for line in file if line.startswith("MemAvailable")))
    except (OSError, StopIteration):
        return float("inf")                                         # no Linux


# --- whose turn takes how long ----------------------------------------------------------------------------


@dataclass
class Clock:
    """Seconds by player and part of its turn."""

    device: torch.device
    spent: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, player: str, part: str, since: float) -> None:
        wait(self.device)
        parts = self.spent.setdefault(player, dict.fromkeys(("forward", "backward", "optimiser"), 0.0))
        parts[part] += perf_counter() - since


class ClockedGame:
    """Gives a step the turns of a game; what comes before a turn is its forward pass."""

    def __init__(self, game: Game, clock: Clock):
        self.game, self.clock = game, clock
        self.weights, self.monitors, self.fakes = game.weights, game.monitors, game.fakes
        self.turn, self.modules = game.turn, game.modules

    def play(self, batch: Batch, step: int) -> Iterator[Turn]:
        turns = self.game.play(batch, step)
        while True:
            started = perf_counter()
            turn = next(turns, None)
            if turn is None:
                return
            self.clock.add(turn[0], "forward", started)
            yield turn


class ClockedPlayer:
    """A player that is timed; clipping and averages, and among processes the reduction, count as the optimiser's."""

    def __init__(self, name: str, player: Player, clock: Clock):
        self.name, self.player, self.clock = name, player, clock

    def schedule(self, step: int, rate: float) -> None:
        self.player.schedule(step, rate)

    def add_gradients(self, *arguments: Any) -> None:
        started = perf_counter()
        self.player.add_gradients(*arguments)
        self.clock.add(self.name, "backward", started)

    def update(self) -> None:
        started = perf_counter()
        self.player.update()
        self.clock.add(self.name, "optimiser", started)


def play_by_the_clock(play: Played, batch: Batch, step: int) -> list[list[str]]:
    """One step: player, milliseconds of its forward pass, backward pass and optimiser."""
    clock = Clock(play.device)
    players = {name: ClockedPlayer(name, player, clock) for name, player in play.players.items()}
    game = ClockedGame(play.translator, clock)
    Step(game, players, play.autocast)(batch, step, 1.0)  # type: ignore[arg-type]
    return [[name, *(f"{1000 * value:.0f}" for value in parts.values())] for name, parts in clock.spent.items()]
