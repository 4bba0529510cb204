"""Speech learned from pairs: the converters by squared error and by GAN-VC, and both postfilters."""

import numpy as np
import pytest
import torch
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.losses.adversarial import judge_both
from translate.models import resolve
from translate.training.player import Player

CONVERTERS = ["mse_vc", "gan_vc"]
POSTFILTERS = ["gan_postfilter", "stft_postfilter"]
SMALL = {
    "mse_vc": {"network": {"channels": 4, "blocks": 1}, "features": {"dimensions": 9}},
    "gan_vc": {"network": {"channels": 4, "blocks": 1}, "features": {"dimensions": 9}},
    "gan_postfilter": {"network": {"channels": 4, "discriminator_channels": 4}, "features": {"dimensions": 9}},
    "stft_postfilter": {
        "network": {"channels": 2, "discriminator_channels": 4, "bands": 2, "overlap": 6},
        "features": {"fft_size": 64},
    },
}


def build(model, sections=None, **more):
    values = merge({"model": model, "data": {"domains": ["raw", "fine"]}}, sections or {})
    config = resolve(merge(values, more), "test")
    torch.manual_seed(0)
    return config, config.build()


def build_small(model, **more):
    return build(model, merge({"train": {"crop": 16}}, SMALL[model]), **more)


def make_batch(config, size=2, frames=16):
    features = config.features
    bins = features.fft_size // 2 + 1 if features.kind == "stft" else features.dimensions
    draw = torch.Generator().manual_seed(1)
    target = torch.randn(size, bins, frames, generator=draw)
    smooth = torch.nn.functional.avg_pool1d(target, 5, stride=1, padding=2)
    return {"source": smooth + 0.1 * torch.randn(target.shape, generator=draw), "target": target}


def play(config, translator, batch, steps):
    """Train on one batch; the losses of every step."""
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    rows = []
    for step in range(steps):
        row = {}
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


# --- sizes and defaults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "sizes"), [
    ("mse_vc", [4.88]),
    ("gan_vc", [38.14, 5.73]),                      # 5.73 M: the discriminator of CycleGAN-VC2
    ("gan_postfilter", [1.658, 1.028]),
    ("stft_postfilter", [4 * 1.658, 4 * 1.028]),    # one of each per band
])  # fmt: skip
def test_millions_of_parameters(model, sizes):
    with torch.device("meta"):
        _, translator = build(model)
    millions = [sum(p.numel() for p in player.parameters()) / 1e6 for player in translator.players.values()]
    assert millions == pytest.approx(sizes, rel=1e-3)


def test_defaults():
    for model in CONVERTERS + POSTFILTERS:
        config, _ = build_small(model)
        assert config.data.batches == "paired"
        assert config.data.normalise == ("target" if model in POSTFILTERS else "own")
        players = ["generator"] if model == "mse_vc" else ["generator", "discriminator"]
        assert list(config.players) == players
    network = resolve({"model": "stft_postfilter"}, "test").network
    assert (network.bands, network.overlap, network.channels, network.discriminator_channels) == (4, 32, 128, 64)


# --- training ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", CONVERTERS + POSTFILTERS)
def test_every_turn_reaches_its_player_alone(model):
    config, translator = build_small(model)
    turns = []
    for name, losses in translator.training_step(make_batch(config), 0):
        translator.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        turns.append(name)
        for player, networks in translator.players.items():
            gradients = [p.grad for p in networks.parameters()]
            assert all((g is not None) == (player == name) for g in gradients), (name, player)
    assert turns == list(translator.players)


@pytest.mark.parametrize("model", CONVERTERS + POSTFILTERS)
def test_every_weight_learns(model):
    config, translator = build_small(model)
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    play(config, translator, make_batch(config), 2)
    still = [key for key, value in translator.state_dict().items() if torch.equal(value, before[key])]
    assert not [key for key in still if not key.endswith("bias")]  # biases before an instance norm have no gradient


