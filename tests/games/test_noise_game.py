"""Games that begin with noise: turns, losses by hand, penalties, labels, clipping, statistics of norms, noise."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from translate.config import LossWeight, PlayerConfig
from translate.errors import UserError
from translate.games.latent import Latent
from translate.games.noise import STANDING, NoiseGame
from translate.losses import Judgement
from translate.training.player import Player
from translate.training.step import Step

B, C, Z, K = 6, 2, 5, 3
NAMES = ["a", "b", "c"]


class Maker(nn.Module):
    """Samples (B, C, 8), or (B, C, 8, 8), of a linear layer."""

    def __init__(self, rank=2, entries=0, norm=False):
        super().__init__()
        self.size = [8] * rank
        self.layer = nn.Linear(Z + entries, C * 8**rank)
        self.norm = nn.BatchNorm1d(C * 8**rank) if norm else nn.Identity()

    def forward(self, latent, code=None):
        z = latent if code is None else torch.cat([latent, code], dim=1)
        return self.norm(self.layer(z)).view(-1, C, *self.size).tanh()


class Judge(nn.Module):
    def __init__(self, rank=2, told=0, asked=0, norm=False):
        super().__init__()
        self.layer = nn.Linear(C * 8**rank + told, 8)
        self.norm = nn.BatchNorm1d(8) if norm else nn.Identity()
        self.last = nn.Linear(8, 1)
        self.classes = nn.Linear(8, asked) if asked else None

    def forward(self, x, code=None):
        x = x.flatten(1) if code is None else torch.cat([x.flatten(1), code], dim=1)
        x = self.norm(self.layer(x)).tanh()
        return Judgement([self.last(x)], classes=None if self.classes is None else self.classes(x))


def build(rank=2, labels="none", generator=None, discriminator=None, norms=(False, False), **options):
    torch.manual_seed(0)
    told, asked = (K if labels == kind else 0 for kind in ("told", "asked"))
    losses = {
        "generator": {"adversarial": 1.0} | ({"classification": 1.0} if asked else {}) | (generator or {}),
        "discriminator": {"adversarial": 1.0} | ({"classification": 1.0} if asked else {}) | (discriminator or {}),
    }
    return NoiseGame(
        Maker(rank, told + asked, norms[0]),
        Judge(rank, told, asked, norms[1]),
        {player: {k: LossWeight(weight=w) for k, w in of.items()} for player, of in losses.items()},
        Latent(Z),
        NAMES,
        labels,
        **options,
    )


def make_batch(rank=2):
    torch.manual_seed(1)
    return {"target": torch.randn(B, C, *[8] * rank), "domain": torch.eye(K)[torch.arange(B) % K]}


def play(game, batch, step, seed=2):
    torch.manual_seed(seed)
    return dict(game.training_step(batch, step))


class Calls:
    """Inputs of the networks: (name, inputs, whether gradients were recorded)."""

    def __init__(self, game):
        self.found = []
        for name, network in (("map", map_of(game)), ("judge", judge_of(game))):
            network.register_forward_pre_hook(self._note(name))

    def _note(self, name):
        def note(network, inputs):
            self.found.append((name, [x.detach().clone() for x in inputs], torch.is_grad_enabled()))

        return note

    def of(self, name):
        return [inputs for called, inputs, _ in self.found if called == name]


def map_of(game):
    return game.players["generator"]["map"]


def judge_of(game):
    return game.players["discriminator"]["judge"]


# --- turns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("every", [1, 3])
def test_the_generator_plays_after_some_turns_of_the_discriminator(rank, every):
    game, batch = build(rank, discriminator_steps=every), make_batch(rank)
    for step in range(7):
        turns = [player for player, _ in game.training_step(batch, step)]
        assert turns == ["discriminator", "generator"][: 1 + (step % every == every - 1)]
        assert game.turn("generator", step) == step // every
    assert game.pattern(0) == game.pattern(every)
    assert (game.pattern(0) == game.pattern(every - 1)) == (every == 1)


@pytest.mark.parametrize(("norm", "passes"), [(False, [2 * B, 3 * B]), (True, [B, B, 3 * B])])
def test_work_of_a_step(norm, passes):
    """Fakes are made once for both players, the generator's batch is larger; one pass for both unless they mix."""
    game = build(norms=(False, norm), discriminator_steps=2, generator_batch=3)
    calls = Calls(game)
    play(game, make_batch(), 0)
    assert [(len(z), grad) for name, (z, *_), grad in calls.found if name == "map"] == [(B, False)]
    assert [len(x) for (x, *_) in calls.of("judge")] == passes[:-1]
    calls.found.clear()
    play(game, make_batch(), 1)
    assert [(len(z), grad) for name, (z, *_), grad in calls.found if name == "map"] == [(3 * B, True)]
    assert [len(x) for (x, *_) in calls.of("judge")] == passes


