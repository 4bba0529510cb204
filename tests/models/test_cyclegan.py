"""CycleGAN on pictures: the paper's numbers, three kinds of up-sampling, small configurations that learn."""

import pytest
import torch
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.models import resolve
from translate.training.player import Player

MODEL = "cyclegan"
SMALL = {
    "model": MODEL,
    "data": {"domains": ["day", "night"]},
    "network": {"channels": 4, "blocks": 1, "layers": 1},
    "train": {"crop": 32},
}
LOSSES = {"generator/adversarial", "generator/cycle", "generator/identity", "discriminator/adversarial"}


def build(sections=None):
    config = resolve(merge(SMALL, sections or {}), "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(config, size=1):
    """Coarse mosaics: squares of 8 pixels."""
    draw, squares = torch.Generator().manual_seed(1), config.train.crop // 8
    shape = (size, config.images.source_channels, squares, squares)
    mosaics = {name: torch.rand(shape, generator=draw) * 2 - 1 for name in ("source", "target")}
    return {name: mosaic.repeat_interleave(8, 2).repeat_interleave(8, 3) for name, mosaic in mosaics.items()}


def play(config, translator, steps=1):
    """Train; returns the losses of every step."""
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    rows, batch = [], make_batch(config)
    for step in range(steps):
        row = {}
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


@pytest.mark.parametrize(("blocks", "generator"), [(9, 11.4), (6, 7.8)])
def test_the_papers_networks(blocks, generator):
    config = resolve({"model": MODEL, "data": SMALL["data"], "network": {"blocks": blocks}}, "test")
    with torch.device("meta"):
        translator = config.build()
    millions = [
        [sum(p.numel() for p in network.parameters()) / 1e6 for network in networks.values()]
        for networks in translator.players.values()
    ]
    assert millions[0] == pytest.approx([generator] * 2, abs=0.05)
    assert millions[1] == pytest.approx([2.8] * 2, abs=0.05)


def test_the_papers_numbers_are_the_default():
    config = resolve({"model": MODEL}, "test")
    weights = config.weights()
    assert {name: w.weight for name, w in weights["generator"].items()} == {
        "adversarial": 1, "cycle": 10, "identity": 5,
    }  # fmt: skip
    assert {name: w.weight for name, w in weights["discriminator"].items()} == {"adversarial": 0.5}
    for player in (config.players["generator"], config.players["discriminator"]):
        assert (player.learning_rate, player.betas) == (2e-4, [0.5, 0.999])
    assert (config.train.steps, config.train.decay_from) == (1334 * 200, 0.5)
    assert (config.train.crop, config.train.batch_size, config.images.size) == (256, 1, 286)
    assert (config.network.pool, config.network.blocks, config.network.adversarial) == (50, 9, "lsgan")
    assert config.images.flip
    assert config.data.batches == "unpaired"


@pytest.mark.parametrize("upsample", ["transposed", "resize", "pixelshuffle"])
def test_every_upsampling_trains_and_keeps_any_size(upsample):
    config, translator = build({"network": {"upsample": upsample}})
    (losses,) = play(config, translator)
    assert set(losses) == LOSSES
    assert all(torch.tensor(list(losses.values())).isfinite())
    for direction in (("day", "night"), ("night", "day")):
        assert translator.eval().translate(torch.rand(1, 3, 100, 77), *direction).shape == (1, 3, 100, 77)


def test_the_pool_fills_up_to_50():
    config, translator = build()
    assert all(translator.pools[name].size == 50 for name in ("source", "target"))
    batch = make_batch(config, 26)
    for _ in range(2):
        list(translator.training_step(batch, 0))
    assert {name: tuple(kept.shape) for name, kept in translator.memory().items()} == {
        "source": (50, 3, 32, 32), "target": (50, 3, 32, 32),
    }  # fmt: skip


def test_a_turn_moves_its_player_only():
    config, translator = build()
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    for name, losses in translator.training_step(make_batch(config), 0):
        before = {key: p.detach().clone() for key, p in translator.named_parameters()}
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        moved = {key.split(".")[1] for key, p in translator.named_parameters() if not torch.equal(p, before[key])}
        assert moved == {name}


def test_the_identity_loss_can_be_left_out():
    config, translator = build({"players": {"generator": {"losses": {"identity": 0}}}})
    assert set(play(config, translator)[0]) == LOSSES - {"generator/identity"}


def test_a_tiny_model_learns_to_go_round():
    config, translator = build({"players": {"generator": {"learning_rate": 2e-3}}})
    cycle = [row["generator/cycle"] for row in play(config, translator, steps=60)]
    assert sum(cycle[-5:]) < 0.6 * sum(cycle[:5])


@pytest.mark.parametrize(("sections", "words"), [
    ({"network": {"layers": 4}}, "`network.layers` is 4: its patches take crops of at least 48 pixels, these have 32"),
    ({"images": {"labels": 12}}, "`images.labels` is set, but CycleGAN takes label maps as colour pictures only"),
    ({"images": {"scale": 2}}, "`images.scale` is 2: CycleGAN keeps the size"),
    ({"images": {"source_channels": 1}}, "`images.source_channels` is 1 and `images.target_channels` 3"),
    ({"network": {"upsample": "resized"}}, "did you mean `resize`?"),
])  # fmt: skip
def test_what_cannot_be(sections, words):
    with pytest.raises(UserError) as error:
        build(sections)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
