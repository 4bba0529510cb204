"""CycleGAN-VC2 against a naive step of the same sizes.

The *naive* step does what popular re-implementations do, on networks of the same sizes: value and gate in separate
convolutions of c channels each, one discriminator pass for each of real and fake, and the four fakes computed again,
with gradients, in the discriminators' turn. It exists here only, to compare.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from bench.common import Options, make_table, measure_peak, wait
from bench.models import Played, configure, make_batch, weigh
from translate.config import merge
from translate.games.base import Batch
from translate.layers import gated
from translate.models import resolve

LATE = 10**9                                                        # a step without the identity loss


def benchmark_naive(options: Options) -> Iterator[str]:
    """Milliseconds per step, operations, share of the matrix-product peak, ratio to the naive step."""
    rows: list[list[str]] = []
    whole: dict[bool, float] = {}                                   # seconds of the naive float32 step
    config = configure("cyclegan_vc2", options.small)
    channels = config.network.channels
    for identity in (True, False):
        step = 0 if identity else LATE
        for precision in ("float32", "bfloat16"):
            chosen = resolve(merge(config.model_dump(), {"train": {"precision": precision}}), "benchmark")
            batch = make_batch(chosen, 1, options.device)
            operations = weigh(chosen, 1, step)[0]
            peak = measure_peak(getattr(torch, precision), options.device)
            ours, theirs = time_alternately(
                Played(chosen, options.device).run(batch, step),
                make_naive_step(channels, precision, identity, batch),
                options,
            )
            whole.setdefault(identity, theirs)
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
                    f"{100 * ours / whole[identity]:.0f} %",
                ]
            )
    crop, dimensions = config.train.crop, config.features.dimensions
    yield f"Training step of CycleGAN-VC2, {channels} channels, batch 1 of {crop} frames, {dimensions} mel-cepstra"
    yield make_table(
        ["precision", "identity", "ms", "GFLOP", "GFLOP/s", "peak GFLOP/s", "of peak", "naive ms", "of naive",
         "of naive float32"],
        rows,
    )  # fmt: skip


def time_alternately(
    ours: Callable[[], object], theirs: Callable[[], object], options: Options
) -> tuple[float, float]:
    """Median seconds of both, taken in turns so that a busy moment of the machine meets both."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(options.steps + 1):
        for run, taken in zip((ours, theirs), times, strict=True):
            wait(options.device)
            started = time.perf_counter()
            run()
            wait(options.device)
            if number:                                              # the first is to warm up
                taken.append(time.perf_counter() - started)
        if sum(map(sum, times)) > 2 * options.seconds:
            break
    return statistics.median(times[0]), statistics.median(times[1])


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


def make_naive_step(channels: int, precision: str, identity: bool, batch: Batch) -> Callable[[], None]:
    torch.manual_seed(0)
    x, y = batch["source"], batch["target"]
    to_y, to_x = NaiveGenerator(channels).to(x.device), NaiveGenerator(channels).to(x.device)
    judges = nn.ModuleList(make_naive_discriminator(channels) for _ in range(4)).to(x.device)
    judge_x, judge_y, judge_cycled_x, judge_cycled_y = judges
    of_generators = torch.optim.Adam([*to_y.parameters(), *to_x.parameters()], 2e-4, (0.5, 0.999))
    of_judges = torch.optim.Adam(judges.parameters(), 1e-4, (0.5, 0.999))

    def real(logits: Tensor) -> Tensor:
        return ((logits - 1) ** 2).mean()

    def fake(logits: Tensor) -> Tensor:
        return (logits**2).mean()

    def autocast():
        return torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16")

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