@pytest.mark.parametrize("labels", ["none", "told", "asked"])
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_losses_reach_their_player_alone(player, labels):
    """So no step of the discriminator back-propagates through the generator."""
    penalties = {"gradient_penalty": 10.0, "r1": 1.0, "r2": 1.0, "drift": 1e-3, "orthogonal": 1e-4}
    game = build(labels=labels, generator={"orthogonal": 1e-4}, discriminator=penalties)
    for name, losses in game.training_step(make_batch(), 0):
        if name == player:
            torch.stack(list(losses.values())).sum().backward()
    for name, module in game.players.items():
        assert all((p.grad is not None) == (name == player) for p in module.parameters()), name
    assert all(p.requires_grad for p in game.parameters())


def test_a_step_of_the_trainer_changes_the_player_whose_turn_it_is():
    game = build(discriminator_steps=2, norms=(True, False))
    players = {n: Player(n, m, PlayerConfig(losses=game.weights[n])) for n, m in game.players.items()}
    step = Step(game, players, lambda: torch.autocast("cpu", torch.bfloat16, enabled=False))
    before = {name: p.detach().clone() for name, p in game.named_parameters()}
    step(make_batch(), 0, 1.0)
    moved = {name.split(".")[1] for name, p in game.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"discriminator"}
    step(make_batch(), 1, 1.0)
    moved = {name.split(".")[1] for name, p in game.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"discriminator", "generator"}


def test_a_step_never_waits_for_the_device():
    game = build(labels="asked").to("meta")
    batch = {key: value.to("meta") for key, value in make_batch().items()}
    losses = play(game, batch, 0)
    assert all(loss.is_meta and loss.dim() == 0 for terms in losses.values() for loss in terms.values())


# --- losses -----------------------------------------------------------------------------------------------

FOOL = {
    "saturating": lambda d: torch.log(1 - d.sigmoid()),
    "nonsaturating": lambda d: -torch.log(d.sigmoid()),
    "lsgan": lambda d: (d - 1) ** 2,
    "wgan": lambda d: -d,
    "hinge": lambda d: -d,
}
UNMASK = {
    "saturating": lambda r, f: -torch.log(r.sigmoid()).mean() - torch.log(1 - f.sigmoid()).mean(),
    "nonsaturating": lambda r, f: -torch.log(r.sigmoid()).mean() - torch.log(1 - f.sigmoid()).mean(),
    "lsgan": lambda r, f: ((r - 1) ** 2).mean() + (f**2).mean(),
    "wgan": lambda r, f: f.mean() - r.mean(),
    "hinge": lambda r, f: (1 - r).clamp(min=0).mean() + (1 + f).clamp(min=0).mean(),
}


@pytest.mark.parametrize("kind", FOOL)
@pytest.mark.parametrize("labels", ["none", "told", "asked"])
def test_losses_by_hand(kind, labels):
    game, batch = build(labels=labels, adversarial=kind, discriminator={"drift": 1e-3}), make_batch()
    losses = play(game, batch, 0)
    torch.manual_seed(2)
    z, y = torch.randn(B, Z), batch["domain"]
    fake = map_of(game)(z) if labels == "none" else map_of(game)(z, y)
    assert torch.equal(game.fakes["target"], fake)
    told = (y,) if labels == "told" else ()
    real, false = judge_of(game)(batch["target"], *told), judge_of(game)(fake, *told)
    expected = {
        "discriminator": {"adversarial": UNMASK[kind](real.logits[0], false.logits[0])},
        "generator": {"adversarial": FOOL[kind](false.logits[0]).mean()},
    }
    expected["discriminator"]["drift"] = (real.logits[0] ** 2).mean()
    if labels == "asked":
        expected["discriminator"]["classification"] = cross_entropy(real.classes, y.argmax(1))  # real samples only
        expected["generator"]["classification"] = cross_entropy(false.classes, y.argmax(1))
    torch.testing.assert_close(losses, expected)


