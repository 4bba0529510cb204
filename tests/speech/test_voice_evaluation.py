"""Models that keep the timing: evaluation of runs on waveforms, with the aliasing of their networks."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_runs import configure

from translate.checkpoints.store import save_checkpoint
from translate.corpus.manifest import Entry, read_manifest, write_manifest
from translate.jobs.convert import convert_files
from translate.jobs.evaluate import evaluate_run
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.corpus.mini import make_speech
from translate.speech.measures import report

RATE = 16000
DOMAINS = ["synthetic", "natural"]
MODELS = ["wavecyclegan", "wavecyclegan2"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Natural speech of one and a half seconds, and the same with a little noise."""
    folder = tmp_path_factory.mktemp("corpus")
    make_speech(folder / "speech", sentences=2, evaluation=1, sample_rate=RATE)
    for path in sorted((folder / "speech" / "low").glob("*.wav")):
        wave = read_wave(path)[0][: int(1.5 * RATE)]
        noise = np.random.default_rng(0).normal(size=len(wave))
        write_wave(folder / "natural" / path.name, wave, RATE)
        write_wave(folder / "synthetic" / path.name, wave + 0.0005 * noise, RATE)
    for split in ("train", "eval"):
        names = sorted(path.stem for path in (folder / "natural").glob(f"{split}_*.wav"))
        entries = [Entry(n, folder / d / f"{n}.wav", d, split, pair=n) for d in DOMAINS for n in names]
        write_manifest(folder / f"{split}.jsonl", entries)
    return folder


@pytest.fixture(scope="module")
def runs(corpus, tmp_path_factory):
    """Untrained runs, the evaluation converted."""
    folder = tmp_path_factory.mktemp("exp")
    for model in MODELS:
        config = configure(model, data={"domains": DOMAINS}, features={"sample_rate": RATE})
        torch.manual_seed(0)
        weights = config.build().state_dict()
        statistics = {domain: Statistics(np.zeros(1), 0.1 * np.ones(1), 0.0, 1.0, 10, 0) for domain in DOMAINS}
        save_checkpoint(folder / model, 1, config, weights, {}, pack_statistics(statistics), {}, keep=1)
        out = folder / model / "converted" / "synthetic-natural"
        convert_files(folder / model, corpus / "eval.jsonl", out, *DOMAINS)
    return folder


def evaluate(run, corpus):
    return evaluate_run(run, corpus / "eval.jsonl", corpus / "train.jsonl", dimensions=12, jobs=1)


def test_waveform_models(runs, corpus):
    results = {model: evaluate(runs / model, corpus) for model in MODELS}
    assert results["wavecyclegan2"]["overall"]["aliasing"]["resynthesised"] < -60
    assert results["wavecyclegan"]["overall"]["aliasing"]["resynthesised"] > -30
    for model, result in results.items():
        pair = result["pairs"][0]
        assert (pair["source"], pair["target"], pair["n"]) == (*DOMAINS, 1)
        for measure in ("stft_distance", "lsd", "texture"):
            assert 0 < pair[measure]["source"] < pair[measure]["resynthesised"]  # an untrained network spoils the wave
        assert result["protocol"]["converted_from"] == "waves"
        text = (runs / model / "results.md").read_text(encoding="utf-8")
        assert "## Aliasing of sines" in text
        pictures = sorted(path.name for path in (runs / model / "pictures").iterdir())
        assert pictures == ["gv.png", "modulation.png", "synthetic-natural_eval_001.png"]


@pytest.mark.parametrize("what", ["no checkpoint", "other domains"])
def test_without_the_aliasing(runs, corpus, tmp_path, what, monkeypatch):
    """The model cannot be asked, or what was converted came from a chain with other ends."""
    monkeypatch.setattr(report, "_draw", lambda *arguments, **options: None)  # takes long
    run = tmp_path / "run"
    shutil.copytree(runs / "wavecyclegan2", run, symlinks=True, ignore=shutil.ignore_patterns("pictures"))
    manifests = corpus
    if what == "no checkpoint":
        (run / "latest").unlink()
        for step in run.glob("step_*"):
            shutil.rmtree(step)
    else:
        manifests = tmp_path
        (run / "converted" / "synthetic-natural").rename(run / "converted" / "SF1-natural")
        for split in ("train", "eval"):
            entries = read_manifest(corpus / f"{split}.jsonl")
            renamed = [replace(e, domain="SF1") if e.domain == "synthetic" else e for e in entries]
            write_manifest(tmp_path / f"{split}.jsonl", renamed)
    pair = evaluate(run, manifests)["pairs"][0]
    assert "aliasing" not in pair
    assert "lsd" in pair
