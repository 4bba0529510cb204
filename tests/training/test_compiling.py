"""`train.compile`: the same training, or a line that says why not."""

import logging

import pytest
import torch
from test_graph import autocast, weigh
from torch import nn

from translate.checkpoints.store import load_weights
from translate.config import LossWeight, PlayerConfig, TrainConfig
from translate.games.base import Game
from translate.losses import AdversarialLoss, Judgement, r1_penalty
from translate.training.compiling import compile_networks
from translate.training.player import Player
from translate.training.step import Step
from translate.training.trainer import Watch, train

OPTIONS = (
    "train.steps=4", "train.save_every=2", "network.pool=2", "train.batch_size=2", "players.generator.average=0.9",
)  # fmt: skip


def use_backend(monkeypatch, backend):
    """A back end that needs no C++ compiler, through the same call."""
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, *args, **kwargs: real(function, backend=backend))


@pytest.fixture(autouse=True)
def _fresh_compiler():
    yield
    torch.compiler.reset()


def test_compiled_training_equals_plain_training(tmp_path, make_run, monkeypatch, read_tensors):
    plain = read_tensors(train(*make_run(*OPTIONS).arguments(tmp_path / "plain")))
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    use_backend(monkeypatch, backend)
    run = make_run(*OPTIONS, "train.compile=true")
    checkpoint = train(*run.arguments(tmp_path / "compiled"))
    compiled = read_tensors(checkpoint)
    assert len(graphs) >= 4                                                 # generators and discriminators, with and
    assert plain.keys() == compiled.keys()                                  # without gradients
    for key, value in plain.items():
        if isinstance(value, torch.Tensor):
            assert torch.allclose(value.double(), compiled[key].double(), atol=1e-5), key
    load_weights(checkpoint, run.config.build())


def test_compiled_training_resumes(tmp_path, make_run, monkeypatch, differing):
    use_backend(monkeypatch, "eager")
    options = (*OPTIONS, "train.compile=true")
    whole = train(*make_run(*options).arguments(tmp_path / "whole"))
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole" / "step_00000002").rename(tmp_path / "parts" / "step_00000002")
    (tmp_path / "parts" / "latest").symlink_to("step_00000002")
    assert differing(whole, train(*make_run(*options).arguments(tmp_path / "parts"))) == []


def test_looking_is_not_compiled(tmp_path, make_run, monkeypatch):
    """Sentences have many lengths; each would be compiled anew."""
    compiled, looking = [], []

    def backend(graph, inputs):
        compiled.append(bool(looking))
        return graph.forward

    def sample(translator, step, log):
        looking.append(step)
        for length in (20, 33):
            translator.translate(torch.zeros(1, 12, length), "low", "high")
        looking.clear()

    use_backend(monkeypatch, backend)
    train(*make_run(*OPTIONS, "train.compile=true", "train.sample_every=1").arguments(tmp_path / "run"), Watch(sample))
    assert compiled
    assert not any(compiled)


@pytest.mark.parametrize("fails_in", ["forward", "backward"])
def test_a_failure_is_one_line_and_the_run_goes_on(tmp_path, make_run, monkeypatch, caplog, differing, fails_in):
    plain = train(*make_run(*OPTIONS).arguments(tmp_path / "plain"))

    def forward_backend(graph, inputs):
        raise RuntimeError("No working C++ compiler found\nin many\nlines")

    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("the C++ compiler crashed\nin many\nlines")

    def backward_backend(graph, inputs):
        return lambda *args: tuple(Broken.apply(x) if x.requires_grad else x for x in graph.forward(*args))

    use_backend(monkeypatch, forward_backend if fails_in == "forward" else backward_backend)
    with caplog.at_level(logging.INFO, "translate"):
        last = train(*make_run(*OPTIONS, "train.compile=true").arguments(tmp_path / "fallen"))
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    networks = [f"generator.{name}" for name in ("to_target", "to_source")]
    networks += [f"discriminator.{name}" for name in ("source", "target", "source_cycled", "target_cycled")]
    assert [line.partition(" runs without it (")[0] for line in warnings] == [f"train.compile: {n}" for n in networks]
    assert all("compiler" in line and "\n" not in line for line in warnings)
    assert differing(plain, last) == []                                     # the trial left no trace


class Penalised(Game):
    """Maps x to y; D has an R1 penalty in every `every`-th step, batch norm, and a player without a name beside it."""

    def __init__(self, every):
        super().__init__(
            {"generator": nn.ModuleDict({"map": nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))}),
             "discriminator": Judging()},
            weigh(generator={"adversarial": 1.0},
                  discriminator={"adversarial": 1.0, "r1": LossWeight(weight=1.0, every=every)}),
        )  # fmt: skip
        self.adversarial = AdversarialLoss("nonsaturating")

    def training_step(self, batch, step):
        x, y, judge = batch["source"], batch["target"], self.players["discriminator"]
        fake = self.players["generator"]["map"](x)
        yield "generator", {"adversarial": self.adversarial.generator(judge, fake)}
        losses = {"adversarial": self.adversarial.discriminator(judge, y, fake)}
        if self.active("discriminator", "r1", step):
            losses["r1"] = r1_penalty(judge, y)
        yield "discriminator", losses


class Judging(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return Judgement([self.layers(x)])


class Batches:
    """The same batch at any size."""

    def take(self, batch_size):
        self.size = batch_size

    def next(self):
        return {"source": torch.ones(self.size, 3), "target": torch.zeros(self.size, 3)}

    def position(self):
        return {}

    def seek(self, position):
        pass


@pytest.mark.parametrize(("step", "every"), [(0, 1), (5, 16)])
def test_a_penalty_switches_off_its_discriminator_alone(monkeypatch, caplog, step, every):
    """It is found where the penalty comes in a later step only, and the trials leave nothing behind."""
    use_backend(monkeypatch, "aot_eager")
    torch.manual_seed(0)
    game = Penalised(every)
    before, random = {k: v.clone() for k, v in game.state_dict().items()}, torch.get_rng_state()
    compile_networks(game, Batches(), step, autocast(), TrainConfig(batch_size=4))
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert lines[0].startswith("train.compile: discriminator runs without it (")
    assert "backward" in lines[0]
    assert game.players["generator"]["map"]._compiled_call_impl is not None
    assert game.players["discriminator"]._compiled_call_impl is None
    assert all(torch.equal(value, before[key]) for key, value in game.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None for p in game.parameters())
    step_ = Step(game, {n: Player(n, p, PlayerConfig(losses={})) for n, p in game.players.items()}, autocast())
    for number in range(step, step + 17):
        step_({"source": torch.randn(4, 3), "target": torch.randn(4, 3)}, number, 1.0)


def test_every_kind_of_step_is_tried_once_with_a_micro_batch(monkeypatch):
    use_backend(monkeypatch, "eager")
    game, tried = Penalised(16), []
    real = game.training_step
    game.training_step = lambda batch, step: tried.append((step, len(batch["source"]))) or real(batch, step)
    compile_networks(game, Batches(), 5, autocast(), TrainConfig(batch_size=8, accumulate=2))
    assert tried == [(5, 4), (16, 4)] * 2                                   # for each of two networks
