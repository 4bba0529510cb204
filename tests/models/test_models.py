"""Published sizes through the configuration, every ablation, the facts of every model, and models of one's own."""

import importlib
import re
import textwrap
from pathlib import Path
from uuid import uuid4

import pytest
import torch
from tiny_runs import configure
from turns import learn

from translate import models
from translate.config import merge
from translate.errors import UserError
from translate.jobs.describe import describe_models
from translate.models import NAMES, Model, find_model, list_models, resolve, resolve_saved
from translate.models.base import ImageModel, NoiseModel, SpeechModel
from translate.training.player import Player

ROOT = Path(__file__).resolve().parents[2]
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
            learn(players[name], losses, translator.weights[name], step, 1.0)
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
        "cyclegan_vc", network={"channels": 2, "blocks": 1}, features={"dimensions": 12}, train={"crop": 17}
    )
    (losses,) = play(config, translator)
    generator, discriminator = ["adversarial", "cycle", "identity"], ["adversarial"]
    assert set(losses) == {*(f"generator/{n}" for n in generator), *(f"discriminator/{n}" for n in discriminator)}
    assert all(torch.tensor(list(losses.values())).isfinite())


def test_crops_too_short_for_the_discriminator_of_cyclegan_vc_are_refused():
    with pytest.raises(UserError, match=r"`train\.crop` is 16: the discriminator of whole crops needs 17 frames"):
        build("cyclegan_vc", train={"crop": 16})
    build("cyclegan_vc", network={"padded": True, "channels": 4, "blocks": 1}, train={"crop": 16})


def test_checkpoints_from_before_the_key_have_the_padded_discriminator():
    values = resolve({"model": "cyclegan_vc", "data": {"domains": ["a", "b"]}}, "test").model_dump()
    assert values["network"].pop("padded") is False
    assert resolve_saved(values, "config.yaml").network.padded
    assert not resolve_saved(values | {"network": {"padded": False}}, "config.yaml").network.padded


def test_a_tiny_model_overfits_two_crops():
    config, translator = build(
        "cyclegan_vc2",
        network={"channels": 8, "blocks": 1},
        features={"dimensions": 12},
        train={"crop": 16},
        players={"generator": {"learning_rate": 1e-3}, "discriminator": {"learning_rate": 5e-4}},
    )
    cycle = [row["generator/cycle"] for row in play(config, translator, steps=120)]
    assert sum(cycle[-10:]) < 0.25 * sum(cycle[:10])


# --- the files of the models --------------------------------------------------------------------------------


def list_classes(name):
    """The models that a file defines."""
    module = importlib.import_module(NAMES[name])
    return [
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Model) and value.__module__ == module.__name__
    ]  # fmt: skip


def test_every_file_is_listed_by_being_there():
    folder = Path(models.__file__).parent
    files = {path.stem: path for path in folder.glob("*/*.py") if path.stem != "__init__"}
    assert set(NAMES) == set(files)
    for name, path in files.items():
        assert NAMES[name] == f"translate.models.{path.parent.name}.{name}"
    assert list(list_models()) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_one_model(name):
    classes = list_classes(name)
    bases = {base for one in classes for base in one.__mro__[1:]}
    (model,) = (one for one in classes if one not in bases)
    assert find_model(name) is model
    assert model.__name__.lower() == name.replace("_", "")          # CycleGanVc2 in cyclegan_vc2.py
    assert not [one for one in bases & set(classes) if "title" in vars(one)], "a base is no model"


@pytest.mark.parametrize("name", NAMES)
def test_every_model_says_what_it_is(name):
    model = find_model(name)
    assert vars(model)["title"]
    assert model.task
    assert re.search(r" \d{4}", model.paper)                        # authors and year
    folder = NAMES[name].split(".")[2]
    assert folder == (model.modality if model.translates else "noise")
    assert issubclass(model, {"speech": SpeechModel, "images": ImageModel, "noise": NoiseModel}[folder])
    assert (ROOT / "recipes" / f"{model.recipe}.sh").is_file()


def test_no_two_models_have_one_title():
    titles = [model.title for model in list_models().values()]
    assert len(set(titles)) == len(titles)


