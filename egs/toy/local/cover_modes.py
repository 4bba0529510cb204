#!/usr/bin/env python
"""Train objectives on Gaussians in the plane, and tabulate how many of them the samples cover. See ../run.sh."""

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from translate.config import LossWeight, PlayerConfig
from translate.corpus.markdown import align_table
from translate.errors import UserError
from translate.files import replacing
from translate.games.latent import Latent
from translate.games.noise import NoiseGame
from translate.losses.judgement import Judgement
from translate.training.player import Player
from translate.training.step import Step

matplotlib.use("Agg")

UNITS, LAYERS, BATCH, NOISE = 128, 3, 256, 2                        # of the networks; points in a batch; entries of z
SAMPLES, FAIR = 2500, 0.2                                           # points that are counted; part of the fair number
SHOWN = 6                                                           # moments in the picture
FRAMES = 30                                                         # of the animation


@dataclass(frozen=True)
class Objective:
    """Settings of one row: kind of adversarial loss, penalties by weight, and optimisers."""

    kind: str
    penalties: dict[str, float] = field(default_factory=dict)
    spectral: bool = False
    steps: int = 1                                                  # turns of the discriminator per generator's
    clip: float | None = None
    optimizer: str = "adam"
    rate: float = 5e-4
    betas: tuple[float, float] = (0.5, 0.999)


OBJECTIVES = {
    "saturating": Objective("saturating"),
    "nonsaturating": Objective("nonsaturating"),
    "lsgan": Objective("lsgan"),
    "r1": Objective("nonsaturating", {"r1": 0.1}, betas=(0.0, 0.99)),
    "hinge_sn": Objective("hinge", spectral=True, betas=(0.0, 0.9)),
    "wgan": Objective("wgan", clip=0.01, steps=5, optimizer="rmsprop", betas=(0.0, 0.99)),
    "wgan_gp": Objective("wgan", {"gradient_penalty": 0.1}, steps=5, betas=(0.5, 0.9)),
}


@dataclass(frozen=True)
class Modes:
    """Gaussians of one deviation around centres (M, 2), as in gan_toy.py of Gulrajani et al. 2017."""

    centres: Tensor
    deviation: float

    def draw(self, count: int) -> Tensor:
        places = torch.randint(len(self.centres), (count,))
        return self.centres[places] + self.deviation * torch.randn(count, 2)

    def count(self, points: Tensor) -> tuple[int, float]:
        """Return how many modes have a fifth of their fair number of points, and KL(found || even) in nats."""
        nearest = torch.cdist(points, self.centres).argmin(dim=1)
        found = torch.bincount(nearest, minlength=len(self.centres)) / len(points)
        used = found[found > 0]
        divergence = float((used * (used * len(self.centres)).log()).sum())
        return int((found >= FAIR / len(self.centres)).sum()), divergence


def make_modes(name: str) -> Modes:
    if name == "ring":
        angles = torch.arange(8) * (2 * math.pi / 8)
        return Modes(2 / 1.414 * torch.stack([angles.cos(), angles.sin()], dim=1), 0.02 / 1.414)
    lines = 2 * torch.arange(-2.0, 3) / 2.828
    return Modes(torch.cartesian_prod(lines, lines), 0.05 / 2.828)


class Judge(nn.Module):
    def __init__(self, spectral: bool):
        super().__init__()
        self.layers = make_layers(2, 1, spectral)

    def forward(self, x: Tensor) -> Judgement:  # (B, 2)
        return Judgement([self.layers(x)])


def make_layers(inputs: int, outputs: int, spectral: bool = False) -> nn.Sequential:
    widths = [inputs, *[UNITS] * LAYERS, outputs]
    layers: list[nn.Module] = []
    for one, other in pairwise(widths):
        layer = nn.Linear(one, other)
        layers += [spectral_norm(layer) if spectral else layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(objective: Objective, modes: Modes, turns: int, seed: int) -> list[Tensor]:
    """Train; return samples (SAMPLES, 2) at `FRAMES` + 1 moments, from the first to the last."""
    torch.manual_seed(seed)
    weights = {"generator": {"adversarial": 1.0}, "discriminator": {"adversarial": 1.0, **objective.penalties}}
    game = NoiseGame(
        make_layers(NOISE, 2),
        Judge(objective.spectral),
        {player: {name: LossWeight(weight=w) for name, w in losses.items()} for player, losses in weights.items()},
        Latent(NOISE),
        adversarial=objective.kind,
        discriminator_steps=objective.steps,
        clip=objective.clip,
    )
    players = {
        name: Player(name, module, PlayerConfig(
            learning_rate=objective.rate, betas=list(objective.betas), optimizer=objective.optimizer,
            losses=game.weights[name],
        ))
        for name, module in game.players.items()
    }  # fmt: skip
    step = Step(game, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))
    latent = game.latent.sample(seed, range(SAMPLES))

    def sample() -> Tensor:
        with torch.no_grad():
            return game.generate(latent)

    moments, steps = [sample()], turns * objective.steps
    due = {round((number + 1) * steps / FRAMES) for number in range(FRAMES)}
    for number in range(steps):
        step({"target": modes.draw(BATCH)}, number, 1.0)
        if number + 1 in due:
            moments.append(sample())
    return moments


