"""Models of pictures through the jobs: trained, cut and taken up, converted, evaluated."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tiny_runs import configure

import translate
from translate.config import parse_overrides
from translate.errors import UserError
from translate.jobs.convert import convert_files
from translate.jobs.evaluate import evaluate_run
from translate.jobs.prepare import prepare_corpus
from translate.jobs.train import train_system

no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
TRAIN = [
    "train.steps=4", "train.save_every=2", "train.batch_size=2", "train.sample_every=0", "train.device=cpu",
    "images.size=null",
]  # fmt: skip
MODELS = {
    "pix2pix": ["data.domains=[left, right]"],
    "cyclegan": ["data.domains=[left, right]", "network.pool=3"],
    "stargan": ["data.domains=[left, right]", "network.exclusive=true", "network.discriminator_steps=2"],
    "srgan": ["data.domains=[small, right]"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six pairs of pictures of colour gradients, and their manifests."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        (folder / "corpus" / split).mkdir(parents=True)
        for number in range(count):
            ramp = np.linspace(random.uniform(0, 100, 3), random.uniform(150, 255, 3), 40)
            left = np.broadcast_to(ramp[:, None], (40, 48, 3))
            both = np.concatenate([left, 255 - left], axis=1).astype(np.uint8)
            Image.fromarray(both).save(folder / "corpus" / split / f"p{number}.png")
    prepare_corpus(folder / "corpus", folder / "data", None, ["*"], None, "train", layout="pairs")
    return folder / "data"


def make_config(model, *overrides):
    return configure(model, parse_overrides([*TRAIN, *MODELS[model], *overrides]))


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in MODELS:
        train_system(make_config(model), data, folder / model)
    return folder


@pytest.mark.parametrize("model", MODELS)
def test_a_run_cut_and_taken_up_is_the_uncut_one(runs, data, tmp_path, model):
    """Networks, optimisers, batch norm's statistics, image pool and random numbers, to the bit."""
    shutil.copytree(runs / model, tmp_path / "cut", symlinks=True)
    shutil.rmtree(tmp_path / "cut" / "step_00000004")
    (tmp_path / "cut" / "latest").unlink()
    (tmp_path / "cut" / "latest").symlink_to("step_00000002")
    checkpoint = train_system(make_config(model), data, tmp_path / "cut")
    for file in ("weights.safetensors", "statistics.safetensors"):
        assert (checkpoint / file).read_bytes() == (runs / model / "step_00000004" / file).read_bytes()


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=no_gpu)])
@pytest.mark.parametrize("model", MODELS)
def test_trains_in_bfloat16(data, tmp_path, model, device):
    config = make_config(model, "train.precision=bfloat16", "train.steps=2", f"train.device={device}")
    checkpoint = train_system(config, data, tmp_path / "run")
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(checkpoint / "weights.safetensors").values())
    converter = translate.load(checkpoint, device)
    source, targets = next(iter(converter.between.by_source().items()))
    assert converter.convert(np.zeros((40, 48, 3), np.uint8), source, targets[0]).dtype == np.uint8


@no_gpu
@pytest.mark.parametrize("model", MODELS)
def test_trains_on_a_gpu(data, tmp_path, model):
    """Takes up there what a CPU began."""
    train_system(make_config(model, "train.steps=2"), data, tmp_path / "run")
    checkpoint = train_system(make_config(model, "train.device=cuda"), data, tmp_path / "run")
    assert checkpoint.name == "step_00000004"


def test_a_sheet_is_shown_while_training(data, tmp_path, monkeypatch):
    """Only the half of the double picture that is the source, and its translation."""
    shown = []
    watch = "translate.images.watch"
    monkeypatch.setattr(f"{watch}.draw_sheet", lambda path, rows, titles: shown.append((rows, titles)))
    monkeypatch.setattr(f"{watch}.read_image", lambda path: np.zeros((4, 4, 3), np.uint8))
    train_system(make_config("pix2pix", "train.steps=2", "train.sample_every=2"), data, tmp_path / "run")
    ((rows, titles),) = shown
    assert titles == ["left", "right"]
    assert [[picture.shape for picture in row] for row in rows] == [[(40, 48, 3)] * 2] * 2


def test_other_pictures_are_noticed(runs, data, tmp_path):
    lines = (data / "train.jsonl").read_text().splitlines()
    (tmp_path / "train.jsonl").write_text("\n".join(line for line in lines if "p0.png" not in line))
    for line in (tmp_path / "train.jsonl").read_text().splitlines():
        assert "p0" not in line
    content = (tmp_path / "train.jsonl").read_text().replace("../corpus", str(data.parent / "corpus"))
    (tmp_path / "train.jsonl").write_text(content)
    shutil.copytree(runs / "pix2pix", tmp_path / "run", symlinks=True)
    with pytest.raises(UserError, match="was trained on other data of the domain"):
        train_system(make_config("pix2pix"), tmp_path, tmp_path / "run")


