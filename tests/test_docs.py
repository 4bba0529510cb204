"""What the documents say works: links, code blocks, the example systems, the commands' options."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from translate.config import LossWeight
from translate.translators.base import Translator

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "egs").glob("*/*.md")])


def code_blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)\)", prose):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    path = r"`((?:translate|egs|recipes|tools|docs)/[\w./]+\.(?:py|sh|yaml|md))`"
    named = re.findall(path, page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_example_system_trains_and_converts(tmp_path, monkeypatch):
    """The first block of docs/add-a-model.md, as a user's own module, through the real commands."""
    from translate.data.mini import make_speech

    (tmp_path / "my_systems").mkdir()
    (tmp_path / "my_systems" / "linear_vc.py").write_text(code_blocks("docs/add-a-model.md", "python")[0])
    make_speech(tmp_path / "corpus", sentences=4, evaluation=1)

    def run(*arguments: str) -> None:
        command = [sys.executable, "-m", "translate", *arguments]
        subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(tmp_path)})

    run("prepare", "corpus", "data", "--train", "train_*", "--eval", "eval_*")
    model = "model=my_systems.linear_vc"
    run("extract", "data/train.jsonl", "--out", "dump", model)
    run("train", model, "--features", "dump", "--out", "run", "--source", "low", "--target", "high", "train.steps=20")
    run("convert", "run", "corpus/low/eval_001.wav", "converted.wav", "--to", "high")
    assert (tmp_path / "converted.wav").stat().st_size > 10_000


def test_the_example_system_of_pictures_trains_and_converts(tmp_path, monkeypatch):
    """The second block, through the jobs behind the documented commands."""
    import numpy as np

    from translate.config import parse_overrides
    from translate.features.image import write_image
    from translate.jobs.convert import convert_files
    from translate.jobs.evaluate import evaluate_run
    from translate.jobs.prepare import prepare_corpus
    from translate.jobs.train import read_config, train_system

    (tmp_path / "doc_systems").mkdir()
    (tmp_path / "doc_systems" / "edges.py").write_text(code_blocks("docs/add-a-model.md", "python")[1])
    monkeypatch.syspath_prepend(tmp_path)
    random = np.random.default_rng(0)
    for split, number in (("train", 1), ("train", 2), ("val", 3)):
        photo = random.integers(0, 256, (70, 70, 3), dtype=np.uint8)
        write_image(tmp_path / "pairs" / split / f"{number}.png", np.concatenate([photo, 255 - photo], axis=1))
    prepare_corpus(tmp_path / "pairs", tmp_path / "data", ["photo", "edges"], ["*"], None, "train", "pairs")
    settings = parse_overrides(["model=doc_systems.edges", "train.steps=30", "players.generator.learning_rate=1e-2"])
    run = train_system(read_config(None, settings, ["photo", "edges"]), tmp_path / "data", tmp_path / "run").parent
    convert_files(run, tmp_path / "data" / "eval.jsonl", run / "converted" / "photo-edges")
    rows = evaluate_run(run, tmp_path / "data" / "eval.jsonl", tmp_path / "data" / "train.jsonl")["tasks"][0]["rows"]
    assert rows["converted"]["l1"] < 0.8 * rows["input"]["l1"]


def test_the_example_translator_plays_by_the_rules():
    """The third block: who learns from what, and no gradient in the wrong player."""
    from torch import nn

    from translate.networks.spectral import PatchDiscriminator

    namespace: dict = {}
    exec(code_blocks("docs/add-a-model.md", "python")[2], namespace)
    weights = {
        "generator": {"adversarial": LossWeight(weight=1.0), "nearness": LossWeight(weight=1.0, until=5)},
        "discriminator": {"adversarial": LossWeight(weight=1.0)},
    }
    players = {"generator": nn.Conv1d(8, 8, 3, padding=1), "discriminator": PatchDiscriminator(4)}
    translator: Translator = namespace["OneWayTranslator"](players, weights)
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


def test_options_in_the_readme_exist():
    """Every --option of a `translate` line in the README is one of that verb's."""
    import typer

    from translate.cli import app

    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    lines = re.findall(r"^    translate (\w+) (.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {verb for verb, _ in lines} >= {"doctor", "prepare", "extract", "train", "convert"}
    for verb, rest in lines:
        known = {option for parameter in verbs[verb].params for option in parameter.opts}
        assert {word for word in rest.split() if word.startswith("--")} <= known, verb
