"""Making pictures from noise: by number, by label, again from kept vectors; files that appear whole."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file, save_file
from tiny_runs import make_run
from typer.testing import CliRunner

import translate
from translate.cli import app
from translate.errors import UserError
from translate.images.generation import maker as module
from translate.images.options import ImageGeneration
from translate.jobs.generate import generate_files


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that is told two labels, `low` and `high`, and tells them apart."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "sngan", "sngan", network={"labels": "told"})
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "gan", "gan")


def read(path):
    return np.asarray(Image.open(path))


# --- in Python ----------------------------------------------------------------------------------------------


def test_arrays_out(run):
    pictures = translate.generate(run, 5)
    assert (pictures.shape, pictures.dtype) == ((5, 32, 32, 3), np.uint8)
    model = translate.load(run)
    assert np.array_equal(model.generate(5), pictures)
    assert model.labels == ["low", "high"]
    assert len(np.unique(pictures.reshape(5, -1), axis=0)) == 5


def test_a_picture_depends_on_seed_and_number_not_on_how_many_there_are(run, monkeypatch):
    model = translate.load(run)
    many = model.generate(10, seed=3)
    assert np.abs(many[:3].astype(int) - model.generate(3, seed=3)).max() <= 1
    assert not np.array_equal(many[:3], model.generate(3, seed=4))
    monkeypatch.setattr(module, "BATCH", 4)                                 # in parts: the same to rounding
    assert np.abs(many.astype(int) - model.generate(10, seed=3)).max() <= 1


def test_labels_go_round_unless_one_is_named(run):
    model = translate.load(run)
    seen = []
    model.game.generate = lambda z, y: seen.append(y) or torch.zeros(len(z), 3, 4, 4)
    model.generate(5)
    assert seen.pop().argmax(dim=1).tolist() == [0, 1, 0, 1, 0]
    model.generate(3, label="high")
    assert seen.pop().argmax(dim=1).tolist() == [1, 1, 1]
    model.generate(between="3,0", steps=4)
    assert seen.pop().argmax(dim=1).tolist() == [1, 1, 1, 1]                # that of number 3
    with pytest.raises(UserError, match="label=hihg: unknown; did you mean `high`"):
        model.generate(3, label="hihg")
    with pytest.raises(UserError, match="label=7: unknown; this model knows low, high"):
        model.generate(3, label=7)


def test_options_that_do_not_fit(run, plain):
    for options, words in (
        ({"label": 1}, "label=1: this model knows no labels"),
        ({"truncation": 0.5}, r"truncation=0\.5: this model's noise is uniform"),
        ({"seeds": 1}, "unknown key `seeds`; did you mean `seed`"),
        ({"between": "1"}, "between=1: expected the numbers of two pictures"),
        ({"between": "1,-2"}, "between=1,-2: expected the numbers of two pictures"),
    ):
        with pytest.raises(UserError, match=words):
            translate.generate(plain, 2, **options)
    for count in (0, 1_000_001):
        with pytest.raises(UserError, match="count"):
            translate.generate(plain, count)


def test_truncation_lessens_the_variety(run):
    whole, middle = (translate.generate(run, 40, truncation=bound).astype(float) for bound in (None, 0.05))
    assert middle.std(axis=0).mean() < 0.5 * whole.std(axis=0).mean()


def test_the_way_between_two_pictures_begins_and_ends_with_them(run):
    path = translate.generate(run, between=[4, 2], steps=7, label="low").astype(int)
    ends = translate.generate(run, 5, label="low")[[4, 2]]
    assert len(path) == 7
    assert np.abs(path[[0, -1]] - ends).max() <= 1
    jumps = np.abs(np.diff(path, axis=0)).mean(axis=(1, 2, 3))
    assert jumps.max() < np.abs(path[0] - path[-1]).mean()


# --- files --------------------------------------------------------------------------------------------------


def test_files_and_their_vectors(run, tmp_path):
    line = generate_files(run, tmp_path / "out", count=70, seed=2)
    assert line.startswith(f"{tmp_path / 'out'}: 70 picture(s) in ")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [*(f"{n:02}.png" for n in range(70)), "latents.safetensors", "sheet.png"]
    pictures = np.stack([read(tmp_path / "out" / f"{n:02}.png") for n in range(70)])
    assert np.array_equal(pictures, translate.generate(run, 70, seed=2))
    kept = load_file(tmp_path / "out/latents.safetensors")
    assert {name: (v.shape, v.dtype) for name, v in kept.items()} == {
        "latents": ((70, 8), np.float32), "labels": ((70, 2), np.float32)
    }  # fmt: skip
    generate_files(run, tmp_path / "again", latents=str(tmp_path / "out/latents.safetensors"))
    assert np.array_equal(read(tmp_path / "again/69.png"), pictures[69])
    assert np.array_equal(translate.generate(run, latents=str(tmp_path / "out/latents.safetensors")), pictures)
    one = {name: values[57:58] for name, values in kept.items()}
    save_file(one, tmp_path / "one.safetensors")
    generate_files(run, tmp_path / "one", latents=str(tmp_path / "one.safetensors"))
    assert np.abs(read(tmp_path / "one/0.png").astype(int) - pictures[57]).max() <= 1


def test_a_strip_and_an_animation(plain, tmp_path):
    generate_files(plain, tmp_path / "way", between="1,2", steps=5)
    first = read(tmp_path / "way/0.png")
    assert read(tmp_path / "way/strip.png").shape == (32, 5 * 32)
    assert np.array_equal(read(tmp_path / "way/strip.png")[:, :32], first)
    film = Image.open(tmp_path / "way/strip.gif")
    assert (film.n_frames, film.size) == (8, (64, 64))                      # to and fro, enlarged
    assert film.info["loop"] == 0


def test_an_earlier_generation_is_replaced_and_nothing_else(plain, tmp_path):
    generate_files(plain, tmp_path / "out", count=5)
    generate_files(plain, tmp_path / "out", count=2)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"0.png", "1.png", "latents.safetensors", "sheet.png"}
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else than generated pictures; give a new folder"):
        generate_files(plain, tmp_path / "out", count=2)
    (tmp_path / "photographs").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "photographs/a.png")
    for place in ("photographs", "photographs/a.png"):
        with pytest.raises(UserError, match=r"holds something else|is a file"):
            generate_files(plain, tmp_path / place, count=2)
    assert (tmp_path / "photographs/a.png").exists()


def test_nothing_is_left_of_a_generation_that_fails(plain, tmp_path, monkeypatch):
    generate_files(plain, tmp_path / "out", count=3)
    before = (tmp_path / "out/latents.safetensors").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("translate.images.generation.write.draw_sheet", fail)
    with pytest.raises(UserError, match=r"cannot write \(No space left on device\)"):
        generate_files(plain, tmp_path / "out", count=9)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/latents.safetensors").read_bytes() == before


def test_memory_does_not_grow_with_the_number(plain, tmp_path, monkeypatch):
    """What is alive at once: one batch, and the 64 pictures of the sheet."""
    model, sizes = translate.load(plain), []
    make = model.make
    model.make = lambda order: sizes.append(len(order.latents)) or make(order)
    from translate.images.generation.write import write_pictures

    shown = []
    monkeypatch.setattr("translate.images.generation.write.draw_sheet", lambda _, rows, __: shown.extend(rows))
    monkeypatch.setattr("translate.images.generation.write.write_image", lambda *_: None)
    write_pictures(model, tmp_path / "out", ImageGeneration(count=1000))
    assert max(sizes) == 64
    assert (sum(sizes), sum(map(len, shown))) == (1000, 64)
    assert load_file(tmp_path / "out/latents.safetensors")["latents"].shape == (1000, 8)


@pytest.mark.parametrize(("arrays", "words"), [
    ({"latents": np.zeros((2, 9), np.float32), "labels": np.zeros((2, 0), np.float32)}, r"expected latents \(N, 8\)"),
    ({"latents": np.zeros((2, 8), np.float32), "labels": np.zeros((2, 2), np.float32)}, r"labels \(N, 0\)"),
    ({"latents": np.zeros((2, 8))}, "expected the float32 tensors `latents` and `labels`"),
    ({"latents": np.full((2, 8), np.nan, np.float32), "labels": np.zeros((2, 0), np.float32)}, "all of them finite"),
    (None, "no such file"),
])  # fmt: skip
def test_vectors_of_something_else_are_refused(plain, tmp_path, arrays, words):
    if arrays is not None:
        save_file(arrays, tmp_path / "given.safetensors")
    with pytest.raises(UserError, match=words):
        generate_files(plain, tmp_path / "out", latents=str(tmp_path / "given.safetensors"))
    assert not (tmp_path / "out").exists()


# --- the command line ---------------------------------------------------------------------------------------


def test_the_command(plain, tmp_path):
    words = ["generate", plain, tmp_path / "out", "--count", "3", "seed=1"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "3 picture(s)" in result.output
    assert np.array_equal(read(tmp_path / "out/2.png"), translate.generate(plain, 3, seed=1)[2].squeeze())


@pytest.mark.parametrize("verb", ["convert", "generate", "evaluate"])
def test_each_verb_refuses_the_other_kind_of_model_in_one_line(verb, plain, tmp_path):
    pair = make_run(tmp_path / "pix2pix", "pix2pix")
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in/a.png")
    if verb == "convert":
        words = ["convert", plain, tmp_path / "in", tmp_path / "out"]
        expected = "`gan` does not translate from one domain to another; it makes samples from noise: `translate gen"
    elif verb == "generate":
        words = ["generate", pair, tmp_path / "out"]
        expected = "`pix2pix` does not begin with noise, it translates from one domain to another: `translate convert`"
    else:
        manifest = tmp_path / "eval.jsonl"
        manifest.write_text(json.dumps({"id": "a", "path": str(tmp_path / "in/a.png"), "domain": "a", "split": "eval"}))
        words = ["evaluate", plain, "--eval", manifest, "--train", manifest]
        expected = "expected two or more generated pictures; first run `translate generate"
    with pytest.raises(UserError) as error:
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_python_functions_refuse_it_too(plain, tmp_path):
    pair = make_run(tmp_path / "pix2pix", "pix2pix")
    picture = np.zeros((8, 8, 3), np.uint8)
    for model in (plain, translate.load(plain)):
        with pytest.raises(UserError, match="`gan` does not translate"):
            translate.convert(model, picture)
    for model in (pair, translate.load(pair)):
        with pytest.raises(UserError, match="`pix2pix` does not begin with noise"):
            translate.generate(model, 2)


def test_the_demo_does_not_offer_it(plain):
    from translate.demo.models import find_models

    with pytest.raises(UserError, match="`gan` makes samples from noise, which the demo does not show"):
        find_models([plain])


def test_its_card_shows_how_to_generate(run, tmp_path):
    from translate.checkpoints.share import share

    text = (share(run, tmp_path / "shared") / "README.md").read_text()
    assert f"translate generate {tmp_path / 'shared'} out count=16 label=low" in text
    assert "it makes pictures of 32 x 32 pixels in 3 channel(s). Labels: low, high." in text
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "first.png").shape == (32, 32, 3)