def draw(path: Path, found: dict[str, list[Tensor]], modes: Modes) -> None:
    """Draw samples over time, a row per objective, as modes.png; and all objectives side by side as modes.gif."""
    from matplotlib import pyplot
    from matplotlib.animation import FuncAnimation, PillowWriter

    centres = modes.centres.numpy()
    most = len(next(iter(found.values()))) - 1

    def show(axes, points: Tensor) -> None:
        axes.clear()
        axes.scatter(*centres.T, s=60, facecolors="none", edgecolors="tab:red", linewidths=0.8)
        axes.scatter(*points[:1000].numpy().T, s=1, color="black")
        axes.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), xticks=[], yticks=[], aspect="equal")

    figure, grid = pyplot.subplots(len(found), SHOWN, figsize=(1.6 * SHOWN, 1.6 * len(found)), squeeze=False)
    for row, (name, moments) in zip(grid, found.items(), strict=True):
        for axes, place in zip(row, np.linspace(0, most, SHOWN).round().astype(int), strict=True):
            show(axes, moments[place])
        row[0].set_ylabel(name)
    figure.tight_layout()
    with replacing(path / "modes.png") as temporary:
        figure.savefig(temporary, format="png", dpi=80)
    figure, row = pyplot.subplots(1, len(found), figsize=(2 * len(found), 2.2), squeeze=False)

    def update(place: int) -> None:
        for axes, (name, moments) in zip(row[0], found.items(), strict=True):
            show(axes, moments[place])
            axes.set_title(name, fontsize=8)

    with replacing(path / "modes.gif") as temporary:
        animation = FuncAnimation(figure, update, frames=most + 1)
        animation.save(temporary.with_suffix(".gif"), writer=PillowWriter(fps=6), dpi=60)
        temporary.with_suffix(".gif").replace(temporary)
    pyplot.close("all")


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="run.sh", allow_abbrev=False)
    parser.add_argument("--data", choices=["ring", "grid"], default="ring")
    parser.add_argument("--objective", choices=list(OBJECTIVES), default=None)
    parser.add_argument("--turns", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(words)
    if given.turns < FRAMES or given.seed < 0:
        raise UserError(f"--turns: expected {FRAMES} or more, and a --seed of 0 or more")
    out, modes = given.out, make_modes(given.data)
    names = [given.objective] if given.objective else list(OBJECTIVES)
    found, rows = {}, {}
    for name in names:
        objective, began = OBJECTIVES[name], time.perf_counter()
        turns = given.turns if objective.steps == 1 else max(FRAMES, given.turns // 2)
        found[name] = train(objective, modes, turns, given.seed)
        covered, divergence = modes.count(found[name][-1])
        seconds = time.perf_counter() - began
        rows[name] = {"turns": turns, "covered": covered, "divergence": divergence, "seconds": seconds}
        print(f"{name}: {covered} of {len(modes.centres)} modes, KL {divergence:.3f}, {seconds:.0f} s", file=sys.stderr)
    table = [["objective", "turns of G", f"modes of {len(modes.centres)} ↑", "KL ↓", "seconds"]]
    table += [
        [name, str(row["turns"]), str(row["covered"]), f"{row['divergence']:.3f}", f"{row['seconds']:.0f}"]
        for name, row in rows.items()
    ]
    text = align_table(table)
    with replacing(out / "results.json") as temporary:
        temporary.write_text(json.dumps({"data": given.data, "seed": given.seed, "rows": rows}, indent=2) + "\n")
    with replacing(out / "results.md") as temporary:
        temporary.write_text(f"# {given.data}, seed {given.seed}\n\n{text}\n", encoding="utf-8")
    draw(out, found, modes)
    print(text)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(f"run.sh: {error}", file=sys.stderr)
        sys.exit(2)
