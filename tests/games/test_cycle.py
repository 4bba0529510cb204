"""Work per step, whose weights take gradients, and the losses against NumPy."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Translator
from translate.games.cycle import CycleGame
from translate.losses.judgement import Judgement
from translate.models import resolve

TINY = {
    "model": "cyclegan_vc2",
    "data": {"domains": ["low", "high"]},
    "features": {"dimensions": 12},
    "network": {"channels": 4, "blocks": 1},
    "train": {"crop": 16},
}
B = 2


def build(network=None, generator=None, discriminator=None):
    config = resolve(
        TINY
        | {"network": TINY["network"] | (network or {})}
        | {"players": {"generator": {"losses": generator or {}}, "discriminator": {"losses": discriminator or {}}}},
        "test",
    )
    torch.manual_seed(0)
    return config.build()


def make_batch(size=B):
    torch.manual_seed(1)
    return {"source": torch.randn(size, 12, 16), "target": torch.randn(size, 12, 16)}


class Work:
    """Counts the forward passes of one step: (player whose turn it is, player whose network ran, batch, frozen)."""

    def __init__(self, translator, step=0, batch=None):
        self.passes, self.turn, self.losses = Counter(), "generator", {}
        handles = [
            network.register_forward_hook(self._hook(player, name))
            for player, networks in translator.players.items()
            for name, network in networks.named_children()
        ]
        self.networks = Counter()
        for player, losses in translator.training_step(batch or make_batch(), step):
            assert player == self.turn
            self.losses[player] = losses
            if losses:
                torch.stack(list(losses.values())).sum().backward(inputs=list(translator.players[player].parameters()))
            self.turn = "discriminator"
        for handle in handles:
            handle.remove()

    def _hook(self, player, name):
        def count(network, inputs, output):
            learning = {parameter.requires_grad for parameter in network.parameters()}
            assert len(learning) == 1
            frozen = not learning.pop()
            self.passes[self.turn, player, inputs[0].shape[0], "frozen" if frozen else "learning"] += 1
            self.networks[self.turn, name] += 1

        return count


def test_work_of_a_step_with_identity():
    work = Work(build())
    assert work.passes == {
        ("generator", "generator", B, "learning"): 6,                       # 2 maps, 2 back, 2 identities
        ("generator", "discriminator", B, "frozen"): 4,
        ("discriminator", "discriminator", 2 * B, "learning"): 4,           # real and fake in one pass
    }
    assert set(work.networks.values()) == {3, 1}                            # each map three times, each judge once
    assert set(work.losses["generator"]) == {"adversarial", "second_adversarial", "cycle", "identity"}
    assert set(work.losses["discriminator"]) == {"adversarial", "second_adversarial"}


def test_work_of_a_step_after_the_identity_loss_is_over():
    translator = build(generator={"identity": {"weight": 5.0, "until": 3}})
    assert Work(translator, step=2).passes["generator", "generator", B, "learning"] == 6
    work = Work(translator, step=3)
    assert work.passes["generator", "generator", B, "learning"] == 4
    assert "identity" not in work.losses["generator"]


@pytest.mark.parametrize(("network", "generator", "discriminator", "expected"), [
    # one step: cycles are made for their loss, nobody judges them
    ({"adversarial_steps": 1}, {}, {}, (6, 2, 2)),
    # one discriminator per domain judges both
    ({"discriminators": 1}, {}, {}, (6, 4, 4)),
    # losses of weight 0 are not computed
    ({}, {"cycle": 0.0}, {}, (6, 4, 4)),
    ({}, {"cycle": 0.0, "second_adversarial": 0.0}, {}, (4, 2, 2)),
    ({}, {"cycle": 0.0, "second_adversarial": 0.0, "identity": 0.0}, {}, (2, 2, 2)),
    ({}, {"adversarial": 0.0}, {}, (6, 2, 2)),
    ({}, {"adversarial": 0.0, "second_adversarial": 0.0}, {}, (6, 0, 0)),
    ({}, {}, {"adversarial": 0.0}, (6, 4, 2)),
    ({}, {}, {"adversarial": 0.0, "second_adversarial": 0.0}, (6, 4, 0)),
    ({}, {"adversarial": {"weight": 1.0, "until": 0}}, {}, (6, 2, 2)),
])  # fmt: skip
def test_work_of_the_variants(network, generator, discriminator, expected):
    work = Work(build(network, generator, discriminator))
    assert work.passes == Counter({
        ("generator", "generator", B, "learning"): expected[0],
        ("generator", "discriminator", B, "frozen"): expected[1],
        ("discriminator", "discriminator", 2 * B, "learning"): expected[2],
    })  # fmt: skip


def test_weights_learn_again_after_the_generators_turn():
    translator = build()
    Work(translator)
    assert all(parameter.requires_grad for parameter in translator.parameters())


@pytest.mark.parametrize(("steps", "discriminators", "judges"), [
    (1, 1, ["source", "target"]),
    (1, 2, ["source", "target"]),
    (2, 1, ["source", "target"]),
    (2, 2, ["source", "target", "source_cycled", "target_cycled"]),
])  # fmt: skip
def test_discriminators_by_steps(steps, discriminators, judges):
    translator = build({"adversarial_steps": steps, "discriminators": discriminators})
    assert list(translator.players["discriminator"]) == judges
    assert list(translator.players["generator"]) == ["to_target", "to_source"]
    assert len({id(network) for network in translator.players["discriminator"].values()}) == len(judges)


def test_no_gradient_leaves_its_player():
    translator = build()
    for player, losses in translator.training_step(make_batch(), 0):
        torch.stack(list(losses.values())).sum().backward()                  # without naming the inputs
        for other, networks in translator.players.items():
            has_gradient = {p.grad is not None for p in networks.parameters()}
            assert has_gradient == {other == player}
        translator.zero_grad(set_to_none=True)


# --- against NumPy ----------------------------------------------------------------------------------------


class Line(nn.Module):
    """G(x) = a x + b."""

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))

    def forward(self, x):
        return self.a * x + self.b


class LineJudge(nn.Module):
    """d(x) = a mean(x) + b for each sample."""

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))

    def forward(self, x):
        return Judgement(logits=[self.a * x.mean(dim=(1, 2))[:, None] + self.b])


LINES = {"to_target": (1.5, 0.2), "to_source": (0.7, -0.1)}
JUDGES = {"source": (0.9, 0.1), "target": (-0.4, 0.6), "source_cycled": (0.3, 0.5), "target_cycled": (1.2, -0.2)}
ALL = {
    "generator": dict.fromkeys(["adversarial", "second_adversarial", "cycle", "identity"], LossWeight(weight=1.0)),
    "discriminator": dict.fromkeys(["adversarial", "second_adversarial"], LossWeight(weight=1.0)),
}


def build_lines(**options):
    lines, judges = iter(LINES.values()), iter(JUDGES.values())
    options = {"adversarial_steps": 2, "weights": ALL} | options
    return CycleGame(("low", "high"), lambda: Line(*next(lines)), lambda: LineJudge(*next(judges)), **options)


@pytest.mark.parametrize("discriminators", [1, 2])
def test_losses_against_numpy(discriminators):
    translator, batch = build_lines(discriminators=discriminators), make_batch(3)
    got = {f"{player}/{name}": loss.item() for player, losses in translator.training_step(batch, 0)
           for name, loss in losses.items()}  # fmt: skip
    x, y = batch["source"].double().numpy(), batch["target"].double().numpy()

    def line(name, z):
        return LINES[name][0] * z + LINES[name][1]

    def fooled(name, z):                                                     # least squares: (d(fake) - 1)^2
        return np.mean((judged(name, z) - 1) ** 2)

    def unmasked(name, real, fake):
        return np.mean((judged(name, real) - 1) ** 2) + np.mean(judged(name, fake) ** 2)

    def judged(name, z):
        name = name.removesuffix("_cycled") if discriminators == 1 else name
        return JUDGES[name][0] * z.mean(axis=(1, 2)) + JUDGES[name][1]

    fake_y, fake_x = line("to_target", x), line("to_source", y)
    cycled_x, cycled_y = line("to_source", fake_y), line("to_target", fake_x)
    expected = {
        "generator/adversarial": fooled("target", fake_y) + fooled("source", fake_x),
        "generator/second_adversarial": fooled("source_cycled", cycled_x) + fooled("target_cycled", cycled_y),
        "generator/cycle": np.abs(cycled_x - x).mean() + np.abs(cycled_y - y).mean(),
        "generator/identity": np.abs(line("to_target", y) - y).mean() + np.abs(line("to_source", x) - x).mean(),
        "discriminator/adversarial": unmasked("source", x, fake_x) + unmasked("target", y, fake_y),
        "discriminator/second_adversarial":
            unmasked("source_cycled", x, cycled_x) + unmasked("target_cycled", y, cycled_y),
    }  # fmt: skip
    assert got == pytest.approx(expected, rel=1e-5)
    assert translator.monitors["change"].item() == pytest.approx(np.abs(fake_y - x).mean() / np.abs(x).mean(), rel=1e-5)


@pytest.mark.parametrize("discriminators", [1, 2])
def test_r1_of_linear_discriminators(discriminators):
    """The gradient of a mean(x) is a / n everywhere: half of its square, times n, over all discriminators."""
    lazy = LossWeight(weight=0.5, every=3)
    weights = ALL | {"discriminator": ALL["discriminator"] | {"r1": lazy}}
    translator, batch = build_lines(discriminators=discriminators, weights=weights), make_batch(3)
    for step in range(4):
        losses = dict(translator.training_step(batch, step))["discriminator"]
        assert ("r1" in losses) == (step % 3 == 0)
    slopes = [a for name, (a, _) in JUDGES.items() if discriminators == 2 or "cycled" not in name]
    size = batch["source"][0].numel()
    assert losses["r1"].item() == pytest.approx(sum(0.5 * a**2 / size for a in slopes), rel=1e-5)
    losses["r1"].backward()
    judges = translator.players["discriminator"].values()
    assert [judge.a.grad.item() for judge in judges] == pytest.approx([a / size for a in slopes], rel=1e-5)
    assert not any(judge.b.grad is not None and judge.b.grad for judge in judges)
    assert all(parameter.grad is None for parameter in translator.maps.parameters())


def test_r1_refuses_batch_norm_in_one_line():
    weights = ALL | {"discriminator": ALL["discriminator"] | {"r1": LossWeight(weight=0.5)}}

    def make_judge():
        return nn.Sequential(nn.BatchNorm1d(12), LineJudge(1.0, 0.0))

    with pytest.raises(UserError, match=r"`players\.discriminator\.losses\.r1` is 0\.5: .* batch norm") as error:
        CycleGame(("low", "high"), lambda: Line(1.0, 0.0), make_judge, weights)
    assert "\n" not in str(error.value)
    CycleGame(("low", "high"), lambda: Line(1.0, 0.0), make_judge, ALL)


def test_the_change_is_0_for_the_identity():
    translator = build_lines()
    with torch.no_grad():
        translator.maps["to_target"].a.fill_(1.0)
        translator.maps["to_target"].b.zero_()
    Work(translator)
    assert translator.monitors["change"].item() == 0
    assert not translator.monitors["change"].requires_grad


def test_discriminators_see_the_pool():
    """Real samples from the batch, fakes from earlier steps, too."""
    translator, seen = build_lines(pool=4), []
    translator.players["discriminator"]["target"].register_forward_hook(
        lambda network, inputs, output: seen.append(inputs[0]) if inputs[0].shape[0] == 2 * B else None
    )
    fakes, old = [], 0
    for number in range(30):
        batch = {name: torch.full((B, 12, 16), float(number + 1)) for name in ("source", "target")}
        fakes.append(translator.maps["to_target"](batch["source"]).detach())
        list(translator.training_step(batch, 0))
        assert torch.equal(seen[-1][:B], batch["target"])
        for fake in seen[-1][B:]:
            numbers = [i for i, known in enumerate(fakes) if torch.equal(known[0], fake)]
            assert len(numbers) == 1                                         # of some step until now
            old += numbers[0] < number
    assert 10 < old < 50


def test_memory_goes_round():
    translator, fresh = build_lines(pool=3), build_lines(pool=3)
    for seed in range(4):
        torch.manual_seed(seed)
        list(translator.training_step({name: torch.randn(B, 12, 16) for name in ("source", "target")}, 0))
    memory = translator.memory()
    assert set(memory) == {"source", "target", "source_cycled", "target_cycled"}
    assert all(kept.shape == (3, 12, 16) for kept in memory.values())
    fresh.recall(memory)
    assert all(torch.equal(kept, fresh.memory()[name]) for name, kept in memory.items())
    fresh.recall({})
    assert fresh.memory() == {}
    assert build_lines().memory() == {}


# --- the rest of the contract ---------------------------------------------------------------------------------


def test_translation_in_both_directions():
    translator, x = build_lines(), torch.randn(1, 12, 9)
    assert torch.allclose(translator.translate(x, "low", "high"), 1.5 * x + 0.2)
    assert torch.allclose(translator.translate(x, "high", "low"), 0.7 * x - 0.1)


@pytest.mark.parametrize("names", [("low", "low"), ("low", "child"), ("child", "high")])
def test_other_directions_are_refused(names):
    with pytest.raises(ValueError, match=f"between low and high, not {names[0]} to {names[1]}"):
        build_lines().translate(torch.zeros(1, 12, 9), *names)


def test_weights_are_read_from_the_players():
    config = resolve(
        TINY | {"players": {"generator": {"losses": {"cycle": 3, "identity": {"weight": 2, "until": 7}}}}}, "test"
    )
    weights = config.weights()
    assert set(weights) == {"generator", "discriminator"}
    assert weights["generator"]["cycle"] == LossWeight(weight=3.0)
    assert [weights["generator"]["identity"].at(step) for step in (0, 6, 7)] == [2, 2, 0]
    assert weights["discriminator"]["adversarial"].at(10**9) == 1


def test_what_counts_as_active():
    weights = {"cycle": LossWeight(weight=0.0), "identity": LossWeight(weight=1.0, until=2)}
    translator = build_lines(weights={**ALL, "generator": {**ALL["generator"], **weights}})
    assert not translator.active("generator", "cycle", 0)
    assert translator.active("generator", "identity", 1)
    assert not translator.active("generator", "identity", 2)
    with pytest.raises(ValueError, match="`generator` has no loss `cylce`; its weights are adversarial"):
        translator.active("generator", "cylce", 0)
    assert translator.memory() == {}


def test_a_translator_without_its_moves_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Translator({}, {})
