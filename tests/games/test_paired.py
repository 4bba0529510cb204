"""Work per step, whose weights move, every subset of the losses, and the losses against NumPy."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from turns import learn

from translate.config import LossWeight, PlayerConfig
from translate.games.paired import PairedGame
from translate.losses.consistency import l1
from translate.losses.judgement import Judgement
from translate.networks.patch import MultiScale, PatchGan
from translate.networks.unet import UNet
from translate.training.player import Player

LOSSES = ["adversarial", "l1", "l2", "perceptual", "features"]
B = 2


class Line(nn.Module):
    """G(x) = a x + b."""

    def __init__(self, a=1.5, b=0.2):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))

    def forward(self, x):
        return self.a * x + self.b


class LineJudge(nn.Module):
    """d(y, x) = a mean(y) + b mean(x): one feature per sample, 3 a y, and two scales, the second of half the logit."""

    def __init__(self, a=0.9, b=-0.4):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))

    def forward(self, y, *condition):
        logit = self.a * y.mean(dim=(1, 2, 3))[:, None]
        logit = logit + sum(self.b * x.mean(dim=(1, 2, 3))[:, None] for x in condition)
        return Judgement(logits=[logit, logit / 2], features=[[3 * self.a * y], [self.a * y]])


class Perceptual:
    """Counts its calls; the distance is that of doubled pictures."""

    def __init__(self):
        self.calls = 0

    def __call__(self, estimate, reference):
        self.calls += 1
        return 2 * l1(estimate, reference)


def weigh(generator, discriminator=("adversarial",)):
    """Weights of 1 for names, or those given."""
    groups = {"generator": generator, "discriminator": discriminator}
    return {
        player: {
            name: w if isinstance(w, LossWeight) else LossWeight(weight=float(w))
            for name, w in (losses if isinstance(losses, dict) else dict.fromkeys(losses, 1.0)).items()
        }
        for player, losses in groups.items()
    }


def build_lines(generator=LOSSES, judge=("adversarial",), **options):
    defaults = {"distances": {"perceptual": Perceptual()}, "discriminator": LineJudge(), "adversarial": "lsgan"}
    weights = weigh(generator, judge)
    return PairedGame(("labels", "photo"), {"map": Line()}, weights=weights, **(defaults | options))


def make_batch(size=B, side=6, channels=3):
    draw = torch.Generator().manual_seed(1)
    return {name: torch.rand(size, channels, side, side, generator=draw) * 2 - 1 for name in ("source", "target")}


def make_mosaics():
    """Two pairs of 32 x 32 pixels in squares of 8."""
    return {name: x.repeat_interleave(8, 2).repeat_interleave(8, 3) for name, x in make_batch(side=4).items()}


def take_turns(translator, step=0, batch=None):
    return {player: losses for player, losses in translator.training_step(batch or make_batch(), step)}


def count_passes(translator, step=0):
    """Forward passes in one step, by player."""
    passes = Counter()
    handles = [
        network.register_forward_hook(lambda *_, player=player: passes.update([player]))
        for player, networks in translator.players.items()
        for network in networks.children()
    ]
    losses = take_turns(translator, step)
    for handle in handles:
        handle.remove()
    return passes["generator"], passes["discriminator"], losses


def test_losses_against_numpy():
    batch, translator = make_batch(3), build_lines()
    got = {f"{player}/{name}": loss.item() for player, losses in take_turns(translator, batch=batch).items()
           for name, loss in losses.items()}  # fmt: skip
    x, y = batch["source"].double().numpy(), batch["target"].double().numpy()
    fake = 1.5 * x + 0.2

    def judged(picture):
        logit = 0.9 * picture.mean(axis=(1, 2, 3)) - 0.4 * x.mean(axis=(1, 2, 3))
        return np.stack([logit, logit / 2])

    assert got == pytest.approx({
        "generator/adversarial": np.mean((judged(fake) - 1) ** 2),
        "generator/l1": np.abs(fake - y).mean(),
        "generator/l2": ((fake - y) ** 2).mean(),
        "generator/perceptual": 2 * np.abs(fake - y).mean(),
        "generator/features": 2 * 0.9 * np.abs(fake - y).mean(),            # 3 and 1 times, over two scales
        "discriminator/adversarial": np.mean((judged(y) - 1) ** 2) + np.mean(judged(fake) ** 2),
    }, rel=1e-5)  # fmt: skip


SUBSETS = [subset for size in range(len(LOSSES) + 1) for subset in itertools.combinations(LOSSES, size)]


@pytest.mark.parametrize("names", SUBSETS, ids=lambda names: "-".join(names) or "none")
def test_every_subset_of_the_losses(names):
    """The others are there with weight 0 and cost nothing: no pass of the discriminator, no perceptual distance."""
    perceptual = Perceptual()
    weights = {name: float(name in names) for name in LOSSES}
    made, judged, losses = count_passes(build_lines(weights, distances={"perceptual": perceptual}))
    game, features = "adversarial" in names, "features" in names
    assert set(losses["generator"]) == set(names)
    assert ("discriminator" in losses) == game
    assert made == 1
    assert judged == (game or features) + features + game                   # fake; real; both in one pass
    assert perceptual.calls == ("perceptual" in names)


@pytest.mark.parametrize("names", [["l1"], ["adversarial", "l1"], ["l2", "perceptual"], ["adversarial", "features"]])
def test_losses_without_a_weight_are_not_there(names):
    _, _, losses = count_passes(build_lines(names))
    assert set(losses["generator"]) == set(names)


def test_a_model_without_a_discriminator_has_one_player():
    translator = build_lines(["l1"], (), discriminator=None)
    assert list(translator.players) == ["generator"]
    assert count_passes(translator)[:2] == (1, 0)


def test_a_loss_can_end():
    translator = build_lines({"l1": LossWeight(weight=1.0, until=3), "adversarial": LossWeight(weight=1.0, until=5)})
    kinds = [
        {f"{player}/{name}" for player, losses in take_turns(translator, step).items() for name in losses}
        for step in (2, 3, 5)
    ]
    game = {"generator/adversarial", "discriminator/adversarial"}
    assert kinds == [{"generator/l1", *game}, game, set()]


def test_a_discriminator_of_weight_0_stands_still():
    made, judged, losses = count_passes(build_lines(judge={"adversarial": 0.0}))
    assert list(losses) == ["generator"]
    assert (made, judged) == (1, 2)


def test_the_discriminator_sees_the_source_if_conditional():
    batch = make_batch()
    shifted = {"source": batch["source"] + 1, "target": batch["target"]}

    def judge_real(translator, batch):
        """What changes with the source besides the fake."""
        (judge,), seen = translator.players["discriminator"].values(), []
        judge.register_forward_hook(lambda module, inputs, output: seen.append(inputs))
        take_turns(translator, batch=batch)
        return seen[-1]

    real_and_fake, source = judge_real(build_lines(), shifted)
    assert torch.equal(source, torch.cat([shifted["source"]] * 2))
    assert torch.equal(real_and_fake[:B], shifted["target"])
    assert len(judge_real(build_lines(conditional=False), shifted)) == 1


# --- who learns -----------------------------------------------------------------------------------------------


def build_small(generator=("adversarial", "l1", "features"), **options):
    torch.manual_seed(0)
    options = {"discriminator": PatchGan(6, 8, layers=1)} | options
    generator = generator if isinstance(generator, dict) else dict.fromkeys(generator, 1.0)
    return PairedGame(
        ("labels", "photo"), {"map": UNet(3, 3, 8, 4)}, weights=weigh(generator, {"adversarial": 0.5}), **options
    )


def make_players(translator, learning_rate=2e-3):
    config = PlayerConfig(learning_rate=learning_rate, losses={})
    return {name: Player(name, networks, config) for name, networks in translator.players.items()}


def snapshot(networks):
    return {name: parameter.detach().clone() for name, parameter in networks.named_parameters()}


@pytest.mark.parametrize("discriminator", [
    lambda: PatchGan(6, 8, layers=1),
    lambda: MultiScale(lambda: PatchGan(6, 8, layers=2, norm="instance", spectral=True, padding=2), 2),
])  # fmt: skip
def test_a_turn_moves_its_player_only(discriminator):
    translator = build_small(discriminator=discriminator())
    players, turns = make_players(translator), []
    for name, losses in translator.training_step(make_batch(side=16), 0):
        before = {player: snapshot(networks) for player, networks in translator.players.items()}
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        for player, networks in translator.players.items():
            moved = [not torch.equal(p, before[player][key]) for key, p in networks.named_parameters()]
            assert all(moved) if player == name else not any(moved)
        turns.append(name)
    assert turns == ["generator", "discriminator"]


def test_no_gradient_leaves_its_player():
    translator = build_small()
    for player, losses in translator.training_step(make_batch(side=16), 0):
        torch.stack(list(losses.values())).sum().backward()                  # without naming the inputs
        for other, networks in translator.players.items():
            assert {p.grad is not None for p in networks.parameters()} == {other == player}
        translator.zero_grad(set_to_none=True)
    assert all(parameter.requires_grad for parameter in translator.parameters())


def test_two_samples_are_learned_by_heart():
    translator = build_small({"adversarial": 1.0, "l1": 100.0}, discriminator=PatchGan(6, 8, layers=1))
    players, batch, l1 = make_players(translator), make_mosaics(), []
    for step in range(120):
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            l1 += [losses["l1"].item()] if name == "generator" else []
    assert np.mean(l1[-10:]) < 0.45 * l1[0]


# --- translation ----------------------------------------------------------------------------------------------


def test_translation_goes_one_way():
    translator, x = build_lines(), make_batch()["source"]
    assert torch.allclose(translator.translate(x, "labels", "photo"), 1.5 * x + 0.2)
    with pytest.raises(ValueError, match="this model translates labels to photo, not photo to labels"):
        translator.translate(x, "photo", "labels")


def test_a_game_of_its_own_generates():
    class Styled(PairedGame):
        def generate(self, batch, step):
            return batch["source"], batch["target"], self.generator["map"](batch["source"]), {"kl": torch.tensor(3.0)}

    translator = Styled(("labels", "photo"), {"map": Line()}, LineJudge(), weigh(["l1", "kl"]))
    losses = take_turns(translator)["generator"]
    assert set(losses) == {"kl", "l1"}
    assert losses["kl"].item() == 3


def test_the_generator_has_a_map():
    with pytest.raises(ValueError, match="generator: expected a network named map among them, got generator"):
        PairedGame(("labels", "photo"), {"generator": Line()}, None, weigh(("l1",)))
