"""WaveCycleGAN and WaveCycleGAN2 through the configuration: sizes, switches, players, overfitting, saving."""

import pytest
import torch
from turns import learn

from translate.checkpoints.store import load_weights, save_checkpoint
from translate.config import merge
from translate.errors import UserError
from translate.models import resolve
from translate.training.player import Player

SMALL = {
    "wavecyclegan": {"network": {"channels": 4, "blocks": 1, "kernel": 5, "judge_channels": 2}},
    "wavecyclegan2": {
        "network": {
            "channels": 4, "dilations": [1, 2], "kernel": 5, "judge_channels": 2, "fft_size": 256, "mels": 16,
            "coefficients": 8,
        }
    },
}  # fmt: skip


def build(model, seed=0, **sections):
    base = {"model": model, "data": {"domains": ["synthetic", "natural"]}, "train": {"crop": 1024}}
    config = resolve(merge(merge(base, SMALL[model]), sections), "test")
    torch.manual_seed(seed)
    return config, config.build()


def make_batch(config, size=1):
    """Buzz, and the same with its upper harmonics damped; unpaired."""
    time = torch.arange(config.train.crop)
    natural = torch.stack([((time % period) / period - 0.5) * 3.46 for period in (80.0, 97.0)][:size])[:, None]
    damped = torch.nn.functional.avg_pool1d(natural, 5, 1, 2, count_include_pad=False)
    return {"source": damped.flip(0), "target": natural}


def play(config, translator, steps):
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    batch, rows = make_batch(config, 2), []
    for step in range(steps):
        row = {}
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


def count_millions(model):
    config = resolve({"model": model, "data": {"domains": ["synthetic", "natural"]}}, "test")
    translator = config.build()
    return [sum(p.numel() for p in next(iter(m.children())).parameters()) / 1e6 for m in translator.players.values()]


def test_sizes_and_numbers_of_the_defaults():
    assert count_millions("wavecyclegan") == pytest.approx([6.83, 5.23], abs=0.01)
    assert count_millions("wavecyclegan2") == pytest.approx([5.91, 6.67], abs=0.02)
    for model in SMALL:
        config = resolve({"model": model}, "test")
        losses = config.players["generator"].losses
        assert (losses["adversarial"].weight, losses["cycle"].weight, losses["identity"].weight) == (1, 10, 5)
        assert (config.features.kind, config.features.sample_rate) == ("wave", 22050)
        assert (config.data.batches, config.data.normalise) == ("unpaired", "target")
        assert config.network.adversarial == "lsgan"


@pytest.mark.parametrize("model", SMALL)
def test_a_step_changes_each_player_in_its_turn_only(model):
    config, translator = build(model)
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    for name, losses in translator.training_step(make_batch(config), 0):
        before = {key: value.clone() for key, value in translator.state_dict().items()}
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        moved = {key.split(".")[1] for key, value in translator.state_dict().items() if not value.equal(before[key])}
        assert moved == {name}
        others = [module for other, module in translator.players.items() if other != name]
        if name == "generator":
            assert set(losses) == {"adversarial", "cycle", "identity"}
            assert all(p.grad is None for module in others for p in module.parameters())
        else:  # no path leads from the discriminator's losses to a generator
            generators = list(translator.maps.parameters())
            gradients = torch.autograd.grad(
                translator.adversarial.discriminator(
                    translator.players["discriminator"]["target"], torch.randn(1, 1, 1024),
                    translator.maps["to_target"](torch.randn(1, 1, 1024)),
                ), generators, allow_unused=True,
            )  # fmt: skip
            assert all(gradient is None for gradient in gradients)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("model", SMALL)
def test_waves_of_any_length(model, skip):
    _, translator = build(model, network={"skip": skip})
    for length in (8, 777, 1024):
        x = torch.randn(1, 1, length)
        assert translator.translate(x, "synthetic", "natural").shape == x.shape
        assert translator.translate(x, "natural", "synthetic").shape == x.shape
    assert (translator.maps["to_target"].context is None) == (model == "wavecyclegan")


VIEWS = ("wave", "mel", "mfcc", "phase")


@pytest.mark.parametrize("off", [(), *((view,) for view in VIEWS), VIEWS[1:], VIEWS[:3]])
def test_discriminators_can_be_switched_off(off):
    config, translator = build("wavecyclegan2", network={view: False for view in off})
    judges = translator.players["discriminator"]
    assert judges["target"].views == judges["source"].views == tuple(view for view in VIEWS if view not in off)
    (losses,) = play(config, translator, 1)
    assert all(torch.tensor(list(losses.values())).isfinite())


@pytest.mark.parametrize("model", SMALL)
def test_two_waves_are_learned_by_heart(model):
    # Losses of the game keep moving; what must fall is how far two known waves are from themselves after a round trip.
    faster = {"generator": {"learning_rate": 4e-3}, "discriminator": {"learning_rate": 1e-4}}
    config, translator = build(model, network={"channels": 8}, players=faster)
    cycle = [row["generator/cycle"] for row in play(config, translator, 30)]
    assert sum(cycle[-4:]) < 0.4 * sum(cycle[:4])


@pytest.mark.parametrize("model", SMALL)
def test_weights_survive_a_checkpoint(model, tmp_path):
    config, translator = build(model)
    checkpoint = save_checkpoint(tmp_path, 1, config, translator.state_dict(), {}, {}, {}, keep=1)
    _, other = build(model, seed=1)
    x = torch.randn(1, 1, 300)
    assert not torch.equal(other.translate(x, "synthetic", "natural"), translator.translate(x, "synthetic", "natural"))
    load_weights(checkpoint, other)
    for domains in (("synthetic", "natural"), ("natural", "synthetic")):
        assert torch.equal(other.translate(x, *domains), translator.translate(x, *domains))


@pytest.mark.parametrize(("model", "sections", "words"), [
    ("wavecyclegan", {"network": {"kernel": 8}}, "`network.kernel` is 8: expected an odd number of taps, such as 9"),
    ("wavecyclegan", {"train": {"crop": 700}}, "`train.crop` is 700: the discriminators need at least 768 samples"),
    ("wavecyclegan2", {"network": {"wave": False}, "train": {"crop": 700}}, "need at least 768 samples; raise it"),
    ("wavecyclegan2", {"network": {"coefficients": 17}}, "`network.coefficients` is 17: expected at most"),
    ("wavecyclegan2", {"network": {"mels": 80}}, "`network.mels` is 80: "),
    ("wavecyclegan2", {"network": dict.fromkeys(VIEWS, False)}, "all false: switch one discriminator on"),
    ("wavecyclegan2", {"network": {"dilations": []}}, "`network.dilations`"),
])  # fmt: skip
def test_settings_that_do_not_fit(model, sections, words):
    with pytest.raises(UserError) as error:
        build(model, **sections)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
