"""pix2pix: the paper's numbers, its test-time policy through the configuration, small configurations that learn."""

import numpy as np
import pytest
import torch
from PIL import Image
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.models import find_model, resolve
from translate.networks.unet import PolicyDropout, PolicyNorm
from translate.training.player import Player

MODEL = "pix2pix"
SMALL = {
    "model": MODEL,
    "data": {"domains": ["labels", "photo"]},
    "network": {"channels": 8, "depth": 5, "layers": 1},
    "train": {"crop": 32},
}


def build(*sections):
    values = SMALL
    for section in sections:
        values = merge(values, section)
    config = resolve(values, "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(config, size=1):
    """Coarse mosaics: squares of 8 pixels."""
    draw, squares = torch.Generator().manual_seed(1), config.train.crop // 8
    planes = {"source": config.images.source_planes, "target": config.images.target_channels}
    mosaics = {name: torch.rand(size, n, squares, squares, generator=draw) * 2 - 1 for name, n in planes.items()}
    return {name: mosaic.repeat_interleave(8, 2).repeat_interleave(8, 3) for name, mosaic in mosaics.items()}


def play(config, translator, batch, steps=1):
    """Train; returns the losses of every step."""
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    rows = []
    for step in range(steps):
        row = {}
        for name, losses in translator.training_step(batch, step):
            learn(players[name], losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


def test_the_papers_networks_are_the_default():
    with torch.device("meta"):
        translator = find_model(MODEL).build(resolve({"model": MODEL, "data": SMALL["data"]}, "test"))
    millions = [sum(p.numel() for p in networks.parameters()) / 1e6 for networks in translator.players.values()]
    assert millions == pytest.approx([54.4, 2.8], abs=0.05)


def test_the_papers_numbers_are_the_default():
    config = resolve({"model": MODEL}, "test")
    weights = config.weights()
    assert {name: w.weight for name, w in weights["generator"].items()} == {"adversarial": 1, "l1": 100}
    assert {name: w.weight for name, w in weights["discriminator"].items()} == {"adversarial": 0.5}
    for player in (config.players["generator"], config.players["discriminator"]):
        assert (player.learning_rate, player.betas) == (2e-4, [0.5, 0.999])
    assert (config.train.steps, config.train.decay_from) == (400 * 200, 0.5)
    assert (config.train.crop, config.train.batch_size) == (256, 1)
    assert (config.images.size, config.images.flip) == ([286, 286], True)
    assert config.data.batches == "paired"
    network = config.network
    assert (network.test_dropout, network.test_norm, network.adversarial) == (True, "batch", "nonsaturating")


def test_the_policy_at_test_time_is_in_the_configuration():
    for dropout, norm in [(True, "batch"), (False, "running")]:
        _, translator = build({"network": {"test_dropout": dropout, "test_norm": norm}})
        modules = list(translator.modules())
        assert {m.test for m in modules if isinstance(m, PolicyDropout)} == {dropout}
        assert {m.test for m in modules if isinstance(m, PolicyNorm)} == {norm}
        x = torch.rand(1, 3, 40, 30)
        translator.eval()
        first, second = (translator.translate(x, "labels", "photo") for _ in range(2))
        assert torch.equal(first, second) != dropout


@pytest.mark.parametrize("kind", ["saturating", "nonsaturating", "lsgan", "wgan", "hinge"])
@pytest.mark.parametrize("conditional", [True, False])
def test_every_game_trains(kind, conditional):
    config, translator = build({"network": {"adversarial": kind, "conditional": conditional}})
    (losses,) = play(config, translator, make_batch(config))
    assert set(losses) == {"generator/adversarial", "generator/l1", "discriminator/adversarial"}
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_label_maps_have_a_plane_per_class():
    config, translator = build({"images": {"labels": 12, "unknown": 255, "instances": True, "target_channels": 1}})
    assert config.images.source_planes == 14
    play(config, translator, make_batch(config))
    assert translator.translate(torch.rand(2, 14, 100, 77), "labels", "photo").shape == (2, 1, 100, 77)


def test_two_pairs_are_learned_by_heart():
    config, translator = build({"players": {"generator": {"learning_rate": 2e-3}}, "network": {"dropout": False}})
    rows = play(config, translator, make_batch(config, 2), steps=80)
    l1 = [row["generator/l1"] for row in rows]
    assert sum(l1[-5:]) / 5 < 0.6 * l1[0]


def test_real_facades_are_learned(real_data):
    """Ten pairs at 32 pixels, photo to labels: closer than the mean colour of the labels."""
    config, translator = build({
        "data": {"domains": ["photo", "labels"]}, "players": {"generator": {"learning_rate": 2e-3}},
    })  # fmt: skip
    pictures = []
    for path in sorted((real_data / "facades" / "train").glob("*.jpg"))[:10]:
        with Image.open(path) as image:
            pixels = np.asarray(image.resize((64, 32)), dtype=np.float32) / 127.5 - 1
        pictures.append(torch.from_numpy(pixels).permute(2, 0, 1))
    photo, labels = torch.stack(pictures).split(32, dim=-1)
    play(config, translator, {"source": photo, "target": labels}, steps=100)
    with torch.inference_mode():
        fake = translator.eval().translate(photo, "photo", "labels")
    assert (fake - labels).abs().mean() < 0.8 * (labels.mean(dim=(0, 2, 3), keepdim=True) - labels).abs().mean()


@pytest.mark.parametrize(("sections", "words"), [
    ({"train": {"crop": 128}, "network": {"depth": 8}}, "is 8: too deep for crops of 128 pixels: at most 7"),
    ({"images": {"aspect": 0.5}}, "`network.depth` is 5: too deep for crops of 16 pixels: at most 4"),
    ({"network": {"layers": 4}}, "`network.layers` is 4: its patches take crops of at least 48 pixels, these have 32"),
    ({"images": {"scale": 4}}, "`images.scale` is 4: pix2pix keeps the size"),
    ({"network": {"test_norm": "bach"}}, "did you mean `batch`?"),
])  # fmt: skip
def test_what_cannot_be(sections, words):
    with pytest.raises(UserError) as error:
        build(sections)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
