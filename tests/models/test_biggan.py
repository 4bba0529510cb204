"""SAGAN and BigGAN as wholes: micro-batches, turns, what a step changes, losses, learning, truncation."""

import numpy as np
import pytest
import torch
from tiny_runs import configure, make_run
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import translate
from translate.layers.spectral import list_spectral_norms
from translate.training import step as step_module
from translate.training.player import Player
from translate.training.step import Step

BOTH = pytest.mark.parametrize("model", ["sagan", "biggan"])
CPU = torch.device("cpu")


@pytest.fixture
def double():
    """Everything in float64: what differs then is no rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def start(model, accumulate=1, **sections):
    """A game with its `Step`, the same weights each time."""
    config = configure(model, {"train": {"crop": 16}}, sections)
    torch.manual_seed(0)
    game = config.build()
    players = {name: Player(name, networks, config.players[name]) for name, networks in game.players.items()}
    autocast = lambda: torch.autocast("cpu", torch.bfloat16, enabled=False)  # noqa: E731
    return game, Step(game, players, autocast, accumulate), config


def freeze_batch_norms(game):
    for module in game.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def play(model, accumulate, steps=4, size=64):
    """Weights, gradients of the last turns, averages and singular vectors after some steps on one batch."""
    game, step, _ = start(model, accumulate, players={"generator": {"average": 0.9}})
    freeze_batch_norms(game)
    batch = {"target": 2 * torch.rand(size, 3, 16, 16) - 1, "domain": torch.eye(2)[torch.arange(size) % 2]}
    batch["domain"] = batch["domain"][torch.randperm(size)]
    torch.manual_seed(1)
    logs = [step(batch, number, 1.0) for number in range(steps)]
    losses = [{f"{p}/{k}": v.item() for p, values in log for k, v in values.items()} for log in logs]
    return {
        "weights": {name: p.detach() for name, p in game.named_parameters()},
        "gradients": {name: p.grad for name, p in game.named_parameters()},
        "averages": step.players["generator"].average,
        "vectors": {f"{n}.{k}": b for n, m in game.named_modules() if m in list_spectral_norms(game)
                    for k, b in m.named_buffers()},
    }, losses  # fmt: skip


@BOTH
def test_a_step_of_64_in_8_micro_batches_is_one_of_64(model, double):
    """Norms of batches frozen, those of spectra not: turns of both players, losses, penalty, averages, vectors."""
    (whole, losses), (parts, theirs) = play(model, 1), play(model, 8)
    for kind, values in whole.items():
        assert values
        for name, value in values.items():
            torch.testing.assert_close(parts[kind][name], value, atol=1e-6, rtol=0, msg=f"{kind} {name}")
    for ours, other in zip(losses, theirs, strict=True):
        assert ours == pytest.approx(other, rel=1e-6)              # the penalty is summed in float32
    assert all("generator/adversarial" in ours for ours in (losses if model == "sagan" else losses[1::2]))


@BOTH
def test_micro_batches_that_advanced_the_spectral_norms_would_be_found(model, double, monkeypatch):
    """Were every micro-batch to make its own power iteration, the test above would fail."""
    whole, _ = play(model, 1)
    monkeypatch.setattr(step_module, "list_spectral_norms", lambda game: [])
    parts, _ = play(model, 8)
    worst = {
        kind: max((parts[kind][n] - v).abs().max().item() for n, v in values.items()) for kind, values in whole.items()
    }
    assert worst["vectors"] > 1e-4
    assert worst["weights"] > 1e-5


@BOTH
def test_spectral_norms_advance_once_a_pass(model):
    """As often with micro-batches as without: the generator's once a step, more with its penalty."""
    counts = []
    for accumulate in (1, 4):
        game, step, config = start(model, accumulate)
        norms, made = list_spectral_norms(game), [0]
        for norm in norms:
            iterate = norm._power_method

            def count(weight, times, iterate=iterate, made=made):
                made[0] += 1
                return iterate(weight, times)

            norm._power_method = count
        batch = config.example_batch(8)
        for number in range(2):
            step(batch, number, 1.0)
        counts.append(made[0])
    assert counts[0] == counts[1] > len(norms)