@pytest.mark.parametrize("model", CONVERTERS)
def test_converters_overfit_two_samples(model):
    more = {"players": {"generator": {"learning_rate": 5e-3}}}
    config, translator = build_small(model, network={"channels": 8}, **more)
    batch = make_batch(config)
    loss = "generator/l2" if model == "mse_vc" else "generator/features"
    rows = play(config, translator, batch, 80)
    assert np.mean([row[loss] for row in rows[-10:]]) < 0.4 * rows[0][loss]
    estimate = translator.translate(batch["source"], "raw", "fine")
    assert (estimate - batch["target"]).square().mean() < 0.5 * (batch["source"] - batch["target"]).square().mean()


@pytest.mark.parametrize("model", POSTFILTERS)
def test_postfilters_give_variance_back(model):
    """The game alone, on average over its swings, at least doubles the variance of noise that was smoothed."""
    more = {"players": {"generator": {"learning_rate": 2e-3}, "discriminator": {"learning_rate": 1e-3}}}
    config, translator = build_small(model, network={"channels": 4, "discriminator_channels": 8}, **more)
    batch = make_batch(config, size=2, frames=32)
    variances = []
    for _ in range(4):
        play(config, translator, batch, 30)
        with torch.no_grad():
            variances.append(translator.translate(batch["source"], "raw", "fine").var().item())
    assert np.mean(variances) > 2 * batch["source"].var().item()
    assert np.mean(variances) < 4 * batch["target"].var().item()


def test_losses_that_hold_a_postfilter_back():
    weights = {"adversarial": 1.0, "features": 2.0, "l2": 3.0}
    config, translator = build_small("gan_postfilter", players={"generator": {"losses": weights}})
    (row,) = play(config, translator, make_batch(config), 1)
    assert {name for name in row if name.startswith("generator")} == {f"generator/{name}" for name in weights}
    default = play(*build_small("gan_postfilter"), make_batch(config), 1)[0]
    assert set(default) == {"generator/adversarial", "discriminator/adversarial"}


@pytest.mark.parametrize("kind", ["saturating", "nonsaturating", "lsgan", "wgan", "hinge"])
@pytest.mark.parametrize("model", ["gan_vc", *POSTFILTERS])
def test_every_game(model, kind):
    config, translator = build_small(model, network={"adversarial": kind})
    assert translator.adversarial.kind == kind
    assert np.isfinite(list(play(config, translator, make_batch(config), 1)[0].values())).all()


@pytest.mark.parametrize("model", POSTFILTERS)
def test_the_discriminator_may_see_the_source(model):
    config, translator = build_small(model, network={"conditional": True})
    assert np.isfinite(list(play(config, translator, make_batch(config), 1)[0].values())).all()


def test_losses_of_the_bands_are_averaged():
    config, translator = build_small("stft_postfilter", players={"generator": {"losses": {"l2": 1.0}}})
    batch = make_batch(config)
    torch.manual_seed(3)
    turns = translator.training_step(batch, 0)
    _, losses = next(turns)
    torch.manual_seed(3)
    x, y, fake, _ = translator.generate(batch, 0)
    sizes = translator.generator["map"].bands.sizes
    assert fake.shape == x.shape == y.shape == (2, sum(sizes), 16)
    np.testing.assert_allclose(losses["l2"].item(), (fake - y).square().mean().item(), rtol=1e-6)

    def cost(logits):  # binary cross entropy of "real", one band
        return np.log1p(np.exp(-logits.detach().numpy().astype(np.float64))).mean()

    judges = translator.players["discriminator"]["judge"].discriminators
    bands = [cost(judge(band).logits[0]) for judge, band in zip(judges, fake.split(sizes, dim=1), strict=True)]
    np.testing.assert_allclose(losses["adversarial"].item(), np.mean(bands), rtol=1e-5)
    real, _ = judge_both(translator.players["discriminator"]["judge"], y, fake)
    assert len(real.logits) == len(sizes) == 2


