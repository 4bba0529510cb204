"""The section `own`: a user's networks and losses inside the models of the toolkit."""

import sys

import pytest
import torch
from torch import nn

from translate.checkpoints.store import load_weights, save_checkpoint
from translate.config import OwnConfig
from translate.errors import UserError
from translate.games.base import Translator
from translate.models import build, resolve
from translate.models.own import plug_in
from translate.speech.conversion.features import find_context

PARTS = '''
import torch
from torch import nn

def make_generator(config):
    return nn.Conv1d(config.features.dimensions, config.features.dimensions, 1)

def roughness(batch, fakes):
    return sum(fake.diff(dim=-1).abs().mean() for fake in fakes.values())

def nothing(config):
    return None

def silent(batch, fakes):
    return None
'''


@pytest.fixture(autouse=True)
def parts(tmp_path, monkeypatch):
    (tmp_path / "own_parts.py").write_text(PARTS)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("own_parts", None)


def configure(model="cyclegan_vc2", domains=("a", "b"), **own):
    network = {"cyclegan_vc2": {"channels": 4, "blocks": 1}, "gan_vc": {"channels": 4}, "stargan_vc2": {"channels": 4}}
    values = {"model": model, "data": {"domains": list(domains)}, "network": network[model], "own": own}
    return resolve(values, "test")


def test_networks_take_the_place_of_all_or_of_one():
    both = build(configure(networks={"generator": "own_parts.make_generator"})).maps
    assert isinstance(both["to_target"], nn.Conv1d)
    assert both["to_target"] is not both["to_source"]
    one = build(configure(networks={"generator.to_source": "own_parts.make_generator"})).maps
    assert isinstance(one["to_source"], nn.Conv1d)
    assert not isinstance(one["to_target"], nn.Conv1d)


@pytest.mark.parametrize(
    ("model", "domains", "fakes"), [("cyclegan_vc2", "ab", 2), ("gan_vc", "ab", 1), ("stargan_vc2", "abc", 1)]
)
def test_losses_see_the_fakes_and_reach_the_generator_alone(model, domains, fakes):
    losses = {"generator": {"own_parts.roughness": {"weight": 2.0, "until": 50}}}
    translator = build(configure(model, domains, losses=losses))
    dimensions = translator_dimensions(model)
    x, y = torch.randn(2, dimensions, 128), torch.randn(2, dimensions, 128)
    labels = {"domain": torch.eye(len(domains))[:2], "mask": torch.ones(2, len(domains))}
    batch = {"source": x, **(labels if model == "stargan_vc2" else {"target": y})}
    step = 9 if model == "stargan_vc2" else 0  # a turn of the generator

    turns = {player: losses for player, losses in translator.play(batch, step)}
    loss = turns["generator"]["own_parts.roughness"]
    assert len(translator.fakes) == fakes
    expected = sum((f[..., 1:] - f[..., :-1]).abs().mean().item() for f in translator.fakes.values())
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert any(p.grad is not None for p in translator.players["generator"].parameters())
    assert all(p.grad is None for p in translator.players["discriminator"].parameters())
    assert translator.weights["generator"]["own_parts.roughness"].at(0) == 2.0
    assert "own_parts.roughness" not in dict(translator.play(batch, step + 50))["generator"]


def translator_dimensions(model):
    return configure(model, "abc" if model == "stargan_vc2" else "ab").features.dimensions


def test_a_checkpoint_brings_them_along(tmp_path):
    config = configure(networks={"generator": "own_parts.make_generator"})
    translator = build(config)
    checkpoint = save_checkpoint(tmp_path / "run", 1, config, translator.state_dict(), {}, {}, {}, keep=1)
    from translate.config import read_yaml

    again = build(resolve(read_yaml(checkpoint / "config.yaml"), "test"))
    load_weights(checkpoint, again)
    x = torch.randn(1, config.features.dimensions, 20)
    assert torch.equal(again.translate(x, "a", "b"), translator.translate(x, "a", "b"))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"networks": {"generator": "nowhere.make"}}, "cannot import `nowhere`; is it on PYTHONPATH?"),
        ({"networks": {"generator": "own_parts.make"}}, "the module `own_parts` has no `make`"),
        ({"networks": {"generator": "make"}}, "expected the dotted path of a function"),
        ({"networks": {"painter": "own_parts.make_generator"}}, "known: generator, generator.to_target,"),
        ({"networks": {"generator.map": "own_parts.make_generator"}}, "no such network; known: generator,"),
        ({"networks": {"generator": "own_parts.nothing"}}, "returned a NoneType, expected a torch.nn.Module"),
        ({"losses": {"painter": {"own_parts.roughness": 1.0}}}, "no such player; known: generator, discriminator"),
    ],
)
def test_mistakes_are_one_line(own, message):
    with pytest.raises(UserError) as error:
        build(configure(**own))
    assert message in str(error.value)


class OneWay(Translator):
    """Players that are networks themselves, as small models have them."""

    def __init__(self, shows=True):
        super().__init__({"generator": nn.Conv1d(4, 4, 1)}, {"generator": {}})
        self.shows = shows

    def training_step(self, batch, step):
        if self.shows:
            self.fakes = {"target": self.players["generator"](batch["source"])}
        yield "generator", {}

    def translate(self, x, source, target):
        return self.players["generator"](x)


def plug(translator, **own):
    features = type("Features", (), {"dimensions": 4})
    plug_in(translator, OwnConfig(**own), type("Config", (), {"features": features}))
    return translator


def test_a_player_may_be_a_network_itself():
    translator = OneWay()
    before = translator.players["generator"]
    assert translator.networks("generator") == {"": before}
    after = plug(translator, networks={"generator": "own_parts.make_generator"}).players["generator"]
    assert isinstance(after, nn.Conv1d)
    assert after is not before
    before.context = 3
    translator.players["generator"] = before
    assert find_context(translator) == 3


def test_losses_that_cannot_be_used_are_told():
    losses = {"generator": {"own_parts.roughness": 1.0}}
    batch = {"source": torch.randn(1, 4, 8)}
    with pytest.raises(ValueError, match=r"its training_step must set `self\.fakes`"):
        next(plug(OneWay(shows=False), losses=losses).play(batch, 0))
    with pytest.raises(ValueError, match="returned a NoneType; expected a 0-dim tensor"):
        next(plug(OneWay(), losses={"generator": {"own_parts.silent": 1.0}}).play(batch, 0))
    assert next(plug(OneWay(), losses=losses).play(batch, 0))[1]["own_parts.roughness"].dim() == 0