@BOTH
def test_a_step_changes_the_player_whose_turn_it_is(model):
    game, step, config = start(model, network={"discriminator_steps": 2})
    for expected in ({"discriminator"}, {"discriminator", "generator"}):
        before = {name: p.detach().clone() for name, p in game.named_parameters()}
        step(config.example_batch(8), 0 if len(expected) == 1 else 1, 1.0)
        moved = {name.split(".")[1] for name, p in game.named_parameters() if not torch.equal(p, before[name])}
        assert moved == expected


@BOTH
def test_losses_reach_their_player_alone(model):
    for player in ("generator", "discriminator"):
        game, _, config = start(model, network={"discriminator_steps": 1})
        for name, losses in game.training_step(config.example_batch(8), 0):
            if name == player:
                torch.stack(list(losses.values())).sum().backward()
        for name, module in game.players.items():
            assert all((p.grad is not None) == (name == player) for p in module.parameters()), name


def test_losses_of_biggan():
    """Two turns of the discriminator per turn of the generator, which has the orthogonal penalty."""
    game, _, config = start("biggan")
    batch = config.example_batch(8)
    turns = [[(player, list(losses)) for player, losses in game.training_step(batch, number)] for number in range(2)]
    judge, maker = ("discriminator", ["adversarial"]), ("generator", ["adversarial", "orthogonal"])
    assert turns == [[judge], [judge, maker]]
    assert (config.players["generator"].losses["orthogonal"].weight, config.players["generator"].average) == (
        1e-4, 0.9999
    )  # fmt: skip


def test_settings_of_the_papers():
    sagan, biggan = (translate.models.resolve({"model": name}, "test") for name in ("sagan", "biggan"))
    assert (sagan.train.crop, sagan.network.attention, sagan.train.steps) == (128, 2, 1_000_000)
    assert (biggan.train.crop, biggan.network.attention, biggan.train.accumulate) == (128, 1, 8)
    assert (biggan.network.channels, biggan.network.shared) == (96, 128)


@BOTH
def test_a_labels_picture_is_learned(model):
    """Two labels, two pictures: after some steps each label makes its own."""
    network = {"latent": 12, "channels": 8, "judge_channels": 8, "layers": 2, "attention": 1}
    players = {"generator": {"learning_rate": 2e-3}, "discriminator": {"learning_rate": 4e-3}}
    sections = {"train": {"crop": 8}, "network": network, "players": players}
    game, step, _ = start(model, **sections)
    pictures = torch.full((2, 3, 8, 8), -0.8)
    pictures[0, :, :4] = pictures[1, :, :, 4:] = 0.8
    batch = {"target": pictures.repeat(8, 1, 1, 1), "domain": torch.eye(2).repeat(8, 1)}

    def measure():
        """Mean difference from the label's picture, and from the other's."""
        with torch.no_grad():
            made = game.generate(game.latent.draw(64, CPU), torch.eye(2).repeat(32, 1))
        return [(made - picture.repeat(32, 1, 1, 1)).abs().mean().item() for picture in (pictures, pictures.flip(0))]

    before, _ = measure()
    for number in range(150):
        step(batch, number, 1.0)
    own, other = measure()
    assert own < 0.4 * before
    assert own < 0.5 * other


@BOTH
def test_generating(model, tmp_path):
    """By label, by number, at a truncation: the roads of all models of noise."""
    run = make_run(tmp_path / "run", model)
    pictures = translate.generate(run, 12, seed=1)
    assert (pictures.shape, pictures.dtype) == ((12, 32, 32, 3), np.uint8)
    assert np.abs(pictures[:3].astype(int) - translate.generate(run, 3, seed=1)).max() <= 1
    whole, middle = (translate.generate(run, 40, truncation=t, label="low").astype(float) for t in (None, 0.1))
    assert middle.std(axis=0).mean() < 0.5 * whole.std(axis=0).mean()


def test_every_generator_norm_of_biggan_gets_standing_statistics():
    game, step, config = start("biggan")
    batch = config.example_batch(8)
    for number in range(2):
        step(batch, number, 1.0)
    norms = [module for module in game.players["generator"].modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 7                                          # two of every block, the last
    before = [norm.running_var.clone() for norm in norms]
    game.eval()
    vectors = [norm._u.clone() for norm in list_spectral_norms(game)]
    game.finish(iter(lambda: batch, None))
    assert not any(torch.equal(norm.running_var, value) for norm, value in zip(norms, before, strict=True))
    assert all(torch.equal(n._u, v) for n, v in zip(list_spectral_norms(game), vectors, strict=True))
