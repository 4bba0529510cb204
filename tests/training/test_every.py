"""Losses of every n-th step: free in the others, n times as strong in it, and logged as what they were."""

import json

import pytest
import torch
from test_graph import Judge, autocast, weigh
from torch import nn

from translate.config import LossWeight, PlayerConfig
from translate.games.base import Game
from translate.losses import AdversarialLoss, r1_penalty
from translate.training.player import Player
from translate.training.step import Step
from translate.training.trainer import train


class Regularised(Game):
    """A discriminator with R1 against noise; counts its passes."""

    def __init__(self, penalty):
        super().__init__({"discriminator": nn.ModuleDict({"judge": Judge()})},
                         weigh(discriminator={"adversarial": 1.0, "r1": penalty}))  # fmt: skip
        self.adversarial, self.passes = AdversarialLoss("nonsaturating"), 0
        self.players["discriminator"]["judge"].register_forward_hook(self._count)

    def _count(self, *_):
        self.passes += 1

    def training_step(self, batch, step):
        judge = self.players["discriminator"]["judge"]
        losses = {"adversarial": self.adversarial.discriminator(judge, batch["target"], torch.zeros(4, 3, 16))}
        if self.active("discriminator", "r1", step):
            losses["r1"] = r1_penalty(judge, batch["target"])
        yield "discriminator", losses


def play(penalty, steps):
    """Gradients, log and passes of every step at rate 0: all steps see the same weights."""
    torch.manual_seed(0)
    game = Regularised(penalty)
    step = Step(game, {n: Player(n, p, PlayerConfig(losses={})) for n, p in game.players.items()}, autocast())
    batch, found = {"target": torch.randn(4, 3, 16)}, []
    for number in range(steps):
        before = game.passes
        log = step(batch, number, 0.0)
        gradient = torch.cat([p.grad.flatten() for p in game.parameters() if p.grad is not None])
        found.append((gradient, set(dict(log)["discriminator"]), game.passes - before))
    return found


def test_a_lazy_penalty_costs_nothing_in_three_steps_and_counts_four_times_in_the_fourth():
    (without, *_), (plain, *_) = play(LossWeight(weight=0), 1)[0], play(LossWeight(weight=0.5), 1)[0]
    lazy = play(LossWeight(weight=0.5, every=4), 9)
    for number, (gradient, losses, passes) in enumerate(lazy):
        if number % 4:
            assert torch.equal(gradient, without)
            assert (losses, passes) == ({"adversarial"}, 1)
        else:
            torch.testing.assert_close(gradient - without, 4 * (plain - without), rtol=1e-4, atol=1e-6)
            assert (losses, passes) == ({"adversarial", "r1"}, 2)
    assert not torch.allclose(plain, without)


def test_the_mean_gradient_is_that_of_the_plain_penalty():
    plain, lazy = play(LossWeight(weight=0.5), 8), play(LossWeight(weight=0.5, every=4), 8)
    means = [torch.stack([gradient for gradient, *_ in found]).mean(0) for found in (plain, lazy)]
    torch.testing.assert_close(*means, rtol=1e-4, atol=1e-6)


def test_the_pattern_of_a_step_tells_whether_the_penalty_is_due():
    game = Regularised(LossWeight(weight=0.5, every=4))
    patterns = [game.pattern(step) for step in range(8)]
    assert patterns[:4] == patterns[4:]
    assert patterns[1] == patterns[2] == patterns[3] != patterns[0]


def test_the_log_has_the_mean_over_the_steps_in_which_the_loss_was_computed(tmp_path, make_run):
    run = make_run(
        "train.steps=6", "train.log_every=6", "players.generator.losses.identity={weight: 5, every: 4}",
    )  # fmt: skip
    real, seen = run.translator.training_step, []

    def listen(batch, step):
        for player, losses in real(batch, step):
            seen.extend([losses["identity"].item()] if "identity" in losses else [])
            yield player, losses

    run.translator.training_step = listen
    train(*run.arguments(tmp_path))
    (line,) = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(seen) == 2                                           # steps 0 and 4
    assert line["generator/identity"] == pytest.approx(sum(seen) / 2, abs=1e-5)


class Waiting(Regularised):
    """The generator, here another judge, has a turn in every third step."""

    def __init__(self, penalty):
        super().__init__(0.0)
        self.players["generator"] = nn.ModuleDict({"judge": Judge()})
        self.weights = {**self.weights, **weigh(generator={"r1": penalty})}

    def turn(self, player, step):
        return step // 3 if player == "generator" else step

    def training_step(self, batch, step):
        yield from super().training_step(batch, step)
        if step % 3 == 2:
            active = self.active("generator", "r1", step)
            yield "generator", {"r1": r1_penalty(self.players["generator"]["judge"], batch["target"])} if active else {}


def test_a_player_that_waits_counts_its_own_turns():
    """With the numbers of steps a loss of every third turn would never be due: its turns are steps 2, 5, 8, ..."""
    torch.manual_seed(0)
    game = Waiting(LossWeight(weight=0.5, every=3))
    step = Step(game, {n: Player(n, p, PlayerConfig(losses={})) for n, p in game.players.items()}, autocast())
    batch = {"target": torch.randn(4, 3, 16)}
    logs = [dict(step(batch, number, 0.0)) for number in range(20)]
    assert [n for n, log in enumerate(logs) if log.get("generator")] == [2, 11]
    assert [n for n in range(20) if ("generator", "r1", 1.5) in game.pattern(n)] == [0, 1, 2, 9, 10, 11, 18, 19]
