"""pix2pixHD: its numbers, its three phases, and the styles of objects."""

import pytest
import torch
from torch.nn import functional
from turns import learn

from translate.config import merge
from translate.errors import UserError
from translate.models import resolve
from translate.training.player import Player

SMALL = {
    "model": "pix2pixhd",
    "data": {"domains": ["label", "photo"]},
    "images": {"labels": 4},
    "network": {"channels": 8, "blocks": 1, "downs": 2, "local_blocks": 1, "phases": [2, 2]},
    "players": {"generator": {"losses": {"perceptual": 0.0}}},
    "train": {"steps": 6, "crop": 32},
}
STYLED = {"network": {"encoder": True, "clusters": 3}}


def build(*sections):
    values = SMALL
    for section in sections:
        values = merge(values, section)
    config = resolve(values, "test")
    torch.manual_seed(0)
    return config, config.build()


def make_batch(height=32, width=32, seed=0):
    """Squares of 8 pixels, each an object with its own colour; classes in turn."""
    columns = -(-width // 8)
    ids = (torch.arange(height)[:, None] // 8 * columns + torch.arange(width) // 8)[None, None]
    labels = functional.one_hot(ids[:, 0] % 4, 4).movedim(-1, 1).float()
    edges = (functional.max_pool2d(ids.float(), 3, 1, 1) != ids).float()
    colours = torch.rand(int(ids.max()) + 1, 3, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return {
        "source": torch.cat([labels, edges], dim=1),
        "target": colours[ids[:, 0]].movedim(-1, 1),
        "instances": ids.float(),
    }


def make_players(config, translator):
    return {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}


def play(translator, players, step, batch=None):
    """One step; returns the losses and the parameters that it changed."""
    before = {name: parameter.detach().clone() for name, parameter in translator.named_parameters()}
    row = {}
    for name, losses in translator.training_step(batch or make_batch(), step):
        learn(players[name], losses, translator.weights[name], step, 1.0)
        row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
    return row, {name for name, p in translator.named_parameters() if not torch.equal(p, before[name])}


def test_numbers_of_the_paper_are_the_defaults():
    config = resolve({"model": "pix2pixhd", "data": {"domains": ["label", "photo"]}}, "test")
    generator, discriminator = config.players["generator"], config.players["discriminator"]
    assert generator.learning_rate == discriminator.learning_rate == 2e-4
    assert generator.betas == [0.5, 0.999]
    assert (generator.losses["features"].weight, generator.losses["perceptual"].weight) == (40, 10)
    assert config.network.adversarial == "lsgan"
    assert config.images.source_planes == 36
    with torch.device("meta"):
        translator = config.build()
    coarse = translator.generator["map"].coarse
    assert sum(p.numel() for p in coarse.parameters()) / 1e6 == pytest.approx(182.5, abs=0.1)
    assert len(translator.players["discriminator"]["judge"].scales) == 2


@pytest.mark.parametrize("encoder", [False, True])
def test_three_phases_train_what_they_should(encoder):
    config, translator = build({"network": {"encoder": encoder}})
    players = make_players(config, translator)

    def name(*prefixes):
        prefixes = tuple(f"players.generator.{prefix}" for prefix in prefixes)
        return {key for key, _ in translator.named_parameters() if key.startswith(prefixes)}

    coarse, finer, styles = name("map.coarse"), name("map.enhancers"), name("encoder")
    painting = name("map.coarse.picture")
    judge = {key for key, _ in translator.named_parameters() if key.startswith("players.discriminator")}
    expected = [coarse | styles, coarse | styles, finer, finer, *[(coarse - painting) | finer | styles] * 2]
    for step, generator in enumerate(expected):
        losses, changed = play(translator, players, step)
        assert changed == generator | judge, f"step {step}"
        assert set(losses) == {"generator/adversarial", "generator/features", "discriminator/adversarial"}
        assert all(torch.tensor(list(losses.values())).isfinite())
        assert translator.phase == [1, 1, 2, 2, 3, 3][step]


@pytest.mark.parametrize("cut", [1, 3])
def test_a_run_cut_inside_a_phase_goes_on_as_if_it_were_not(cut):
    def train(cut=None):
        config, translator = build(STYLED)
        players = make_players(config, translator)
        for step in range(5):
            if step == cut:
                weights, kept = translator.state_dict(), {n: p.optimizer.state_dict() for n, p in players.items()}
                config, translator = build(STYLED)
                translator.load_state_dict(weights)
                players = make_players(config, translator)
                for name, player in players.items():
                    player.optimizer.load_state_dict(kept[name])
            play(translator, players, step)
        return translator.state_dict()

    whole, resumed = train(), train(cut)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_phase_one_is_judged_at_the_coarser_size():
    _, translator = build({"network": {"enhancers": 2}})
    batch = make_batch(36, 50)
    sizes = [tuple(tensor.shape[2:]) for step in (0, 2, 4) for tensor in translator.generate(batch, step)[:3]]
    assert sizes == [(9, 13)] * 3 + [(36, 50)] * 6
    _, alone = build({"network": {"enhancers": 0}})
    assert all(t.shape[2:] == (36, 50) for step in (0, 5) for t in alone.generate(batch, step)[:3])


@pytest.mark.parametrize("enhancers", [0, 1, 2])
def test_any_size_is_translated_after_any_phase(enhancers):
    config, translator = build({"network": {"enhancers": enhancers}}, STYLED)
    x = make_batch(37, 50)["source"]
    for step in (0, 2, 4):
        play(translator, make_players(config, translator), step)
        with torch.inference_mode():
            assert translator.eval().translate(x, "label", "photo").shape == (1, 3, 37, 50)
    with pytest.raises(ValueError, match="label to photo"):
        translator.translate(x, "photo", "label")


@pytest.mark.parametrize("sections", [
    {"network": {"discriminators": 3}},
    {"network": {"adversarial": "hinge", "upsample": "pixelshuffle"}},
    {"network": {"upsample": "resize"}},
    {"network": {"encoder": True}, "images": {"instances": False, "unknown": 255}},
    {"images": {"labels": None, "source_channels": 1, "target_channels": 1}},
])  # fmt: skip
def test_variants_train(sections):
    config, translator = build({"network": {"phases": [0, 0]}}, sections)
    batch = make_batch()
    batch["source"] = batch["source"][:, : config.images.source_planes]
    batch["target"] = batch["target"][:, : config.images.target_channels]
    if not config.images.instances:
        del batch["instances"]
    losses, _ = play(translator, make_players(config, translator), 0, batch)
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_half_precision_trains():
    config, translator = build(STYLED, {"network": {"phases": [0, 0]}})
    players = make_players(config, translator)
    with torch.autocast("cpu", torch.bfloat16):
        losses, _ = play(translator, players, 0)
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_it_overfits_one_pair():
    config, translator = build(STYLED, {
        "network": {"channels": 16, "phases": [0, 0]},
        "players": {"generator": {"learning_rate": 1e-3}, "discriminator": {"learning_rate": 1e-4}},
    })  # fmt: skip
    players, batch = make_players(config, translator), make_batch()

    def measure():
        with torch.no_grad():
            return (translator.generate(batch, 0)[2] - batch["target"]).abs().mean().item()

    before = measure()
    for step in range(80):
        play(translator, players, step, batch)
    assert measure() < 0.4 * before


def test_perception_is_asked_only_where_it_has_a_weight(tmp_path):
    missing = {"vgg": {"weights": str(tmp_path / "vgg19.pt")}}
    config, translator = build(missing)
    play(translator, make_players(config, translator), 0)
    config, translator = build(missing, {"players": {"generator": {"losses": {"perceptual": 10.0}}}})
    with pytest.raises(UserError, match=r"vgg\.weights"):
        play(translator, make_players(config, translator), 0)


# --- styles -----------------------------------------------------------------------------------------------


@pytest.fixture
def trained():
    """After one step and `finish`, in evaluation mode; and a batch."""
    config, translator = build(STYLED, {"network": {"phases": [0, 0]}})
    play(translator, make_players(config, translator), 0)
    translator.eval().finish(make_batch(seed=seed) for seed in range(1, 9))
    return config, translator, make_batch()


def translate(translator, batch, **condition):
    with torch.inference_mode():
        return translator.translate(batch["source"], "label", "photo", instances=batch["instances"], **condition)


def test_finish_clusters_the_styles_of_every_class(trained):
    config, translator, _ = trained
    torch.testing.assert_close(translator.styles.shares.sum(1), torch.ones(4))
    assert (translator.styles.shares.diff(dim=1) <= 0).all()
    assert not any(parameter.requires_grad for parameter in translator.styles.parameters())
    fresh = config.build().eval()
    fresh.load_state_dict(translator.state_dict())
    assert torch.equal(translate(fresh, make_batch(), style=3), translate(translator, make_batch(), style=3))


def test_finish_takes_a_few_batches_of_an_endless_stream(trained):
    _, translator, batch = trained
    taken = []
    translator.finish(taken.append(1) or batch for _ in iter(int, 1))
    assert 1 <= len(taken) <= 2


def test_a_style_changes_what_the_generator_sees_of_its_object_only(trained):
    _, translator, batch = trained
    seen = []
    translator.generator["map"].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    usual = translate(translator, batch)
    edited = translate(translator, batch, style={5: 1, 6: [0.5, 0.5, -0.5]})
    changed = (seen[0] != seen[1]).any(dim=1, keepdim=True)
    assert torch.equal(changed, (batch["instances"] == 5) | (batch["instances"] == 6))
    assert not torch.equal(usual, edited)
    assert torch.equal(usual, translate(translator, batch, style={}))


def test_an_edited_label_leaves_the_drawn_styles_of_the_others(trained):
    _, translator, batch = trained
    seen = []
    translator.generator["map"].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    translate(translator, batch, style=5)
    inside = batch["instances"] == 5
    batch["source"][:, :4] = torch.where(inside, torch.eye(4)[3].view(1, 4, 1, 1), batch["source"][:, :4])
    translate(translator, batch, style=5)
    changed = (seen[0] != seen[1]).any(dim=1, keepdim=True)
    assert changed.any()
    assert not (changed & ~inside).any()


def test_styles_of_a_photograph(trained):
    _, translator, batch = trained
    with torch.no_grad():
        fake = translator.generate(batch, 5)[2]
    torch.testing.assert_close(translate(translator, batch, style=batch["target"]), fake)
    with pytest.raises(UserError, match="as large as the label map, 32 x 32 pixels"):
        translate(translator, batch, style=batch["target"][..., :16])


def test_without_instances_each_class_is_an_object(trained):
    _, translator, batch = trained
    x = batch["source"]
    with torch.inference_mode():
        usual, edited = (translator.translate(x, "label", "photo", style=style) for style in (None, {2: 1}))
    assert not torch.equal(usual, edited)
    assert translator.find_objects(x).ids.tolist() == [0, 1, 2, 3]


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sections", "words"), [
    ({"network": {"phases": [4, 2]}}, r"`network\.phases` is \[4, 2\]: of 6 steps .* none is left for the third"),
    ({"network": {"encoder": True}, "images": {"labels": None}}, r"set `images\.labels`"),
])  # fmt: skip
def test_settings_that_cannot_be(sections, words):
    with pytest.raises(UserError, match=words):
        build(sections)


def test_styles_need_an_encoder():
    _, translator = build({"network": {"phases": [9, 9], "enhancers": 0}})
    with pytest.raises(UserError, match=r"network\.encoder=true"):
        translate(translator, make_batch(), style=3)
    assert "styles" not in " ".join(translator.state_dict())
    translator.finish(iter([]))
