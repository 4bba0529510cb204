"""Conversion of files by speech models of every kind, alone and in a row, from checkpoints."""

import json
import sys

import numpy as np
import pytest
import torch
from tiny_runs import configure

from translate.checkpoints.store import save_checkpoint
from translate.cli import main
from translate.corpus.manifest import Entry, write_manifest
from translate.errors import UserError
from translate.files import save_arrays
from translate.jobs.convert import convert_files
from translate.jobs.load import load
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.conversion.chain import Chain
from translate.speech.conversion.spectrum import SpectrumConverter
from translate.speech.conversion.voice import VoiceConverter
from translate.speech.conversion.waveform import WaveformConverter
from translate.speech.measures.converted import load_features

RATE = 16000
VOICES, QUALITIES = ["low", "high"], ["synthetic", "natural"]
MODELS = {                                                         # their domains
    "mse_vc": VOICES,
    "gan_postfilter": QUALITIES,
    "stft_postfilter": QUALITIES,
    "wavecyclegan2": QUALITIES,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """An untrained run of each model."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("exp")
    for model, domains in MODELS.items():
        config = configure(model, data={"domains": domains}, features={"sample_rate": RATE})
        size = config.features.frame_size
        weights = config.build().state_dict()
        statistics = {d: Statistics(np.zeros(size), np.ones(size), 5.0, 0.2, 10, 10) for d in domains}
        save_checkpoint(folder / model, 1, config, weights, {}, pack_statistics(statistics), {}, keep=1)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    time = np.arange(RATE // 2) / RATE
    write_wave(path, 0.1 * sum(np.sin(2 * np.pi * 120 * k * time + k) / k for k in range(1, 60)), RATE)
    return path


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_load_gives_the_kind_of_the_features(runs):
    kinds = [VoiceConverter, VoiceConverter, SpectrumConverter, WaveformConverter]
    assert [type(load(runs / model)) for model in MODELS] == kinds


@pytest.mark.parametrize("model", ["stft_postfilter", "wavecyclegan2"])
def test_load_statistics_of_another_kind(runs, model, tmp_path):
    domains, size = MODELS[model], load(runs / model).config.features.frame_size
    (tmp_path / "run").symlink_to(runs / model)
    path = runs / model / "latest" / "statistics.safetensors"
    content = path.read_bytes()
    flat = Statistics(np.zeros(25), np.ones(25), 5.0, 0.2, 10, 10)
    try:
        save_arrays(path, pack_statistics(dict.fromkeys(domains, flat)))
        with pytest.raises(UserError, match=f"expected the domain `synthetic` with {size} dimensions"):
            load(runs / model)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("model", MODELS)
def test_each_alone(runs, clip, tmp_path, model):
    names = (None, None) if model != "wavecyclegan2" else ("synthetic", None)
    seconds = convert_files(runs / model, clip.parent, tmp_path, *names, features=True)
    vocoder = model in ("mse_vc", "gan_postfilter")
    assert files(tmp_path) == (["clip.npz"] if vocoder else []) + ["clip.wav", "conversion.json"]
    assert json.loads((tmp_path / "conversion.json").read_text(encoding="utf-8")) == seconds
    assert list(seconds) == ["audio", "analysis", "network", "synthesis"]
    assert seconds["audio"] == 0.5
    assert len(read_wave(tmp_path / "clip.wav")[0]) == RATE // 2


def test_in_a_row(runs, clip, tmp_path):
    then = [runs / "gan_postfilter", runs / "wavecyclegan2"]
    convert_files(runs / "mse_vc", clip, tmp_path / "a.wav", None, "high", then=then, features=True)
    assert files(tmp_path) == ["a.wav"]
    convert_files(runs / "mse_vc", clip, tmp_path / "b.wav", then=then[:1], features=True)
    assert files(tmp_path) == ["a.wav", "b.npz", "b.wav"]
    # What was written for evaluation is the postfilter's output, not the converter's.
    convert_files(runs / "mse_vc", clip, tmp_path / "c.wav", features=True)
    features = [load_features(tmp_path / name).mcep for name in ("b.npz", "c.npz")]
    assert np.abs(features[0] - features[1]).max() > 1e-3
    chain = Chain([load(runs / "mse_vc"), *(load(path) for path in then)])
    expected = chain.convert(*read_wave(clip))[0]
    expected /= max(np.abs(expected).max(), 1)
    np.testing.assert_allclose(read_wave(tmp_path / "a.wav")[0], expected, atol=1e-4)


def test_seeds(runs, clip, tmp_path):
    for name, seed in (("none", None), ("zero", 0), ("one", 1), ("again", 1)):
        convert_files(runs / "stft_postfilter", clip, tmp_path / f"{name}.wav", seed=seed)
    waves = {path.stem: path.read_bytes() for path in tmp_path.glob("*.wav")}
    assert waves["none"] == waves["zero"]
    assert waves["one"] == waves["again"]
    assert waves["one"] != waves["zero"]


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("mse_vc", {"source": "high"}, "this model translates low to high only"),
        ("mse_vc", {"seed": 0}, "seed: this model draws no noise"),
        ("stft_postfilter", {"difference": True}, "difference: only a model on mel-cepstra"),
        ("wavecyclegan2", {}, r"name the target domain \(--to, or .*\); this model knows synthetic, natural"),
        ("wavecyclegan2", {"source": "synthetic", "tile": 64}, "tile: .* converts speech, which has no such option"),
    ],
)
def test_nothing_is_written_for_wrong_options(runs, clip, tmp_path, model, options, message):
    with pytest.raises(UserError, match=message):
        convert_files(runs / model, clip.parent, tmp_path / "out", **options)
    assert files(tmp_path) == []


def test_pictures_take_no_part(runs, clip, tmp_path):
    config = configure("pix2pix")
    weights = config.build().state_dict()
    save_checkpoint(tmp_path / "pictures", 1, config, weights, {}, {}, {}, keep=1)
    with pytest.raises(UserError, match=r"--then: .*pictures converts pictures; only converters of speech"):
        convert_files(runs / "mse_vc", clip, tmp_path / "a.wav", then=[tmp_path / "pictures"])
    with pytest.raises(UserError, match=r"--then: .*pictures converts pictures; only converters of speech"):
        convert_files(tmp_path / "pictures", clip, tmp_path / "a.png", then=[runs / "mse_vc"])
    with pytest.raises(UserError, match=r"^seed: .* converts pictures, which has no such option; it is one of speech"):
        convert_files(tmp_path / "pictures", clip, tmp_path / "a.png", seed=1)


def test_command(runs, clip, tmp_path, monkeypatch, capsys):
    words = ["convert", runs / "mse_vc", clip, tmp_path / "a.wav", "--then", runs / "gan_postfilter"]
    words += ["--then", runs / "wavecyclegan2", "--seed", 3]
    monkeypatch.setattr(sys, "argv", ["translate", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert "RTF" in capsys.readouterr().out
    assert files(tmp_path) == ["a.wav"]


def test_every_direction_gets_its_folder(runs, clip, tmp_path):
    entries = [Entry(id=name, path=clip, domain=name, split="eval") for name in QUALITIES]
    write_manifest(tmp_path / "eval.jsonl", entries)
    seconds = convert_files(runs / "wavecyclegan2", tmp_path / "eval.jsonl", tmp_path / "out", all=True)
    waves = [name for name in files(tmp_path / "out") if name.endswith(".wav")]
    assert waves == ["natural-synthetic/natural.wav", "synthetic-natural/synthetic.wav"]
    assert seconds["audio"] == pytest.approx(2 * 0.5)
    with pytest.raises(UserError, match=r"--all goes through every direction: leave --from and --to out"):
        convert_files(runs / "wavecyclegan2", tmp_path / "eval.jsonl", tmp_path / "b", target="natural", all=True)
    with pytest.raises(UserError, match=r"--all needs a \.jsonl manifest"):
        convert_files(runs / "wavecyclegan2", clip, tmp_path / "b", all=True)
    assert not (tmp_path / "b").exists()