def test_penalties_are_per_sample():
    """A critic of unit gradient costs nothing; a norm over the whole batch would cost (sqrt(B) - 1)^2."""
    game = build(discriminator={"gradient_penalty": 10.0, "r1": 10.0, "r2": 10.0})
    judge = judge_of(game)
    direction = nn.functional.normalize(torch.randn(C * 64), dim=0)
    judge.forward = lambda x: Judgement([(x.flatten(1) @ direction)[:, None]])
    losses = play(game, make_batch(), 0)["discriminator"]
    assert losses["gradient_penalty"].item() == pytest.approx(0, abs=1e-10)
    assert losses["r1"].item() == losses["r2"].item() == pytest.approx(0.5, abs=1e-6)
    judge.forward = lambda x: Judgement([2.5 * (x.flatten(1) @ direction)[:, None]])
    losses = play(game, make_batch(), 0)["discriminator"]
    assert losses["gradient_penalty"].item() == pytest.approx(2.25, abs=1e-5)
    assert 10 * losses["r1"].item() == pytest.approx(31.25, abs=1e-4)


@pytest.mark.parametrize("loss", ["gradient_penalty", "r1", "r2"])
def test_penalties_on_gradients_refuse_batch_norm(loss):
    with pytest.raises(UserError, match=rf"`players\.discriminator\.losses\.{loss}` is 1: .*batch norm"):
        build(discriminator={loss: 1.0}, norms=(False, True))
    build(discriminator={loss: 0.0}, norms=(False, True))


def test_losses_of_weight_zero_are_not_computed():
    game = build(discriminator={"gradient_penalty": 0.0, "r1": 0.0})
    calls = Calls(game)
    assert set(play(game, make_batch(), 0)["discriminator"]) == {"adversarial"}
    assert len(calls.of("judge")) == 2
    game = build(generator={"adversarial": 0.0})                            # nobody heeds the discriminator
    calls = Calls(game)
    assert play(game, make_batch(), 0) == {"discriminator": {}, "generator": {}}
    assert calls.of("judge") == []


# --- labels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["told", "asked"])
def test_labels_are_those_of_the_batch_for_real_and_fake(labels):
    game, batch = build(labels=labels, generator_batch=2), make_batch()
    calls = Calls(game)
    play(game, batch, 0)
    (_, code), *_ = calls.of("map")
    assert torch.equal(code, batch["domain"].repeat(2, 1))                  # those of the first half meet the real ones
    both, *_ = calls.of("judge")
    if labels == "told":
        assert torch.equal(both[1], batch["domain"].repeat(2, 1))
    else:
        assert len(both) == 1                                               # the judge does not see them


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"]])
@pytest.mark.parametrize("labels", ["told", "asked"])
def test_one_label_for_all_is_an_error(names, labels):
    with pytest.raises(UserError, match=rf"`data\.domains` is .*labels that are {labels} need two or more different"):
        NoiseGame(Maker(), Judge(), {"generator": {}, "discriminator": {}}, Latent(Z), names, labels)


def test_soft_labels_are_mixed():
    """A label is a float vector: half of one and half of another is a label, too."""
    game = build(labels="asked")
    soft = {**make_batch(), "domain": torch.full((B, K), 1 / K)}
    floor = cross_entropy(judge_of(game)(soft["target"]).classes, soft["domain"])
    torch.testing.assert_close(play(game, soft, 0)["discriminator"]["classification"], floor)


def test_a_classifier_that_knows_costs_nothing_and_one_that_guesses_log_k():
    """With a softmax before the cross entropy, knowing would still cost 0.55 for three classes, 1.46 for ten."""
    game = build(labels="asked")

    for scale, expected in ((0.0, math.log(K)), (60.0, 0.0)):

        def classify(x, scale=scale):
            return Judgement([x.flatten(1)[:, :1]], classes=scale * torch.eye(K)[torch.arange(len(x)) % K])

        judge_of(game).forward = classify
        loss = play(game, make_batch(), 0)["discriminator"]["classification"]
        assert loss.item() == pytest.approx(expected, abs=1e-6)


