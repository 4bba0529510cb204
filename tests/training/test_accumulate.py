"""`train.accumulate`: micro-batches in lock-step learn what the whole batch teaches, whatever the game."""

import subprocess
import sys

import pytest
import torch
from test_graph import Judge, Map, TapeRecorder, autocast, weigh
from torch import nn

from translate.checkpoints.store import load_state
from translate.config import PlayerConfig, TrainConfig
from translate.errors import UserError
from translate.games.base import Game
from translate.games.cycle import CycleGame
from translate.games.paired import PairedGame
from translate.games.star import StarGame
from translate.training import graph as graph_module
from translate.training.graph import make_step
from translate.training.player import Player
from translate.training.step import Step, cut_batch
from translate.training.trainer import train

SIZE = 8
BOTH = {"adversarial": 1.0}
ORDER = torch.tensor([1, 0])                                        # wanted domains: each pair of samples swaps its own


def make_cycle():
    weights = weigh(generator=BOTH | {"cycle": 10.0, "identity": 5.0}, discriminator=BOTH)
    return CycleGame(("a", "b"), Map, Judge, weights)


def make_paired():
    return PairedGame(("a", "b"), {"map": Map()}, Judge(6), weigh(generator=BOTH | {"l1": 10.0}, discriminator=BOTH))


def make_star():
    game = BOTH | {"classification": 1.0}
    weights = weigh(
        generator=game | {"cycle": 10.0, "identity": 5.0}, discriminator=game | {"gradient_penalty": 10.0}
    )
    # (Of wgan the bias of the last layer cancels: Adam would step by the sign of a rounding error.)
    made = StarGame(["a", "b"], Map(2), Judge(classes=2), weights, True, "lsgan", discriminator_steps=3)
    made.shuffle = lambda code: (torch.arange(len(code)).view(-1, 2)[:, ORDER]).flatten()
    return made


GAMES = {"cycle": make_cycle, "paired": make_paired, "star": make_star}


@pytest.fixture(autouse=True)
def _same_places_of_the_penalty(monkeypatch):
    """Random numbers come micro-batch by micro-batch: none of them may matter here."""
    monkeypatch.setattr("translate.losses.penalties.torch.rand", lambda size, **_: torch.full(size, 0.3))


def make_batch(game):
    batch = {"source": torch.randn(SIZE, 3, 16), "target": torch.randn(SIZE, 3, 16)}
    if game == "star":
        domain = nn.functional.one_hot(torch.arange(SIZE) % 2, 2).float()
        return {"source": batch["source"], "domain": domain, "mask": torch.ones(SIZE, 2)}
    return batch


def play(game, accumulate, steps=7, graph=False, **settings):
    torch.manual_seed(0)
    made = GAMES[game]().train()
    config = PlayerConfig(losses={}, learning_rate=1e-3, average=0.9, **settings)
    players = {name: Player(name, networks, config) for name, networks in made.players.items()}
    step = make_step(TrainConfig(accumulate=accumulate, graph=graph), made, players, autocast())
    torch.manual_seed(1)
    logs, gradients = [], []
    for number in range(steps):
        logs.append(step(make_batch(game), number, 1.0))
        gradients.append([p.grad.clone() for p in made.parameters() if p.grad is not None])
    averages = [value for player in players.values() for value in player.average.values()]
    return logs, gradients, list(made.parameters()), averages


