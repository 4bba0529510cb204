"""What `translate models` prints: tables, settings with their comments, facts for scripts."""

import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from translate.cli import app
from translate.config import Section, TrainConfig, WorldConfig
from translate.config.comments import describe_field, describe_section, find_comments
from translate.config.writing import COLUMN, write_with_comments
from translate.errors import UserError
from translate.jobs.describe import describe_models, find_facts, show_facts, show_settings
from translate.models import NAMES, find_model
from translate.models.settings import read_config

ROOT = Path(__file__).resolve().parents[2]


def find_line(text: str, start: str) -> str:
    """The one line that begins so, with the lines of its comment, on one line."""
    lines = text.splitlines()
    (place,) = (i for i, line in enumerate(lines) if line.startswith(start))
    below = []
    for line in lines[place + 1 :]:
        if not line.startswith(" " * COLUMN + "# "):
            break
        below.append(line.strip("# "))
    return " ".join([*lines[place].split(), *below])


# --- settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", NAMES)
def test_settings_are_yaml_that_training_accepts(model, tmp_path):
    """Values that YAML would take for something else, too."""
    words = [f"model={model}", "data.domains=['2e4', '0x1', 'no', 'a: b']", "train.seed=3"]
    text = show_settings(None, words)
    assert max(map(len, text.splitlines())) <= 120
    (tmp_path / "my.yaml").write_text(text)
    again = read_config(str(tmp_path / "my.yaml"), {})
    assert again.data.domains == ["2e4", "0x1", "no", "a: b"]
    assert again.train.seed == 3
    expected = read_config(None, {"model": model, "data": {"domains": again.data.domains}, "train": {"seed": 3}})
    assert again.model_dump() == expected.model_dump()


def test_settings_have_the_comments_of_the_sources():
    text = show_settings(None, ["model=cyclegan_vc2", "features.sample_rate=16000"])
    rate = "sample_rate: 16000 # 8000 to 48000; Hz; other rates are resampled to it"
    assert find_line(text, "  sample_rate:") == rate
    line = "generator: 2-1-2d # 1d | 2d | 2-1-2d | flat; flat: ours, for little data"
    assert find_line(text, "  generator: 2-1-2d") == line
    assert find_line(text, "  normalise:").endswith("so that a postfilter sees what it should repair")
    assert find_line(text, "train:") == "train: # the loop"
    assert find_line(text, "      identity:").startswith("identity: {weight: 5.0, until: 10000")
    assert find_line(text, "  alpha:") == "alpha: null # > 0, < 1; sptk: frequency warping; null: from the rate"


def test_players_have_their_comments_inherited_ones_too():
    text = show_settings(None, ["model=stargan_vc"])
    assert find_line(text, "  discriminator:") == "discriminator: # gradient_penalty: wgan only"
    assert find_line(show_settings(None, ["model=spade"]), "players:") == (
        "players: # features: 10 in the code, which sums over layers"
    )
    wave = find_comments(find_model("wavecyclegan2"))                # of Model, two classes above
    assert wave["model"] == "a name of `translate models`, or a dotted path"


class Inner(Section):
    """`inner`: a section of
    two lines.

    More words.
    """

    width: int = 3                                                  # pixels
    # of the shorter side
    depth: int = 4


class Outer(Inner):
    width: int = 5
    depth: int = 6                                                  # levels


def test_comments_go_on_below_and_are_inherited():
    assert find_comments(Inner) == {"width": "pixels of the shorter side"}
    assert find_comments(Outer) == {"width": "pixels of the shorter side", "depth": "levels"}
    assert describe_section(Inner) == "a section of two lines"
    assert describe_section(Outer) == ""
    assert write_with_comments(Outer()).splitlines() == [
        f"{'width: 5':<{COLUMN}}# pixels of the shorter side", f"{'depth: 6':<{COLUMN}}# levels",
    ]  # fmt: skip


def test_a_section_without_a_source_has_no_comments():
    namespace: dict = {"Section": Section}
    exec("class Made(Section):\n    width: int = 3  # pixels\n", namespace)
    assert find_comments(namespace["Made"]) == {}
    assert write_with_comments(namespace["Made"]()) == "width: 3"


@pytest.mark.parametrize(
    ("section", "field", "expected"),
    [
        (WorldConfig, "hop_ms", "> 0, <= 50"),
        (WorldConfig, "dimensions", "2 to 128"),
        (WorldConfig, "codec", "world | sptk"),
        (WorldConfig, "kind", ""),
        (TrainConfig, "steps", ">= 1"),
        (TrainConfig, "compile", ""),
    ],
)
def test_choices_and_ranges_come_from_the_types(section, field, expected):
    assert describe_field(section, field, "") == expected


# --- facts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", NAMES)
def test_facts_are_those_of_the_class(model):
    kind = find_model(model)
    script = f"{show_facts(None, [f'model={model}'])}\nprintf '%s\\n' \"$title\" \"$recipe\" \"$paper\" \"$source\""
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[:3] == [kind.title, kind.recipe, kind.paper]
    assert said[3] in {"speech": ("world", "stft", "wave"), "images": ("pictures", "labels", "noise")}[kind.modality]
    assert (ROOT / "recipes" / f"{kind.recipe}.sh").exists()
    assert kind.starts_from in ("", *NAMES)


def test_facts_follow_the_configuration():
    """Label maps or pictures; equal features have equal names; settings for one step leave every player something."""
    assert find_facts(read_config(None, {"model": "pix2pixhd"}))["source"] == "labels"
    assert find_facts(read_config(None, {"model": "pix2pixhd", "images": {"labels": None}}))["source"] == "pictures"
    conf = ROOT / "egs/mini/conf"
    names = {name: find_facts(read_config(str(conf / f"{name}.yaml"), {}))["features"] for name in ("mse_vc", "short")}
    assert names["mse_vc"] == names["short"]
    other = find_facts(read_config(str(conf / "short.yaml"), {"features": {"dimensions": 24}}))["features"]
    assert other != names["short"]
    at_once = find_facts(read_config(None, {"model": "pix2pixhd"}))["at_once"]
    assert shlex.split(at_once) == ["network.phases=[0,0]"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--facts"], "name a model or a configuration; known models: cyclegan,"),
        (["spadee", "--settings"], "did you mean `spade`?"),
        (["spade", "--settings", "--facts"], "give --settings or --facts, not both"),
        (["spade", "train.stepps=3", "--facts"], "unknown key `train.stepps`"),
    ],
)
def test_mistakes_are_named(words, expected):
    result = CliRunner().invoke(app, ["models", *words])
    assert isinstance(result.exception, UserError)
    assert expected in str(result.exception)


def test_the_table_has_the_sizes_of_a_configuration_that_builds_on_another(tmp_path):
    (tmp_path / "one.yaml").write_text("model: mse_vc\nnetwork: {channels: 8}\n")
    (tmp_path / "two.yaml").write_text("base: one.yaml\nnetwork: {blocks: 1}\n")
    table = describe_models(str(tmp_path / "two.yaml"), [])
    assert "mse_vc" in table
    assert "1 x Generator1d" in table
