"""SPADE: its numbers, its step, and its styles."""

import pytest
import torch
from torch import distributions
from torch.nn import functional
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.games.styled import measure_divergence
from translate.models import resolve
from translate.training.player import Player

SMALL = {
    "model": "spade",
    "data": {"domains": ["label", "photo"]},
    "images": {"labels": 4, "unknown": None, "instances": False},
    "network": {"channels": 2, "style": 8},
    "players": {"generator": {"losses": {"perceptual": 0.0}}},
    "train": {"steps": 6, "crop": 32},
}
STYLED = {"network": {"encoder": True}}


def build(*sections):
    values = SMALL
    for section in sections:
        values = merge(values, section)
    config = resolve(values, "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(size=1, height=32, width=32):
    classes = (torch.arange(height)[:, None] // 8 + torch.arange(width) // 8 + torch.arange(size)[:, None, None]) % 4
    colours = torch.tensor([[-0.8, 0.2, 0.5], [0.8, 0.1, -0.3], [0.0, -0.6, 0.6], [0.4, 0.9, 0.0]])
    return {
        "source": functional.one_hot(classes, 4).movedim(-1, 1).float(),
        "target": colours[classes].movedim(-1, 1),
    }


def make_players(config, translator):
    return {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}


def play(translator, players, step, batch):
    row = {}
    for name, losses in translator.training_step(batch, step):
        learn(players[name], losses, translator.weights[name], step, 1.0)
        row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
    return row


def test_numbers_of_the_paper_are_the_defaults():
    config = resolve({"model": "spade", "data": {"domains": ["label", "photo"]}}, "test")
    generator, discriminator = config.players["generator"], config.players["discriminator"]
    assert (generator.learning_rate, discriminator.learning_rate) == (1e-4, 4e-4)
    assert generator.betas == discriminator.betas == [0, 0.9]
    assert generator.model_dump()["losses"] == {"adversarial": 1, "features": 40, "perceptual": 10, "kl": 0.05}
    assert (config.network.adversarial, config.images.source_planes, config.train.batch_size) == ("hinge", 184, 32)
    _, translator = build()
    scales = translator.players["discriminator"]["judge"].scales
    assert len(scales) == 2
    assert all(len(scale.layers) == 4 for scale in scales)
    assert all("parametrizations" in dict(layer[0].named_children()) for scale in scales for layer in scale.layers[1:])


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("encoder", [False, True])
def test_each_turn_changes_its_player_only(encoder, norm):
    config, translator = build({"network": {"encoder": encoder, "norm": norm}})
    players, batch = make_players(config, translator), make_batch(2)
    before = {name: p.detach().clone() for name, p in translator.named_parameters()}
    turns = []
    for name, losses in translator.training_step(batch, 0):
        learn(players[name], losses, translator.weights[name], 0, 1.0)
        changed = {key for key, p in translator.named_parameters() if not torch.equal(p, before[key])}
        assert {key.split(".")[1] for key in changed} == {name}
        # A bias before a norm has no gradient but rounding; nor has that of the logits under a hinge at 0.
        learning = {key for key in before if key.startswith(f"players.{name}") and not key.endswith("bias")}
        assert learning <= changed
        before = {key: p.detach().clone() for key, p in translator.named_parameters()}
        assert all(value.isfinite() for value in losses.values())
        turns.append((name, set(losses)))
    expected = {"adversarial", "features"} | ({"kl"} if encoder else set())
    assert turns == [("generator", expected), ("discriminator", {"adversarial"})]


def test_half_precision_trains():
    config, translator = build(STYLED)
    players = make_players(config, translator)
    with torch.autocast("cpu", torch.bfloat16):
        losses = play(translator, players, 0, make_batch(2))
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_it_overfits_a_batch():
    config, translator = build(STYLED, {
        "network": {"channels": 8},
        "players": {"generator": {"learning_rate": 2e-3}, "discriminator": {"learning_rate": 1e-3}},
    })  # fmt: skip
    players, batch = make_players(config, translator), make_batch(2)

    def measure():
        with torch.no_grad():
            return (translator.generate(batch, 0)[2] - batch["target"]).abs().mean().item()

    before = measure()
    for step in range(60):
        play(translator, players, step, batch)
    assert measure() < 0.6 * before


def test_divergence_of_normal_distributions():
    torch.manual_seed(0)
    mean, logvar = torch.randn(3, 5), torch.randn(3, 5)
    normal = distributions.Normal(mean, (logvar / 2).exp())
    expected = distributions.kl_divergence(normal, distributions.Normal(0.0, 1.0)).sum(1).mean()
    torch.testing.assert_close(measure_divergence(mean, logvar), expected)
    assert measure_divergence(torch.zeros(2, 3), torch.zeros(2, 3)) == 0


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_an_edited_label_changes_the_picture(norm):
    config, translator = build({"network": {"norm": norm}})
    play(translator, make_players(config, translator), 0, make_batch(2))
    translator.eval()
    for parameter in translator.parameters():
        parameter.data.mul_(5)
    x = make_batch(1, 50, 70)["source"]
    edited = x.clone()
    edited[..., 20:30, 20:40] = torch.eye(4)[2].view(1, 4, 1, 1)
    with torch.inference_mode():
        before, after = (translator.translate(picture, "label", "photo") for picture in (x, edited))
    assert before.shape == (1, 3, 50, 70)
    changed = (before - after).abs().mean(dim=(0, 1))
    assert changed[20:30, 20:40].mean() > changed.mean() > 0
    with pytest.raises(ValueError, match="label to photo"):
        translator.translate(x, "photo", "label")


@pytest.fixture
def styled():
    config, translator = build(STYLED)
    play(translator, make_players(config, translator), 0, make_batch(2))
    return translator.eval()


def test_styles_of_a_picture(styled):
    x, y = (make_batch(2)[side] for side in ("source", "target"))

    def translate(style):
        with torch.inference_mode():
            return styled.translate(x, "label", "photo", style=style)

    with torch.inference_mode():
        vectors = styled.generator["encoder"](y)[0]
    assert torch.equal(translate(None), translate(torch.zeros(8)))
    assert torch.equal(translate(3), translate(3))
    assert not torch.equal(translate(3), translate(4))
    torch.testing.assert_close(translate(y), translate(vectors))
    torch.testing.assert_close(translate(y[:1]), translate(vectors[:1]))
    torch.testing.assert_close(translate(y[:1]), translate(vectors[0].tolist()))
    assert translate(functional.interpolate(y, size=(50, 20))).shape == y.shape
    for wrong in (torch.zeros(7), torch.zeros(3, 8), torch.zeros(1, 1, 8)):
        with pytest.raises(UserError, match="expected a number, a photograph, or 8 numbers"):
            translate(wrong)


def test_styles_need_an_encoder():
    _, translator = build()
    with pytest.raises(UserError, match=r"network\.encoder=true"):
        translator.translate(make_batch()["source"], "label", "photo", style=3)


def test_a_checkpoint_has_all_that_the_test_needs(styled):
    _, fresh = build(STYLED)
    fresh.load_state_dict(styled.state_dict())
    x = make_batch()["source"]
    with torch.inference_mode():
        assert torch.equal(fresh.eval().translate(x, "label", "photo"), styled.translate(x, "label", "photo"))
