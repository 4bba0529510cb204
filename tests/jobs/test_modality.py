"""What verbs ask of a modality: all of it is there, and a third one is served like the two of the toolkit."""

import inspect
import json
import re
import subprocess
import sys

import pytest
import torch
from PIL import Image
from tiny_runs import configure, make_run
from toy_modality import Scale
from typer.testing import CliRunner

import translate
from translate.checkpoints.store import save_checkpoint
from translate.checkpoints.trust import remember_code
from translate.cli import app
from translate.errors import UserError
from translate.images.options import ImageConversion
from translate.jobs.convert import convert_files
from translate.jobs.evaluate import evaluate_run
from translate.jobs.modality import (
    MODALITIES,
    Modality,
    find_layout_owner,
    find_modality,
    list_modalities,
)
from translate.jobs.options import foresee_conversion, read_conversion, read_evaluation
from translate.models import list_models, resolve
from translate.speech.options import RecordingConversion

METHODS = [name for name, value in vars(Modality).items() if inspect.isfunction(value) and name[0] != "_"]
ATTRIBUTES = [name for name in Modality.__annotations__ if name[0] != "_"]


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A run of the third modality, whose network doubles."""
    monkeypatch.setitem(MODALITIES, "toy", "toy_modality.Toy")
    config = resolve({"model": "toy_modality", "data": {"domains": ["few", "many"]}}, "test")
    game = Scale()
    torch.nn.init.constant_(game.players["generator"]["map"].weight, 2.0)
    remember_code(config)
    save_checkpoint(tmp_path / "run", 1, config, game.state_dict(), {}, {}, {}, keep=1)
    return tmp_path / "run"


@pytest.fixture
def run():
    def invoke(*words):
        return CliRunner().invoke(app, [str(word) for word in words])

    return invoke


# --- the interface ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", list_models())
def test_every_model_has_a_modality_with_all_of_the_interface(model):
    modality = find_modality(configure(model))
    assert modality.name == list_models()[model].modality
    for name in METHODS:
        assert inspect.signature(getattr(modality, name)) is not None
    for name in ATTRIBUTES:
        assert getattr(modality, name) is not None
    assert isinstance(modality.measured, modality.conversion)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in modality.suffixes)
    described = modality.describe(configure(model))
    for line in (described.opening, described.call):
        compile(line, model, "exec")


def test_methods_take_what_the_interface_says():
    for modality in list_modalities():
        for name in METHODS:
            expected = list(inspect.signature(getattr(Modality, name)).parameters)[1:]
            assert list(inspect.signature(getattr(modality, name)).parameters) == expected, name


def test_modalities_are_found_by_files(tmp_path):
    (tmp_path / "pictures" / "a").mkdir(parents=True)
    (tmp_path / "pictures" / "a" / "1.PNG").write_bytes(b"")
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "1.flac").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    line = json.dumps({"id": "1", "path": "voices/1.flac", "domain": "a.png", "split": "train"})
    (tmp_path / "voices.jsonl").write_text(f"nonsense\n{line}\n")
    found = {name: find_modality(tmp_path / name).name for name in ("pictures", "voices", "empty", "voices.jsonl")}
    assert found == {"pictures": "images", "voices": "speech", "empty": "speech", "voices.jsonl": "speech"}
    assert find_modality("images").noun == "pictures"
    with pytest.raises(UserError, match="modality `smells`: expected one of speech, images"):
        find_modality("smells")
    with pytest.raises(UserError, match="no such file or folder"):
        find_modality(tmp_path / "nowhere")


def test_layouts_have_owners():
    assert find_layout_owner("pairs").name == "images"
    with pytest.raises(UserError, match="layout `piars` is unknown; expected auto, pairs, sides, unpaired"):
        find_layout_owner("piars")


@pytest.mark.parametrize("name", MODALITIES)
def test_asking_imports_nothing_heavy(name):
    code = (
        "import sys; from translate.jobs.modality import find_modality; from translate.jobs.options import "
        f"foresee_conversion; find_modality('{name}').conversion; foresee_conversion({{'amount': 0.5}}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- options ----------------------------------------------------------------------------------------------


def test_options_are_those_of_the_modality():
    speech, images = find_modality("speech"), find_modality("images")
    assert read_conversion(speech, {"amount": 0.5}, "run") == RecordingConversion(amount=0.5)
    assert read_conversion(images, {"tile": 64, "style": 3}, "run") == ImageConversion(tile=64, style=3)
    for modality, given, message in (
        (speech, {"tile": 64}, "tile: run converts speech, which has no such option; it is one of pictures"),
        (images, {"amount": 1.0}, "amount: run converts pictures, which has no such option; it is one of speech"),
        (speech, {"amuont": 1.0}, "options: unknown key `amuont`; did you mean `amount`?"),
        (images, {"tile": "big"}, "options: `tile` is \"big\": it should be a valid integer"),
        (speech, {"amount": 2}, "options: `amount` is 2: it should be less than or equal to 1"),
    ):
        with pytest.raises(UserError) as error:
            read_conversion(modality, given, "run")
        assert str(error.value) == message
    with pytest.raises(UserError, match="deep: run holds speech, which has no such option; it is one of pictures"):
        read_evaluation(speech, {"deep": True}, "run")


@pytest.mark.parametrize(("given", "message"), [
    ({"amuont": 1}, "options: unknown key `amuont`; did you mean `amount`?"),
    ({"source": "a"}, "options: unknown key `source`; known: amount, attributes, difference"),
    ({"amount": 7}, "options: `amount` is 7"),
    ({"grid": 1}, "options: `grid` is 1: it should be a valid boolean"),
])  # fmt: skip
def test_mistakes_are_found_before_a_checkpoint_is_read(tmp_path, run, given, message):
    with pytest.raises(UserError) as error:
        foresee_conversion(given)
    assert str(error.value).startswith(message)
    words = [f"{name}={value}" for name, value in given.items()]
    result = run("convert", tmp_path / "no run", tmp_path / "no file", tmp_path / "out", *words)
    assert str(result.exception) == str(error.value)


# --- a third modality -------------------------------------------------------------------------------------


def test_a_third_modality_is_served(toy, tmp_path, run):
    (tmp_path / "in.num").write_text("3")
    assert convert_files(toy, tmp_path / "in.num", tmp_path / "out.num", target="many") == {"numbers": 1.0}
    assert (tmp_path / "out.num").read_text() == "6"
    result = run("convert", toy, tmp_path / "in.num", tmp_path / "out.num", "--to", "many", "power=3")
    assert result.output == "1 number(s)\n"
    assert (tmp_path / "out.num").read_text() == "24"
    assert translate.convert(translate.load(toy), 1, target="few", power=2) == 4
    for words, message in (
        (["--to", "many", "power=4"], "options: `power` is 4"),
        (["--to", "many", "amount=1"], "amount: .* converts numbers, which has no such option; it is one of speech"),
        (["--to", "mayn"], "unknown domain `mayn`; did you mean `many`"),
        (["--to", "many", "--then", toy], "--then: .* converts numbers; only converters of speech can be chained"),
    ):
        result = run("convert", toy, tmp_path / "in.num", tmp_path / "new.num", *words)
        assert isinstance(result.exception, UserError)
        assert re.search(message, str(result.exception)), str(result.exception)
    assert not (tmp_path / "new.num").exists()


def test_every_direction_of_any_modality(toy, tmp_path):
    lines = [{"id": "1", "path": f"{name}.num", "domain": name, "split": "eval"} for name in ("few", "many")]
    for number, line in enumerate(lines):
        (tmp_path / line["path"]).write_text(str(number))
    (tmp_path / "eval.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert convert_files(toy, tmp_path / "eval.jsonl", tmp_path / "out", all=True) == {"numbers": 2.0}
    assert {path.parent.name: path.read_text() for path in (tmp_path / "out").rglob("*.num")} == {
        "few-many": "0", "many-few": "2"
    }  # fmt: skip


# --- the command line -------------------------------------------------------------------------------------


def test_options_and_flags_and_spellings_say_the_same(tmp_path, run):
    make_run(tmp_path / "run", "cyclegan", data={"domains": ["low", "high"]})
    picture = tmp_path / "in.png"
    Image.linear_gradient("L").resize((150, 120)).convert("RGB").save(picture)
    written = []
    for words in (
        ["--to", "high", "--tile", "128"], ["--target", "high", "tile=128"], ["--source", "low", "tile=128"],
        ["--from", "low", "--to", "high", "tile=128"],
    ):  # fmt: skip
        out = tmp_path / f"{len(written)}.png"
        result = run("convert", tmp_path / "run", picture, out, *words)
        assert result.exit_code == 0, result.exception
        written.append(out.read_bytes())
    assert written[1:] == written[:1] * 3
    for words, message in (
        (["--to", "high", "--target", "low"], "--target and --to mean the same: give one of them"),
        (["--to", "high", "--tile", "128", "tile=64"], "--tile and tile=64: give one of them"),
        (["--to", "high", "tiel=64"], "options: unknown key `tiel`; did you mean `tile`?"),
    ):
        result = run("convert", tmp_path / "run", picture, tmp_path / "no.png", *words)
        assert str(result.exception) == message
    twice = run("convert", tmp_path / "run", picture, tmp_path / "x.png", "--to", "high", "--target", "high")
    assert twice.exit_code == 0


@pytest.mark.parametrize("verb", ["train", "convert", "export", "synthesise"])
def test_help_shows_one_spelling(verb, run):
    text = run(verb, "--help").output
    shown = [line for line in text.splitlines() if line.startswith("│") and ("--source" in line or "--from" in line)]
    assert sum("--source " in line for line in shown) == 1
    assert not any(line.startswith("│ --from") for line in shown)


def test_a_run_that_is_not_there_cannot_be_evaluated(tmp_path, run):
    done = run("evaluate", tmp_path / "none", "--eval", tmp_path / "eval.jsonl", "--train", tmp_path / "train.jsonl")
    assert done.exit_code != 0
    with pytest.raises(UserError, match=r"none: no such checkpoint$"):
        evaluate_run(tmp_path / "none", tmp_path / "eval.jsonl", tmp_path / "train.jsonl")