@pytest.mark.parametrize("settings", [{}, {"clip": 0.5}, {"optimizer": "rmsprop"}], ids=["adam", "clip", "rmsprop"])
@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("accumulate", [2, 4])
def test_micro_batches_teach_what_the_whole_batch_does(game, accumulate, settings):
    """Losses, gradients, weights and averages; StarGAN's generator takes every third turn."""
    (logs, *expected), (found_logs, *found) = play(game, 1, **settings), play(game, accumulate, **settings)
    for ours, theirs in zip(found_logs, logs, strict=True):
        assert [(group, list(values)) for group, values in ours] == [(group, list(v)) for group, v in theirs]
        for (_, values), (_, others) in zip(ours, theirs, strict=True):
            for name in set(values) - {"change"}:                   # a quotient of means is no mean of quotients
                torch.testing.assert_close(values[name], others[name], rtol=1e-4, atol=1e-5)
    assert len(found_logs[0]) == len(logs[0]) == (2 if game == "star" else 3)
    for ours, theirs in zip(found[0], expected[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_the_comparison_can_fail(monkeypatch):
    """Gradients of the last micro-batch alone are others."""
    real = Player.add_gradients
    monkeypatch.setattr(Player, "add_gradients", lambda self, losses, weights, step, turn, part, parts: real(
        self, losses, weights, step, turn, 0, parts))  # fmt: skip
    (_, expected, *_), (_, found, *_) = play("paired", 1, steps=1), play("paired", 2, steps=1)
    assert not all(torch.allclose(a, b, rtol=1e-2) for a, b in zip(expected[0], found[0], strict=True))


class Watching(Game):
    """Notes in which order turns are played, and what it knows of its batch in the second."""

    def __init__(self, uneven=None):
        super().__init__({name: nn.Linear(1, 1) for name in ("a", "b")}, weigh(a={"x": 1.0, "y": 0.0}, b={"x": 1.0}))
        self.seen, self.uneven = [], uneven

    def training_step(self, batch, step):
        x = batch["source"]
        self.fakes, self.monitors = {"target": x}, {"level": x.mean()}
        loss = {"x": self.players["a"](x).mean()}
        if self.uneven == "losses" and x.mean() > 2:
            loss["y"] = loss["x"]
        yield "a", loss
        self.seen.append((x[0].item(), self.fakes["target"][0].item(), self.players["a"].weight.item()))
        if self.uneven == "turns" and x.mean() > 2:
            return
        yield "b", {"x": self.players["b"](x).mean()}


def play_watching(accumulate, uneven=None):
    torch.manual_seed(0)
    game, config = Watching(uneven), PlayerConfig(losses={})
    players = {name: Player(name, networks, config) for name, networks in game.players.items()}
    step = Step(game, players, autocast(), accumulate)
    return game, step({"source": torch.arange(4.0)[:, None]}, 0, 1.0)


def test_turns_are_in_lock_step_and_every_micro_batch_keeps_its_own(monkeypatch):
    """The second turn sees the player after its update, made once by all micro-batches, and the fakes of its batch."""
    game, log = play_watching(2)
    assert [(x, fake) for x, fake, _ in game.seen] == [(0.0, 0.0), (2.0, 2.0)]
    assert len({weight for *_, weight in game.seen}) == 1
    assert game.seen[0][2] == game.players["a"].weight.item()
    assert dict(log)["monitor"] == {"level": torch.tensor(1.5)}
    assert torch.equal(dict(log)["a"]["x"], play_watching(1)[1][0][1]["x"])


def test_losses_of_the_user_see_the_fakes_of_their_micro_batch():
    seen = []
    game = Watching()
    game.own_losses = {"b": {"own": lambda batch, fakes: seen.append((batch, fakes)) or fakes["target"].mean()}}
    game.weights = weigh(a={"x": 1.0}, b={"x": 1.0, "own": 1.0})
    players = {name: Player(name, networks, PlayerConfig(losses={})) for name, networks in game.players.items()}
    Step(game, players, autocast(), 2)({"source": torch.arange(4.0)[:, None]}, 0, 1.0)
    assert len(seen) == 2
    assert all(torch.equal(batch["source"], fakes["target"]) for batch, fakes in seen)


@pytest.mark.parametrize("uneven", ["turns", "losses"])
def test_turns_that_depend_on_the_batch_are_refused(uneven):
    with pytest.raises(UserError, match=r"^train\.accumulate is 2: Watching plays turns that depend on .*") as error:
        play_watching(2, uneven)
    assert "\n" not in str(error.value)


def test_a_batch_is_cut_into_slices_of_one_size():
    parts = cut_batch({"x": torch.arange(6), "y": torch.arange(12).view(6, 2)}, 3)
    assert [part["x"].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert parts[2]["y"].tolist() == [[8, 9], [10, 11]]
    with pytest.raises(ValueError, match="a batch of 6 cannot be cut into 4 micro-batches"):
        cut_batch({"x": torch.arange(6)}, 4)


@pytest.mark.parametrize("game", GAMES)
def test_recorded_micro_batches_equal_played_ones(monkeypatch, game):
    expected = play(game, 2)
    recorders = []
    monkeypatch.setitem(
        graph_module.RECORDERS, "cpu", lambda device: recorders.append(TapeRecorder(device)) or recorders[0]
    )
    found = play(game, 2, graph=True)
    assert recorders[0].recorded == (2 if game == "star" else 1)
    assert all(torch.equal(a, b) for ours, theirs in zip(found[2:], expected[2:], strict=True)
               for a, b in zip(ours, theirs, strict=True))  # fmt: skip


def read_moments(checkpoint):
    """Adam's means of the gradients: linear in them, while weights hang on the sign of those that are all but 0."""
    optimizers = load_state(checkpoint)["optimizers"]
    return {f"{player}/{key}": entry["exp_avg"] for player, state in optimizers.items()
            for key, entry in state["state"].items()}  # fmt: skip


def test_a_training_run_accumulates(tmp_path, make_run):
    options = ("train.steps=2", "train.batch_size=4", "players.generator.average=0.9")
    expected = read_moments(train(*make_run(*options).arguments(tmp_path / "whole")))
    found = read_moments(train(*make_run(*options, "train.accumulate=2").arguments(tmp_path / "parts")))
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_two_processes_accumulate_as_one(tmp_path, train_command, environment):
    options = ("train.steps=2", "train.batch_size=8")
    launchers = {
        "whole": [sys.executable, "-m"],
        "parts": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"],
    }
    moments = {}
    for name, launcher in launchers.items():
        more = () if name == "whole" else ("train.accumulate=2",)
        command = [*launcher, "translate", *train_command(tmp_path / name, *options, *more)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stderr
        moments[name] = read_moments(tmp_path / name / "latest")
    for key, value in moments["whole"].items():
        torch.testing.assert_close(moments["parts"][key], value, rtol=1e-2, atol=1e-4)
