"""SRResNet and SRGAN through their configurations."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.games.base import Translator
from translate.losses.perceptual import make_vgg19_features
from translate.models import resolve
from translate.models.settings import read_settings
from translate.training.player import Player

CONF = Path(__file__).parents[2] / "egs" / "bsd" / "conf"
SMALL = {"channels": 4, "blocks": 1, "kernel": 3}


def build(name, **sections):
    values = merge({"model": name, "data": {"domains": ["low", "high"]}}, sections)
    config = resolve(values, "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(scale=4, low=8, channels=3):
    source = torch.rand(2, channels, low, low)
    return {"source": source, "target": 2 * functional.interpolate(source, scale_factor=scale) - 1}


def play(config, translator: Translator, batch, steps=1):
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


@pytest.mark.parametrize(("name", "steps"), [("srresnet", 1_000_000), ("srgan", 200_000)])
def test_numbers_of_the_paper_are_the_defaults(name, steps):
    config, translator = build(name)
    generator = config.players["generator"]
    assert (generator.learning_rate, generator.betas) == (1e-4, [0.9, 0.999])
    assert (config.train.steps, config.train.batch_size, config.train.crop) == (steps, 16, 96)
    assert (config.images.scale, config.data.batches) == (4, "paired")
    assert sum(p.numel() for p in translator.players["generator"].parameters()) == pytest.approx(1.55e6, abs=1e4)


def test_players_and_losses():
    config, translator = build("srresnet")
    assert list(translator.players) == ["generator"]
    assert config.players["generator"].losses["l2"].weight == 1
    config, translator = build("srgan")
    assert list(translator.players) == ["generator", "discriminator"]
    losses = config.players["generator"].losses
    assert (losses["perceptual"].weight, losses["l2"].weight, losses["adversarial"].weight) == (1, 0, 1e-3)
    assert translator.adversarial.kind == "nonsaturating"
    assert not translator.conditional


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("extra", [{}, {"norm": "none", "upsample": "direct", "skip": "bicubic"}])
def test_srresnet_trains_and_enlarges(scale, extra):
    config, translator = build("srresnet", network=SMALL | extra, images={"scale": scale})
    (losses,) = play(config, translator, make_batch(scale))
    assert set(losses) == {"generator/l2"}
    picture = translator.eval().translate(torch.rand(1, 3, 9, 6), "low", "high")
    assert picture.shape == (1, 3, 9 * scale, 6 * scale)
    with pytest.raises(ValueError, match="low to high, not high to low"):
        translator.translate(picture, "high", "low")


def test_a_tiny_srresnet_overfits():
    config, translator = build(
        "srresnet",
        network=SMALL | {"channels": 8, "norm": "none"},
        players={"generator": {"learning_rate": 1e-2, "losses": {"l1": 1.0, "l2": 0.0}}},
    )
    losses = [row["generator/l1"] for row in play(config, translator, make_batch(), steps=80)]
    assert sum(losses[-5:]) < 0.25 * sum(losses[:5])


def test_gray_pictures():
    images = {"source_channels": 1, "target_channels": 1}
    config, translator = build("srresnet", network=SMALL, images=images)
    assert play(config, translator, make_batch(channels=1))[0]["generator/l2"] > 0


def test_srgan_plays_with_the_features_of_a_local_vgg(tmp_path):
    torch.manual_seed(0)
    torch.save(make_vgg19_features().state_dict(), tmp_path / "vgg.pth")
    network = SMALL | {"discriminator_channels": 2}
    config, translator = build("srgan", network=network, vgg={"weights": str(tmp_path / "vgg.pth")})
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    (losses,) = play(config, translator, make_batch())
    assert set(losses) == {"generator/perceptual", "generator/adversarial", "discriminator/adversarial"}
    assert all(torch.tensor(list(losses.values())).isfinite())
    after = translator.state_dict()
    assert set(after) == set(before)                                # VGG is in no checkpoint
    moved = {key.split(".")[1] for key in after if not torch.equal(after[key], before[key])}
    assert moved == {"generator", "discriminator"}


def test_srgan_mse_needs_no_vgg():
    config, translator = build(
        "srgan",
        network=SMALL | {"discriminator_channels": 2},
        players={"generator": {"losses": {"perceptual": 0.0, "l2": 1.0}}},
        vgg={"weights": "nowhere.pth"},
    )
    (losses,) = play(config, translator, make_batch())
    assert set(losses) == {"generator/l2", "generator/adversarial", "discriminator/adversarial"}


def test_srgan_without_vgg_says_what_to_do():
    config, translator = build("srgan", network=SMALL, vgg={"weights": "nowhere.pth"})
    with pytest.raises(UserError, match=r"there is no file `nowhere\.pth`; give vgg\.weights=FILE"):
        play(config, translator, make_batch())


def test_srgan_starts_from_srresnet():
    first, second = (build(name, network=SMALL)[1].state_dict() for name in ("srresnet", "srgan"))
    generator = {key: value.shape for key, value in second.items() if key.startswith("players.generator.")}
    assert generator == {key: value.shape for key, value in first.items()}


@pytest.mark.parametrize(("sections", "words"), [
    ({"network": {"kernel": 4}}, "`network.kernel` is 4: .*expected an odd number"),
    ({"images": {"scale": 1}}, "`images.scale` is 1"),
    ({"network": {"norm": "instance"}}, "`network.norm` is \"instance\""),
    ({"data": {"domains": ["low"]}}, "two different names"),
    ({"train": {"crop": 90}}, r"`train.crop` is 90: expected a multiple of images.scale, 4, such as 88"),
    ({"network": {"skip": "bicubic"}, "images": {"source_channels": 4}}, r"source \(4 channels\) to the output \(3\)"),
])  # fmt: skip
def test_bad_configurations(sections, words):
    with pytest.raises(UserError, match=words) as error:
        build("srresnet", **sections)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["srresnet", "srgan", "srgan_mse", "srresnet_small", "srgan_mse_small"])
def test_configurations_of_the_recipe(name):
    values = read_settings(CONF / f"{name}.yaml")
    _, translator = build(values.pop("model"), **values)
    if name.endswith("_small"):
        assert sum(p.numel() for p in translator.players["generator"].parameters()) < 0.25e6
    assert ("perceptual" in translator.weights["generator"]) == name.startswith("srgan")


def test_the_small_srgan_continues_the_small_srresnet():
    first, second = (read_settings(CONF / f"{name}.yaml")["network"] for name in ("srresnet_small", "srgan_mse_small"))
    assert first.items() <= second.items()