CONTENTS = {"labelled": {"source", "domain", "mask"}, "single": {"target", "domain"}}


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_settings_are_tiny_and_an_example_batch_fits_them(name):
    config = configure(name)
    torch.manual_seed(0)
    translator = config.build()
    assert sum(p.numel() for p in translator.players["generator"].parameters()) < 1_500_000
    batch = config.example_batch(3)
    assert {len(value) for value in batch.values()} == {3}
    assert set(batch) == CONTENTS.get(config.data.batches, {"source", "target"})
    step = getattr(config.network, "discriminator_steps", 1) - 1
    for _, losses in translator.training_step(batch, step):
        assert all(loss.isfinite() and loss.dim() == 0 for loss in losses.values())
    shapes = {key: value.shape for key, value in batch.items()}
    assert {key: value.shape for key, value in config.example_batch(3, "meta").items()} == shapes


# --- names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "words"), [
    ("cyclegan_vc22", "unknown model `cyclegan_vc22`; did you mean `cyclegan_vc2`?"),
    ("cycle_gan", "did you mean `cyclegan`?"),
    ("zzz", f"unknown model `zzz`; known: {', '.join(NAMES)} (your own: the path of a module on PYTHONPATH)"),
    ("no_such_package.system", "cannot import `no_such_package`; is it on PYTHONPATH?"),
    ("translate.models.no_such", "model `translate.models.no_such`: cannot import `translate.models.no_such`"),
    ("translate.models.speech.cyclegan_vc2.No", "the module `translate.models.speech.cyclegan_vc2` has no `No`"),
    ("translate.models.speech.cyclegan_vc2.CyclGanVc",
     "has no `CyclGanVc`; did you mean `translate.models.speech.cyclegan_vc2.CycleGanVc2`?"),
    (".system", "expected the dotted path of a module, such as my_package.my_model"),
    ("a..b", "expected the dotted path of a module"),
    ("", "unknown model ``"),
    ("os.path", "model `os.path`: the module defines no subclass of a `Model`; see docs/add-a-model.md"),
    ("json.JSONDecoder", "model `json.JSONDecoder`: expected a subclass of a `Model`; see docs/add-a-model.md"),
    ("os.path.join", "model `os.path.join`: expected a subclass of a `Model`"),
    ("translate.models.speech.cyclegan_vc2.CycleGame", "expected a subclass of a `Model`"),
])  # fmt: skip
def test_unknown_names(name, words):
    with pytest.raises(UserError) as error:
        find_model(name)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_path_of_a_model_leads_to_it(name):
    """Its module, its class, and the path that checkpoints of version 1 may name."""
    model = find_model(name)
    for path in (NAMES[name], f"{NAMES[name]}.{model.__name__}", f"translate.models.{name}"):
        assert find_model(path) is model
        assert resolve({"model": path}, "x.yaml").model == path


@pytest.mark.parametrize("values", [{}, {"model": None}, {"model": 3}])
def test_a_model_must_be_named(values):
    with pytest.raises(UserError) as error:
        resolve(values, "x.yaml")
    assert str(error.value) == f"x.yaml: `model` is required: one of {', '.join(NAMES)}, or a dotted path"


# --- models of one's own ------------------------------------------------------------------------------------

