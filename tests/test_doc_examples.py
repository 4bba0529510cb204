"""The worked examples of the documents, executed: models, a game and a corpus of one's own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from doc_pages import ROOT, find_blocks
from test_doc_commands import find_commands
from tiny_runs import configure

from translate.config import LossWeight
from translate.games.base import Translator

pytestmark = pytest.mark.usefixtures("commands")

BLOCKS = [code for language, code, _ in find_blocks(ROOT / "docs/add-a-model.md") if language == "python"]
OWN_MODEL, OWN_PICTURES, OWN_TESTS, OWN_GAME = BLOCKS[:4]


def run(folder: Path, *words: str) -> None:
    """A command in `folder`; `translate` is a fork of a process that has torch imported (the fixture `commands`)."""
    process = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, f"{words}: {process.stderr[-2000:]}"


def test_the_example_model_trains_and_converts(tmp_path):
    """The first block of docs/add-a-model.md, as a user's own module, through the real commands."""
    from translate.speech.corpus.mini import make_speech

    (tmp_path / "my_models").mkdir()
    (tmp_path / "my_models" / "linear_vc.py").write_text(OWN_MODEL)
    make_speech(tmp_path / "corpus", sentences=4, evaluation=1)
    model = "model=my_models.linear_vc"
    extracted = ["data/train.jsonl", "--out", "dump", "--jobs", "1", model]
    train = ["--features", "dump", "--out", "run", "--source", "low", "--target", "high", "train.steps=20"]
    run(tmp_path, "translate", "models", "my_models.linear_vc", "network.channels=32")
    run(tmp_path, "translate", "prepare", "corpus", "data", "--train", "train_*", "--eval", "eval_*")
    run(tmp_path, "translate", "extract", *extracted)
    run(tmp_path, "translate", "train", model, *train)
    run(tmp_path, "translate", "convert", "run", "corpus/low/eval_001.wav", "converted.wav", "--to", "high")
    assert (tmp_path / "converted.wav").stat().st_size > 10_000


@pytest.mark.parametrize(("name", "code"), [("linear_vc", OWN_MODEL), ("edges", OWN_PICTURES)])
def test_the_facts_of_the_examples_serve(tmp_path, monkeypatch, name, code):
    """What tests of all models do with a new one."""
    from translate.models import find_model

    (tmp_path / "fact_models").mkdir()
    (tmp_path / "fact_models" / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    model = find_model(f"fact_models.{name}")
    assert model.title
    assert model.task
    assert (ROOT / "recipes" / f"{model.recipe}.sh").is_file()
    config = configure(f"fact_models.{name}")
    for _, losses in config.build().training_step(config.example_batch(2), 0):
        assert all(loss.isfinite() for loss in losses.values())


def test_the_example_tests_pass(tmp_path):
    """The third block, on the first."""
    (tmp_path / "my_models").mkdir()
    (tmp_path / "my_models" / "linear_vc.py").write_text(OWN_MODEL)
    (tmp_path / "test_linear_vc.py").write_text(OWN_TESTS)
    path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "tests" / "helpers")])
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_linear_vc.py"]
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stdout
    assert f"{OWN_TESTS.count('def test_')} passed" in process.stdout


def test_the_example_model_of_pictures_trains_and_converts(tmp_path, monkeypatch):
    """The second block, through the jobs behind the documented commands."""
    from translate.config import parse_overrides
    from translate.images.arrays import write_image
    from translate.jobs.convert import convert_files
    from translate.jobs.evaluate import evaluate_run
    from translate.jobs.prepare import prepare_corpus
    from translate.jobs.train import train_system
    from translate.models.settings import read_config

    (tmp_path / "doc_models").mkdir()
    (tmp_path / "doc_models" / "edges.py").write_text(OWN_PICTURES)
    monkeypatch.syspath_prepend(tmp_path)
    random = np.random.default_rng(0)
    for split, number in (("train", 1), ("train", 2), ("val", 3)):
        photo = random.integers(0, 256, (70, 70, 3), dtype=np.uint8)
        write_image(tmp_path / "pairs" / split / f"{number}.png", np.concatenate([photo, 255 - photo], axis=1))
    prepare_corpus(tmp_path / "pairs", tmp_path / "data", ["photo", "edges"], ["*"], None, "train", "pairs")
    settings = parse_overrides(["model=doc_models.edges", "train.steps=30", "players.generator.learning_rate=1e-2"])
    run = train_system(read_config(None, settings, ["photo", "edges"]), tmp_path / "data", tmp_path / "run").parent
    convert_files(run, tmp_path / "data" / "eval.jsonl", run / "converted" / "photo-edges")
    rows = evaluate_run(run, tmp_path / "data" / "eval.jsonl", tmp_path / "data" / "train.jsonl")["tasks"][0]["rows"]
    assert rows["converted"]["l1"] < 0.8 * rows["input"]["l1"]


