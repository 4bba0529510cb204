"""Published sizes through the configuration, every ablation, and systems of one's own."""

import re
import textwrap

import pytest
import torch

from translate.config import merge
from translate.errors import UserError
from translate.jobs.describe import describe_systems
from translate.models import NAMES, find_model, resolve
from translate.training.player import Player

DOMAINS = {"data": {"domains": ["low", "high"]}}


def build(model, **sections):
    config = resolve(merge({"model": model} | DOMAINS, sections), "test")
    torch.manual_seed(0)
    return config, config.build()


def count_millions(model, **sections):
    """Parameters of a generator and of a discriminator, from the paper's defaults."""
    with torch.device("meta"):
        _, translator = build(model, **sections)
    return [
        sum(p.numel() for p in next(iter(player.values())).parameters()) / 1e6 for player in translator.players.values()
    ]


def play(config, translator, steps=1):
    """Train; returns the losses of every step."""
    players = {name: Player(name, m, config.players[name]) for name, m in translator.players.items()}
    rows = []
    for step in range(steps):
        torch.manual_seed(7)
        size = (1, config.features.dimensions, config.train.crop)
        batch = {"source": torch.randn(size), "target": torch.randn(size)}
        row = {}
        for name, losses in translator.training_step(batch, step):
            players[name].learn(losses, translator.weights[name], step, 1.0)
            row |= {f"{name}/{loss}": value.item() for loss, value in losses.items()}
        rows.append(row)
    return rows


def test_sizes_of_cyclegan_vc2():
    """Kaneko et al. 2019: 16 M for 80 dimensions; Kaneko et al. 2020 (MaskCycleGAN-VC), Table 1."""
    assert count_millions("cyclegan_vc2") == pytest.approx([15.0, 5.7], abs=0.05)
    assert count_millions("cyclegan_vc2", features={"dimensions": 80}) == pytest.approx([16.4, 5.7], abs=0.06)


def test_numbers_of_the_papers_are_the_defaults():
    for model in ("cyclegan_vc", "cyclegan_vc2"):
        config = resolve({"model": model}, "test")
        generator, discriminator = config.players["generator"], config.players["discriminator"]
        assert (generator.learning_rate, discriminator.learning_rate) == (2e-4, 1e-4)
        assert generator.betas == discriminator.betas == [0.5, 0.999]
        assert generator.losses["cycle"].weight == 10
        assert (generator.losses["identity"].weight, generator.losses["identity"].until) == (5, 10_000)
        assert (config.train.crop, config.train.batch_size) == (128, 1)
        assert config.network.pool == 0


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("discriminator", ["full", "patch"])
@pytest.mark.parametrize("generator", ["1d", "2d", "2-1-2d"])
def test_every_ablation_of_cyclegan_vc2_trains(generator, discriminator, steps):
    network = {
        "channels": 4, "blocks": 1, "generator": generator, "discriminator": discriminator, "adversarial_steps": steps,
    }  # fmt: skip
    config, translator = build("cyclegan_vc2", network=network, features={"dimensions": 13}, train={"crop": 20})
    before = {key: value.clone() for key, value in translator.state_dict().items()}
    (losses,) = play(config, translator)
    assert all(torch.tensor(list(losses.values())).isfinite())
    assert ("generator/second_adversarial" in losses) == (steps == 2)
    moved = {key.split(".")[2] for key, value in translator.state_dict().items() if not torch.equal(value, before[key])}
    assert moved == set(translator.players["generator"]) | set(translator.players["discriminator"])
    assert translator.translate(torch.randn(1, 13, 37), "high", "low").shape == (1, 13, 37)


@pytest.mark.parametrize("kind", ["saturating", "nonsaturating", "lsgan", "wgan", "hinge"])
def test_every_game_trains(kind):
    config, translator = build(
        "cyclegan_vc2",
        network={"channels": 4, "blocks": 1, "adversarial": kind},
        features={"dimensions": 12},
        train={"crop": 16},
    )
    assert translator.adversarial.kind == kind
    assert all(torch.tensor(list(play(config, translator)[0].values())).isfinite())