def test_bands_learn_apart():
    """What the discriminator of one band says moves the generator of that band alone, also in the overlap."""
    config, translator = build_small("stft_postfilter")
    _, _, fake, _ = translator.generate(make_batch(config), 0)
    low, _ = fake.split(translator.generator["map"].bands.sizes, dim=1)
    low.square().mean().backward()
    own, other = translator.generator["map"].generators
    assert all(p.grad.any() for p in own.parameters())
    assert not any(p.grad.any() for p in other.parameters())  # zeros: both bands are parts of one tensor


# --- translation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frames", [8, 13, 100])
@pytest.mark.parametrize("model", CONVERTERS + POSTFILTERS)
def test_any_length_keeps_its_length(model, frames):
    config, translator = build_small(model)
    x = make_batch(config, 1, frames)["source"]
    assert translator.translate(x, "raw", "fine").shape == x.shape
    with pytest.raises(ValueError, match="this model translates raw to fine, not fine to raw"):
        translator.translate(x, "fine", "raw")


@pytest.mark.parametrize("model", POSTFILTERS)
def test_a_seed_is_a_sample(model):
    config, translator = build_small(model)
    for parameter in translator.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    x = make_batch(config, 1)["source"]
    torch.manual_seed(5)
    first = translator.translate(x, "raw", "fine")
    state = torch.get_rng_state()
    assert torch.equal(translator.translate(x, "raw", "fine"), first)
    assert torch.equal(translator.translate(x, "raw", "fine", seed=0), first)
    assert torch.equal(torch.get_rng_state(), state)  # a conversion leaves the training's random numbers alone
    assert (translator.translate(x, "raw", "fine", seed=1) - first).abs().max() > 1e-3


def test_c0_passes_through():
    config, translator = build_small("gan_postfilter")
    x = make_batch(config)["source"]
    y = translator.translate(x, "raw", "fine")
    assert torch.equal(y[:, 0], x[:, 0])
    assert not torch.equal(y[:, 1], x[:, 1])


@pytest.mark.parametrize("model", CONVERTERS + POSTFILTERS)
def test_weights_are_saved_and_loaded(model, tmp_path):
    config, translator = build_small(model)
    play(config, translator, make_batch(config), 2)
    torch.save(translator.state_dict(), tmp_path / "weights.pt")
    _, other = build_small(model)
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    x = make_batch(config)["source"]
    assert torch.equal(other.translate(x, "raw", "fine"), translator.translate(x, "raw", "fine"))


# --- bad configurations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "network", "words"), [
    ("gan_postfilter", {"keep": 9}, "`network.keep` is 9: no coefficient is left to filter, of 9"),
    ("stft_postfilter", {"bands": 4, "overlap": 10}, "`network.overlap` is 10: 4 bands of 33 bins"),
    ("stft_postfilter", {"bands": 40, "overlap": 0}, "40 bands of 33 bins"),
    ("stft_postfilter", {"overlap": 5}, "`network.overlap` is 5"),
    ("gan_vc", {"channels": 6}, "`network.channels` is 6"),
])  # fmt: skip
def test_bad_networks(model, network, words):
    with pytest.raises(UserError) as error:
        build_small(model, network=network)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_pair_of_domains_is_needed():
    with pytest.raises(UserError, match="needs two different names; give --source and --target"):
        build_small("mse_vc", data={"domains": ["one"]})


def test_strength_adds_a_part_of_the_residual():
    x = torch.randn(1, 25, 40)
    results = {}
    for strength in (0.0, 0.5, 1.0):
        torch.manual_seed(0)
        values = {"model": "gan_postfilter", "features": {"sample_rate": 16000, "dimensions": 25},
                  "network": {"channels": 4, "discriminator_channels": 4, "strength": strength},
                  "data": {"domains": ["synthetic", "natural"]}}  # fmt: skip
        config = resolve(values, "test")
        results[strength] = config.build().translate(x, "synthetic", "natural")
    assert torch.equal(results[0.0], x)
    assert not torch.equal(results[1.0], x)
    torch.testing.assert_close(results[0.5], (x + results[1.0]) / 2)