def test_weights_of_another_run_are_the_start(runs, data, tmp_path):
    """SRGAN from SRGAN: with rates of almost nothing the weights stay."""
    slow = [f"players.{player}.learning_rate=1e-12" for player in ("generator", "discriminator")]
    given = f"train.start_from={runs / 'srgan'}"
    train_system(make_config("srgan", "train.steps=2", given, *slow), data, tmp_path / "run")
    first, second = (load_file(run / "latest" / "weights.safetensors") for run in (runs / "srgan", tmp_path / "run"))
    assert first.keys() == second.keys()
    learned = [key for key in first if "running" not in key and "tracked" not in key]
    assert max((first[key] - second[key]).abs().max().item() for key in learned) < 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_converts_and_evaluates(runs, data, model, monkeypatch):
    monkeypatch.setattr("translate.images.measures.classifier.STEPS", 10)  # of no quality
    run = runs / model
    converter = translate.load(run)
    for source, targets in converter.between.by_source().items():
        for target in targets:
            seconds = convert_files(run, data / "eval.jsonl", run / "converted" / f"{source}-{target}", source, target)
            assert seconds["images"] == 2
            pictures = sorted((run / "converted" / f"{source}-{target}").rglob("*.png"))
            assert [Image.open(path).size for path in pictures] == [(48, 40)] * 2
    results = evaluate_run(run, data / "eval.jsonl", data / "train.jsonl")
    assert (run / "results.md").read_text().count("| ") > 3
    assert results == json.loads((run / "results.json").read_text())


def test_single_pictures_and_folders(runs, data, tmp_path):
    picture = tmp_path / "in" / "deeper" / "a.jpg"
    picture.parent.mkdir(parents=True)
    Image.fromarray(np.full((33, 21), 90, np.uint8)).save(picture)  # gray, of an odd size
    convert_files(runs / "cyclegan", picture, tmp_path / "out.png", target="right")
    assert Image.open(tmp_path / "out.png").size == (21, 33)
    assert convert_files(runs / "cyclegan", tmp_path / "in", tmp_path / "out", target="left")["images"] == 1
    assert Image.open(tmp_path / "out" / "deeper" / "a.png").mode == "RGB"
    convert_files(runs / "stargan", picture, tmp_path / "grid.png", grid=True)
    assert Image.open(tmp_path / "grid.png").size[0] > 2 * 21


@pytest.mark.parametrize(("model", "arguments", "words"), [
    ("pix2pix", {"difference": True}, "^difference: .* converts pictures, which has no such option"),
    ("pix2pix", {"source": "right"}, "translates left to right only"),
    ("cyclegan", {}, r"name the target domain \(--to, or target=\.\.\.\); this model knows left, right"),
    ("cyclegan", {"target": "rigth"}, "unknown domain `rigth`"),
    ("pix2pix", {"given": "nowhere"}, "nowhere: no such file or folder"),
    ("pix2pix", {"out": "picture.jpg"}, "expected a name that ends in .png"),
    ("pix2pix", {"given": "broken.png"}, "1 of 1 files were not converted: .*broken.png"),
    ("cyclegan", {"target": "left", "grid": True}, "a grid needs a model of many domains"),
])  # fmt: skip
def test_mistakes_are_one_line(runs, tmp_path, model, arguments, words):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    given, out = tmp_path / arguments.pop("given", "a.png"), tmp_path / arguments.pop("out", "out.png")
    with pytest.raises(UserError, match=words) as error:
        convert_files(runs / model, given, out, **arguments)
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_a_conversion_never_overwrites_a_picture(runs, tmp_path):
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UserError, match="would overwrite a picture"):
        convert_files(runs / "pix2pix", tmp_path / "a.png", tmp_path / "a.png")


def test_a_translator_gets_the_batches_that_it_needs(data, tmp_path):
    """Pairs drawn independently would train without a word, and learn nothing."""
    with pytest.raises(UserError, match=r"`data\.batches` is unpaired: PairedGame needs paired ones"):
        train_system(make_config("pix2pix", "data.batches=unpaired"), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_palette_has_a_colour_for_every_class(data, tmp_path):
    palette = ["images.palette=[[0, 0, 0], [9, 9, 9]]", "images.labels=3"]
    with pytest.raises(UserError, match=r"images\.palette lists 2 colours, images\.labels is 3"):
        train_system(make_config("pix2pix", *palette), data, tmp_path / "run")


def test_training_without_a_manifest_or_a_domain(data, tmp_path):
    with pytest.raises(UserError, match=r"train\.jsonl: no such manifest; write one with `translate prepare"):
        train_system(make_config("pix2pix"), tmp_path, tmp_path / "run")
    with pytest.raises(UserError, match="no training picture of domain `night`"):
        train_system(make_config("pix2pix", "data.domains=[left, night]"), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()