def test_cyclegan_vc_trains():
    config, translator = build(
        "cyclegan_vc", network={"channels": 2, "blocks": 1}, features={"dimensions": 12}, train={"crop": 16}
    )
    (losses,) = play(config, translator)
    generator, discriminator = ["adversarial", "cycle", "identity"], ["adversarial"]
    assert set(losses) == {*(f"generator/{n}" for n in generator), *(f"discriminator/{n}" for n in discriminator)}
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_a_tiny_system_overfits_two_crops():
    config, translator = build(
        "cyclegan_vc2",
        network={"channels": 8, "blocks": 1},
        features={"dimensions": 12},
        train={"crop": 16},
        players={"generator": {"learning_rate": 1e-3}, "discriminator": {"learning_rate": 5e-4}},
    )
    cycle = [row["generator/cycle"] for row in play(config, translator, steps=120)]
    assert sum(cycle[-10:]) < 0.25 * sum(cycle[:10])


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", NAMES)
def test_every_system_says_what_it_is(model):
    system = find_model(model)
    assert system.TASK
    assert re.search(r" \d{4}", system.PAPER)                       # authors and year


@pytest.mark.parametrize(("name", "words"), [
    ("cyclegan_vc22", "unknown model `cyclegan_vc22`; did you mean `cyclegan_vc2`?"),
    ("cycle_gan", "did you mean `cyclegan`?"),
    ("zzz", "unknown model `zzz`; known: cyclegan_vc, cyclegan_vc2"),
    ("no_such_package.system", "cannot import `no_such_package`; is it on PYTHONPATH?"),
    (".system", "expected the dotted path of a module"),
    ("a..b", "expected the dotted path of a module"),
    ("os.path", "the module lacks `Config` and `build`"),
])  # fmt: skip
def test_unknown_names(name, words):
    with pytest.raises(UserError) as error:
        find_model(name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("values", [{}, {"model": None}, {"model": 3}])
def test_a_model_must_be_named(values):
    with pytest.raises(UserError, match=r"x\.yaml: `model` is required: one of cyclegan_vc, cyclegan_vc2"):
        resolve(values, "x.yaml")


OWN = '''
    """A system of one's own: CycleGAN with two small convolutions."""

    from pydantic import Field
    from torch import nn

    from translate.config import Model, WorldConfig
    from translate.models.speech.cyclegan_vc import Network, Players
    from translate.networks.judgement import Judgement
    from translate.games.base import read_weights
    from translate.games.cycle import CycleGame

    TASK, PAPER = "a test", "none"


    class OwnNetwork(Network):
        width: int = Field(7, ge=1)


    class Config(Model):
        network: OwnNetwork = OwnNetwork()
        players: Players = Players()
        features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=4)


    class Judge(nn.Module):
        def __init__(self, dimensions, width):
            super().__init__()
            self.layer = nn.Conv1d(dimensions, 1, width)

        def forward(self, x):
            return Judgement(logits=[self.layer(x)])


    def build(config):
        q, width = config.features.dimensions, config.network.width
        return CycleGame(
            config.data.pair(),
            lambda: nn.Conv1d(q, q, 3, padding=1),
            lambda: Judge(q, width),
            config.weights(),
        )
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "my_package_of_systems").mkdir()
    (tmp_path / "my_package_of_systems" / "mine.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(tmp_path)
    return "my_package_of_systems.mine"


def test_a_system_of_ones_own(own):
    config, translator = build(own, network={"width": 5}, train={"crop": 16})
    assert config.model == own
    assert translator.players["discriminator"]["source"].layer.weight.shape == (1, 4, 5)
    first, second = play(config, translator, steps=2)
    assert first != second
    with pytest.raises(UserError, match=r"unknown key `network.witdh`; did you mean `network.width`\?"):
        build(own, network={"witdh": 5})
    assert own in describe_systems(None, [f"model={own}"])


def test_a_system_with_a_key_that_has_no_default(tmp_path, monkeypatch):
    (tmp_path / "needy_systems").mkdir()
    text = "from translate.config import Model\nclass Config(Model):\n    size: int\nbuild = print\n"
    (tmp_path / "needy_systems" / "mine.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve({"model": "needy_systems.mine", "size": 3}, "x.yaml").size == 3
    with pytest.raises(UserError, match=r"x\.yaml: `size` is required"):
        resolve({"model": "needy_systems.mine"}, "x.yaml")


@pytest.mark.parametrize("domains", [[], ["low"], ["low", "high", "child"], ["low", "low"]])
def test_a_cycle_has_two_domains(domains):
    with pytest.raises(UserError, match=r"`data\.domains` is .*two different names; give --source and --target"):
        build("cyclegan_vc2", data={"domains": domains})


def test_the_table_of_systems():
    table = describe_systems(None, ["model=cyclegan_vc2", "network.channels=16", "network.blocks=1"])
    assert "cyclegan_vc2" in table
    assert "2 x Generator2d" in table
    assert "4 x PatchDiscriminator" in table
    with pytest.raises(UserError, match="`model` is required"):
        describe_systems(None, ["model=3"])
