"""One player's turn: whose weights move, by how much, and what is averaged."""

import copy

import pytest
import torch
from turns import learn

from translate.config import LossWeight, PlayerConfig
from translate.training.player import Player, averaged, collect_averages


def make_players(run):
    return {
        name: Player(name, module, run.config.players[name]) for name, module in run.translator.players.items()
    }


def snapshot(run):
    return {key: value.clone() for key, value in run.translator.state_dict().items()}


@pytest.mark.parametrize("adversarial", ["lsgan", "hinge", "wgan", "nonsaturating", "saturating"])
def test_an_update_moves_one_player_alone(make_run, adversarial):
    run = make_run(f"network.adversarial={adversarial}")
    players, before = make_players(run), snapshot(run)
    for name, losses in run.translator.training_step(run.sampler.next(), 0):
        learn(players[name], losses, run.translator.weights[name], 0, 1.0)
        after = snapshot(run)
        moved = {key for key in after if not torch.equal(after[key], before[key])}
        mine = set(players[name].named)
        # The logit's bias cancels between real and fake where the loss is linear (wgan, hinge within its margins).
        assert mine >= moved >= {key for key in mine if not key.endswith("head.bias")}
        before = after


def test_gradients_of_other_players_do_not_linger(make_run):
    run = make_run()
    players = make_players(run)
    for name, losses in run.translator.training_step(run.sampler.next(), 0):
        learn(players[name], losses, run.translator.weights[name], 0, 1.0)
        others = [p for other in players if other != name for p in players[other].parameters]
        if name == "generator":
            assert all(p.grad is None for p in others)
        else:
            generator = [p.grad.clone() for p in others]
    assert all(torch.equal(a, p.grad) for a, p in zip(generator, others, strict=True))


def test_a_loss_that_reaches_into_another_player_moves_its_own_alone(make_run):
    """The trainer keeps turns apart even where a translator forgets to."""
    run = make_run()
    player = make_players(run)["generator"]
    everything = sum(p.square().sum() for p in run.translator.parameters())
    learn(player, {"cycle": everything}, run.translator.weights["generator"], 0, 1.0)
    has_gradient = {key for key, p in run.translator.named_parameters() if p.grad is not None}
    assert has_gradient == set(player.named)


def linear_player(**settings):
    """One weight w = 1 whose loss `a` is w: the gradient is the loss's weight."""
    module = torch.nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(1.0)
    config = make_config(**settings)
    return Player("generator", module, config), module


def make_config(**settings):
    return PlayerConfig(losses={}, **settings)


def test_losses_are_weighted_and_the_rate_scales_the_step():
    player, module = linear_player(learning_rate=0.1)
    weights = {"a": LossWeight(weight=2.0), "b": LossWeight(weight=5.0, until=1)}
    w = module.weight.sum()
    learn(player, {"a": w, "b": 3 * w}, weights, 0, 1.0)
    assert module.weight.grad.item() == pytest.approx(2 + 5 * 3)
    assert module.weight.item() == pytest.approx(1 - 0.1)                   # Adam's first step is the learning rate
    w = module.weight.sum()
    learn(player, {"a": w, "b": 3 * w}, weights, 1, 0.5)
    assert module.weight.grad.item() == pytest.approx(2)                    # b is over
    assert player.optimizer.param_groups[0]["lr"] == pytest.approx(0.05)


def test_rmsprop_has_the_second_beta_as_its_decay():
    """v = a v + (1 - a) g^2, w -= rate g / (sqrt(v) + 1e-8) (Tieleman and Hinton 2012), no momentum."""
    player, module = linear_player(optimizer="rmsprop", learning_rate=0.1, betas=[0.9, 0.8])
    expected, v = 1.0, 0.0
    for step, gradient in enumerate([2.0, -1.0, 3.0]):
        learn(player, {"a": gradient * module.weight.sum()}, {"a": LossWeight(weight=1.0)}, step, 0.5)
        v = 0.8 * v + 0.2 * gradient**2
        expected -= 0.05 * gradient / (v**0.5 + 1e-8)
        assert module.weight.item() == pytest.approx(expected, rel=1e-6)


def test_a_restart_forgets_the_optimiser_and_keeps_the_average():
    player, module = linear_player(learning_rate=0.1, average=0.9)
    learn(player, {"a": module.weight.sum()}, {"a": LossWeight(weight=1.0)}, 0, 1.0)
    average = player.average["players.generator.weight"].clone()
    player.restart()
    assert player.optimizer.state_dict()["state"] == {}
    assert torch.equal(player.average["players.generator.weight"], average)
    before = module.weight.item()
    learn(player, {"a": 7 * module.weight.sum()}, {"a": LossWeight(weight=1.0)}, 1, 1.0)
    assert module.weight.item() == pytest.approx(before - 0.1)              # Adam's first step is the learning rate


def test_clipping_bounds_the_gradient():
    player, module = linear_player(learning_rate=0.1, clip=0.25)
    learn(player, {"a": module.weight.sum()}, {"a": LossWeight(weight=8.0)}, 0, 1.0)
    assert module.weight.grad.item() == pytest.approx(0.25, abs=1e-5)


def test_the_moving_average_follows_its_formula():
    player, module = linear_player(learning_rate=0.1, average=0.5)
    expected = 1.0
    for step in range(20):
        learn(player, {"a": module.weight.sum()}, {"a": LossWeight(weight=1.0)}, step, 1.0)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.item()
    assert player.average["players.generator.weight"].item() == pytest.approx(expected, abs=1e-6)


def test_weights_that_take_no_gradient_are_left_out():
    module = torch.nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    player = Player("generator", module, make_config(average=0.9))
    learn(player, {"a": module(torch.ones(1, 2)).sum()}, {"a": LossWeight(weight=1.0)}, 0, 1.0)
    assert list(player.named) == ["players.generator.weight"]


def test_averages_take_the_weights_place_and_give_it_back(make_run):
    run = make_run("players.generator.average=0.9")
    players = make_players(run)
    for value in players["generator"].average.values():
        value.fill_(0.25)
    before, random = snapshot(run), torch.get_rng_state()
    with averaged(run.translator, players):
        inside = snapshot(run)
        assert not run.translator.training
        assert not torch.is_grad_enabled()
        torch.rand(3)                                                       # pictures may draw random numbers
    assert run.translator.training
    assert all(torch.equal(before[key], value) for key, value in snapshot(run).items())
    assert torch.equal(random, torch.get_rng_state())
    for key, value in inside.items():
        expected = torch.full_like(value, 0.25) if key.startswith("players.generator") else before[key]
        assert torch.equal(value, expected)
    assert set(collect_averages(players)) == {key for key in before if key.startswith("players.generator")}


def test_averages_give_the_place_back_after_a_failure(make_run):
    run = make_run("players.generator.average=0.9")
    players = make_players(run)
    for value in players["generator"].average.values():
        value.zero_()
    before = snapshot(run)
    with pytest.raises(ZeroDivisionError), averaged(run.translator, players):
        raise ZeroDivisionError
    assert all(torch.equal(before[key], value) for key, value in snapshot(run).items())


def test_the_average_is_no_view_of_the_weight():
    player, module = linear_player(average=0.9)
    kept = copy.deepcopy(player.average)
    module.weight.data.add_(1)
    assert all(torch.equal(player.average[key], value) for key, value in kept.items())