OWN = '''
    """A model of one's own: CycleGAN with two small convolutions."""

    from pydantic import Field
    from torch import nn

    from translate.config import WorldConfig
    from translate.games.cycle import CycleGame
    from translate.models.base import Model, Players, SpeechModel, player
    from translate.models.speech import cyclegan_vc
    from translate.models.speech.cyclegan_vc import CycleGanVc
    from translate.losses.judgement import Judgement


    class Network(cyclegan_vc.Network):
        width: int = Field(7, ge=1)


    class Judge(nn.Module):
        def __init__(self, dimensions, width):
            super().__init__()
            self.layer = nn.Conv1d(dimensions, 1, width)

        def forward(self, x):
            return Judgement(logits=[self.layer(x)])


    class Shared(SpeechModel):
        players: Players = {"generator": player(2e-4, adversarial=1, cycle=10, identity=5),
                            "discriminator": player(1e-4, adversarial=1)}


    class Mine(Shared):
        task, paper = "a test", "none"
        network: Network = Network()
        features: WorldConfig = WorldConfig(sample_rate=16000, dimensions=4)

        def build(self):
            q, width = self.features.dimensions, self.network.width
            return CycleGame(
                self.data.pair(), lambda: nn.Conv1d(q, q, 3, padding=1), lambda: Judge(q, width), self.weights(),
            )
'''


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Writes a module into a package of its own on the path; returns its dotted path."""
    package = f"package_{uuid4().hex}"
    (tmp_path / package).mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(text, name="mine"):
        (tmp_path / package / f"{name}.py").write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        return f"{package}.{name}"

    return write


@pytest.mark.parametrize("form", ["{}", "{}.Mine"])
def test_a_model_of_your_own(write_module, form):
    own = form.format(write_module(OWN))
    config, translator = build(own, network={"width": 5}, train={"crop": 16})
    assert config.model == own
    assert translator.players["discriminator"]["source"].layer.weight.shape == (1, 4, 5)
    first, second = play(config, translator, steps=2)
    assert first != second
    with pytest.raises(UserError, match=r"unknown key `network.witdh`; did you mean `network.width`\?"):
        build(own, network={"witdh": 5})
    assert own in describe_models(None, [f"model={own}"]).replace("\n", "")


def test_a_model_that_is_a_module_at_the_top(tmp_path, monkeypatch):
    (tmp_path / "a_model_at_the_top.py").write_text(textwrap.dedent(OWN))
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("a_model_at_the_top").__name__ == "Mine"


def test_the_path_of_a_class_chooses_among_several(write_module):
    path = write_module(OWN + "\n\n    class Wider(Shared):\n        pass\n")
    with pytest.raises(UserError) as error:
        find_model(path)
    expected = f"model `{path}`: the module defines several models; name one: {path}.Mine, {path}.Wider"
    assert str(error.value) == expected
    assert find_model(f"{path}.Mine").__name__ == "Mine"
    assert find_model(f"{path}.Shared").__name__ == "Shared"        # whoever asks for a base gets it


def test_what_a_module_only_imports_is_not_its_model(write_module):
    path = write_module("from translate.models.speech.cyclegan_vc2 import CycleGanVc2\n")
    with pytest.raises(UserError, match="the module defines no subclass of a `Model`"):
        find_model(path)
    assert find_model(f"{path}.CycleGanVc2") is find_model("cyclegan_vc2")


def test_a_model_that_is_not_finished_is_refused(write_module):
    path = write_module(OWN)
    with pytest.raises(UserError) as error:
        resolve({"model": f"{path}.Shared"}, "x.yaml")
    assert str(error.value) == f"model `{path}.Shared`: Shared lacks `build`; see docs/add-a-model.md"
    bare = write_module("from translate.models.base import Model\nclass Bare(Model):\n    pass\n", "bare")
    with pytest.raises(UserError, match="Bare lacks `build`, `describe`, `example_batch`, `reads`"):
        resolve({"model": bare}, "x.yaml")


@pytest.mark.parametrize("form", ["{}", "{}.Mine"])
def test_an_import_that_fails_inside_a_model_is_shown_to_its_author(write_module, form):
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        find_model(form.format(write_module("import no_such_library\n")))


def test_a_model_with_a_key_that_has_no_default(write_module):
    more = "    class Needy(Mine):\n        size: int\n"
    path = write_module(f"{OWN}\n\n{more}")
    assert resolve({"model": path, "size": 3}, "x.yaml").size == 3
    with pytest.raises(UserError, match=r"x\.yaml: `size` is required"):
        resolve({"model": path}, "x.yaml")


@pytest.mark.parametrize("domains", [[], ["low"], ["low", "high", "child"], ["low", "low"]])
def test_a_cycle_has_two_domains(domains):
    with pytest.raises(UserError, match=r"`data\.domains` is .*two different names; give --source and --target"):
        build("cyclegan_vc2", data={"domains": domains})


def test_the_table_of_models():
    table = describe_models(None, ["model=cyclegan_vc2", "network.channels=16", "network.blocks=1"])
    assert "cyclegan_vc2" in table
    assert "2 x Generator2d" in table
    assert "4 x PatchDiscriminator" in table
    with pytest.raises(UserError, match="`model` is required"):
        describe_models(None, ["model=3"])