# --- clipping and norms -----------------------------------------------------------------------------------


def find_largest(network):
    return max(p.abs().max().item() for p in network.parameters())


def test_weights_are_clipped_after_the_discriminators_turn():
    game = build(clip=0.01)
    turns = game.training_step(make_batch(), 0)
    next(turns)
    assert find_largest(judge_of(game)) > 0.01                              # the optimiser steps now
    next(turns)
    assert find_largest(judge_of(game)) == pytest.approx(0.01)
    assert find_largest(map_of(game)) > 0.01


def test_norms_take_standing_statistics_of_the_weights_that_make_samples():
    game = build(norms=(True, False))
    norm = map_of(game).norm
    for step in range(3):
        play(game, make_batch(), step)
    batches = [make_batch()] * STANDING
    trailing, state = norm.running_mean.clone(), torch.get_rng_state()
    game.eval()
    game.finish(iter(batches))
    assert torch.equal(torch.get_rng_state(), state)
    assert (norm.momentum, norm.training, int(norm.num_batches_tracked)) == (0.1, False, STANDING)
    assert not torch.equal(norm.running_mean, trailing)
    with torch.no_grad():
        inputs = map_of(game).layer(torch.randn(20_000, Z))
    spread = inputs.std(dim=0) / math.sqrt(STANDING * B)
    assert ((norm.running_mean - inputs.mean(0)).abs() < 5 * spread).all()
    again = norm.running_mean.clone()
    game.finish(iter([make_batch()] * STANDING))
    assert torch.equal(norm.running_mean, again)


# --- noise ------------------------------------------------------------------------------------------------


def test_a_sample_depends_on_seed_and_number_alone():
    latent = Latent(16)
    many = latent.sample(3, range(100))
    assert torch.equal(latent.sample(3, [57, 2]), many[[57, 2]])
    assert not torch.equal(latent.sample(4, [57]), many[[57]])
    assert len({tuple(row.tolist()) for row in many}) == 100


@pytest.mark.parametrize(("bound", "deviation"), [(2.0, 0.8796), (1.0, 0.5396), (0.5, 0.2839)])
def test_truncation_draws_again(bound, deviation):
    """A truncated normal, not a scaled or clamped one."""
    rows = Latent(200).sample(0, range(200), truncation=bound)
    assert rows.abs().max() <= bound
    assert rows.std().item() == pytest.approx(deviation, abs=0.01)
    assert (rows.abs() > 0.999 * bound).float().mean() < 0.01               # nothing piles up at the bound


def test_truncation_that_makes_no_sense_is_refused():
    with pytest.raises(UserError, match=r"truncation=0\.7: this model's noise is uniform"):
        Latent(4, "uniform").sample(0, [0], truncation=0.7)
    with pytest.raises(UserError, match=r"truncation=0: expected 0\.01 or more"):
        Latent(4).sample(0, [0], truncation=0)


def test_uniform_noise_fills_its_interval():
    torch.manual_seed(0)
    for rows in (Latent(50, "uniform").sample(0, range(100)), Latent(50, "uniform").draw(100, torch.device("cpu"))):
        assert rows.abs().max() <= 1
        assert rows.std().item() == pytest.approx(1 / math.sqrt(3), abs=0.02)


def test_interpolation_stays_on_the_sphere():
    latent = Latent(128)
    first, last = latent.sample(0, [0, 1])
    path = latent.between(first, last, 9)
    torch.testing.assert_close(path[0], first)
    torch.testing.assert_close(path[-1], last)
    torch.testing.assert_close(path.norm(dim=1), torch.linspace(first.norm().item(), last.norm().item(), 9))
    angles = [torch.acos(torch.cosine_similarity(a, b, dim=0)) for a, b in pairwise(path)]
    torch.testing.assert_close(torch.stack(angles), angles[0].expand(8), atol=1e-4, rtol=1e-3)
    straight = Latent(128, "uniform").between(first, last, 3)
    torch.testing.assert_close(straight[1], (first + last) / 2)
    torch.testing.assert_close(latent.between(first, first, 3), first.expand(3, -1))