def test_the_example_game_plays_by_the_rules():
    """The fourth block: who learns from what, and no gradient in the wrong player."""
    from torch import nn

    from translate.networks.spectral import PatchDiscriminator

    namespace: dict = {}
    exec(OWN_GAME, namespace)
    weights = {
        "generator": {"adversarial": LossWeight(weight=1.0), "nearness": LossWeight(weight=1.0, until=5)},
        "discriminator": {"adversarial": LossWeight(weight=1.0)},
    }
    players = {"generator": nn.Conv1d(8, 8, 3, padding=1), "discriminator": PatchDiscriminator(4)}
    translator: Translator = namespace["OneWayGame"](players, weights)
    batch = {"source": torch.randn(2, 8, 16), "target": torch.randn(2, 8, 16)}
    turns = translator.training_step(batch, 0)
    player, losses = next(turns)
    sum(losses.values()).backward()
    assert player == "generator"
    assert set(losses) == {"adversarial", "nearness"}
    assert all(p.grad is None for p in players["discriminator"].parameters())
    assert all(p.grad is not None for p in players["generator"].parameters())
    assert next(turns)[0] == "discriminator"
    assert set(next(translator.training_step(batch, 5))[1]) == {"adversarial"}


# --- docs/add-a-corpus.md ---------------------------------------------------------------------------------

PAGE = ROOT / "docs/add-a-corpus.md"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The recipes, and the corpora that the page speaks of: two voices, the same as Kaldi folders, scans."""
    from translate.images.arrays import write_image
    from translate.speech.corpus.mini import make_speech

    folder = tmp_path_factory.mktemp("corpus")
    for name in ("recipes", "tools", "egs/conf", "egs/vcc2016/conf", "egs/maps/conf"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "tools" / "setup.sh").write_text("exit 0\n")          # the tests' own environment serves
    make_speech(folder / "made", sentences=3, evaluation=1)
    for voice, name, day in (("low", "anna", "morning"), ("high", "ben", "lunch")):
        (folder / "voices" / name).mkdir(parents=True)
        names = {"train_001": f"{day}_01", "train_002": f"{day}_02", "train_003": "noon_01", "eval_001": "evening_01"}
        for made, named in names.items():
            shutil.copy(folder / "made" / voice / f"{made}.wav", folder / "voices" / name / f"{named}.wav")
    for part, wanted in (("train", "[ml]*.wav"), ("test", "evening*.wav")):
        waves = sorted((folder / "voices").glob(f"*/{wanted}"))
        (folder / "kaldi" / part).mkdir(parents=True)
        lines = [(f"{wave.parent.name}-{wave.stem}", wave, wave.parent.name) for wave in waves]
        (folder / "kaldi" / part / "wav.scp").write_text("".join(f"{id} {wave}\n" for id, wave, _ in lines))
        (folder / "kaldi" / part / "utt2spk").write_text("".join(f"{id} {name}\n" for id, _, name in lines))
    random = np.random.default_rng(0)
    for side in "AB":
        for number in range(4):
            picture = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            write_image(folder / "scans" / side / f"{number}.png", picture)
    return folder


def test_the_commands_on_a_corpus_run_as_they_are_printed(project):
    """All but the training: recordings, Kaldi folders, pictures, and stages 0 to 2 of the recipe of the page."""
    recipes = [code for language, code, _ in find_blocks(PAGE) if language == "sh" and code.startswith("#!")]
    for name, recipe in zip(("mine", "scans"), recipes, strict=True):
        assert 8 <= recipe.count("\n") <= 16
        (project / "egs" / name).mkdir()
        (project / "egs" / name / "run.sh").write_text(recipe)
    executed = []
    for words in find_commands(PAGE):
        if words[:1] == ["echo"] and ">" in words:
            (project / words[-1]).write_text(" ".join(words[1 : words.index(">")]) + "\n")
        if words and words[0] in ("translate", "bash", "mkdir") and "--stage" not in words:
            run(project, *words)
            executed.append(" ".join(words[:2]))
    assert executed.count("translate prepare") == 4
    assert {"translate doctor", "translate extract", "bash egs/mine/run.sh"} <= set(executed)
    first = (project / "egs/mine/data/train.jsonl").read_text().splitlines()[0]
    assert re.fullmatch(r'\{"id": "morning_01", "path": ".*", "domain": "anna", "split": "train".*\}', first)
    for dump in ("dump", "egs/mine/dump/cyclegan_vc2_small"):
        assert list((project / dump).rglob("*.npy")), dump
    (project / "egs/scans/conf").mkdir()
    shutil.copy(project / "egs/maps/conf/pix2pix_small.yaml", project / "egs/scans/conf")
    run(project, "bash", "egs/scans/run.sh", "--corpus", "scans", "--stop_stage", "2")
    assert '"domain": "drawing"' in (project / "egs/scans/data/train.jsonl").read_text()
