"""Synthetic corpora: aligned with the natural recordings, and as smooth as asked for."""

import json

import numpy as np
import pytest
import torch

from translate.checkpoints.store import save_checkpoint
from translate.config import StftConfig, WorldConfig
from translate.corpus.manifest import read_manifest, scan_folders, write_manifest
from translate.errors import UserError
from translate.models import resolve
from translate.speech.analysis.alignment import align
from translate.speech.analysis.statistics import Statistics, pack_statistics
from translate.speech.analysis.stft import Stft
from translate.speech.analysis.wave import read_wave
from translate.speech.analysis.world import World
from translate.speech.corpus.mini import make_speech
from translate.speech.synthesise import choose_analysis, synthesise

RATE = 16000
WORLD = WorldConfig(sample_rate=RATE, f0="dio", codec="sptk", dimensions=25)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder with two voices and their manifests."""
    folder = tmp_path_factory.mktemp("corpus")
    make_speech(folder, sentences=1, evaluation=1)
    entries = scan_folders(folder, evaluation="eval_*")
    for split in ("train", "eval"):
        write_manifest(folder / f"{split}.jsonl", [entry for entry in entries if entry.split == split])
    return folder


def manifests(corpus):
    return [corpus / "train.jsonl", corpus / "eval.jsonl"]


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory):
    """What becomes of the high voice: by the vocoder alone, smoothed, and out of the low one."""
    out, run = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    values = {"model": "mse_vc", "data": {"domains": ["low", "high"]}, "network": {"channels": 4, "blocks": 1}}
    config = resolve({**values, "features": WORLD.model_dump()}, "test")
    weights = config.build().state_dict()
    flat = Statistics(np.zeros(25), np.full(25, 0.01), 5.0, 0.2, 10, 10)  # whatever the network says
    statistics = {"low": flat, "high": flat}
    save_checkpoint(run, 1, config, weights, {}, pack_statistics(statistics), {}, keep=1)
    synthesise(manifests(corpus), out / "plain", "high", jobs=1)
    synthesise(manifests(corpus), out / "smooth", "high", smooth=25, jobs=1)
    synthesise(manifests(corpus), out / "converted", "high", converter=run, source="low", jobs=1)
    return out


@pytest.mark.parametrize("kind", ["plain", "smooth", "converted"])
def test_corpus_is_aligned_with_the_natural_one(made, corpus, kind):
    expected = ["eval.jsonl", "synthesis.json", "synthetic", "train.jsonl"]
    assert sorted(p.name for p in (made / kind).iterdir()) == expected
    for split, count in {"train": 1, "eval": 1}.items():
        entries = read_manifest(made / kind / f"{split}.jsonl")
        synthetic, natural = entries[:count], entries[count:]
        assert [e.domain for e in entries] == ["synthetic"] * count + ["natural"] * count
        assert [e.pair for e in synthetic] == [e.pair for e in natural] == [e.id for e in natural]
        for ours, theirs in zip(synthetic, natural, strict=True):
            assert ours.path == made / kind / "synthetic" / split / f"{theirs.id}.wav"
            assert theirs.path == corpus / "high" / f"{theirs.id}.wav"
            wave, rate = read_wave(ours.path)
            recorded, _ = read_wave(theirs.path)
            assert rate == RATE
            assert len(wave) == len(recorded)
            level = 20 * np.log10(np.sqrt((wave**2).mean() / (recorded**2).mean()))
            if kind != "converted":                                 # there flat spectra make pulses, scaled down
                assert abs(level) < 2.5, level                      # dB; WORLD itself adds one or two
            _, f0 = World(WORLD).analyse_frames(wave)
            _, natural_f0 = World(WORLD).analyse_frames(recorded)
            both = (f0 > 0) & (natural_f0 > 0)
            assert both.sum() > 0.8 * (natural_f0 > 0).sum()
            assert np.median(np.abs(1200 * np.log2(f0[both] / natural_f0[both]))) < 20  # cents


def analysed(folder, kind):
    path = folder / kind / "synthetic" / "train" / "train_001.wav"
    return World(WORLD).analyse_frames(read_wave(path)[0])[0]


def test_smoothing_takes_variance_away(made, corpus):
    natural, _ = World(WORLD).analyse_frames(read_wave(corpus / "high" / "train_001.wav")[0])
    plain, smooth = analysed(made, "plain"), analysed(made, "smooth")
    ratio = [np.exp(np.log(x[:, 1:].var(0) / natural[:, 1:].var(0)).mean()) for x in (plain, smooth)]
    assert ratio[1] < 0.8 * ratio[0]
    assert np.abs(plain - natural)[:, 1:].mean() < np.abs(smooth - natural)[:, 1:].mean()


def test_conversions_run_in_the_natural_timing(corpus, tmp_path, monkeypatch):
    """A converter that changes nothing: the low voice's mel-cepstra, warped to the high voice."""

    class Nothing:
        world = World(WORLD)

        def name_domains(self, source, target):
            return source, target

        def convert_frames(self, mcep, source, target):
            assert (source, target) == ("low", "high")
            return mcep

    monkeypatch.setattr("translate.speech.synthesise.load_voice", lambda run: Nothing())
    synthesise(manifests(corpus), tmp_path, "high", converter=tmp_path, source="low", jobs=1)
    low, high = (
        World(WORLD).analyse_frames(read_wave(corpus / voice / "eval_001.wav")[0])[0] for voice in ("low", "high")
    )
    made = World(WORLD).analyse_frames(read_wave(tmp_path / "synthetic/eval/eval_001.wav")[0])[0]
    path = align(low, high)
    by_alignment = np.linalg.norm(low[path[:, 0], 1:] - high[path[:, 1], 1:], axis=1).mean()
    stretched = low[np.linspace(0, len(low) - 1, len(high)).astype(int)]
    by_stretching = np.linalg.norm(stretched[:, 1:] - high[:, 1:], axis=1).mean()
    distance = np.linalg.norm(made[:, 1:] - high[:, 1:], axis=1).mean()
    assert distance < 0.5 * (by_alignment + by_stretching)
    assert distance > 0.8 * by_alignment                            # it is the low voice still


def test_analysis_is_that_of_the_model(tmp_path):
    path = tmp_path / "system.yaml"
    path.write_text("model: mse_vc\nfeatures: {sample_rate: 22050, dimensions: 30}\n")
    assert choose_analysis(str(path)).dimensions == 30
    path.write_text("model: wavecyclegan2\nfeatures: {sample_rate: 24000}\n")
    assert (choose_analysis(str(path)).sample_rate, choose_analysis(str(path)).kind) == (24000, "world")
    assert choose_analysis(None).sample_rate == 16000
    path.write_text("model: pix2pix\n")
    with pytest.raises(UserError, match="has no `features`"):
        choose_analysis(str(path))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"domain": "nobody"}, "no recording of the domain `nobody` in the manifests; they have high, low"),
        ({"smooth": 1}, "--smooth 1: expected at least 2 frames"),
        ({"smooth": 5, "converter": "run", "source": "low"}, "--smooth and --converter: give one of them"),
        ({"converter": "run"}, "--converter and --from go together"),
        ({"converter": "run", "source": "low", "config": "a.yaml"}, "leave --config out"),
        ({"converter": "run", "source": "nobody"}, "no recording of the domain `nobody`"),
    ],
)
def test_bad_options_end_in_one_line(corpus, tmp_path, options, expected):
    with pytest.raises(UserError) as error:
        synthesise(manifests(corpus), tmp_path / "out", **{"domain": "high", "jobs": 1, **options})
    assert expected in str(error.value)
    assert not (tmp_path / "out").exists()


def test_no_common_sentence(corpus, tmp_path):
    lines = [json.loads(line) for line in (corpus / "train.jsonl").read_text().splitlines()]
    for line in lines:
        line["path"] = str(corpus / line["path"])
        line["pair"] = f"{line['domain']}-{line['pair']}"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match="`low` and `high` share no sentence"):
        synthesise([tmp_path / "train.jsonl"], tmp_path / "out", "high", converter=tmp_path, source="low", jobs=1)


def test_damaged_recordings_are_named(corpus, tmp_path):
    entries = read_manifest(corpus / "eval.jsonl")
    (tmp_path / "high").mkdir()
    broken = tmp_path / "high" / "broken.wav"
    broken.write_bytes(b"no wave")
    lines = [{"id": "good", "path": str(e.path), "domain": "high", "split": "eval"} for e in entries[:1]]
    lines.append({"id": "broken", "path": str(broken), "domain": "high", "split": "eval"})
    (tmp_path / "eval.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=r"1 of 2 recordings were not synthesised: .*broken\.wav"):
        synthesise([tmp_path / "eval.jsonl"], tmp_path / "out", "high", jobs=1)
    assert not (tmp_path / "out" / "eval.jsonl").exists()
    assert (tmp_path / "out" / "synthetic" / "eval" / "good.wav").exists()


def test_speech_that_was_made_otherwise_is_not_replaced(corpus, tmp_path):
    synthesise(manifests(corpus), tmp_path / "out", "high", smooth=25, jobs=1)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for options in ({"smooth": 9}, {}):
        with pytest.raises(UserError, match=r"out: holds speech that was made otherwise"):
            synthesise(manifests(corpus), tmp_path / "out", "high", jobs=1, **options)
    synthesise(manifests(corpus), tmp_path / "out", "high", smooth=25, jobs=1)  # the same again
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    (tmp_path / "out" / "synthesis.json").write_text("{")
    with pytest.raises(UserError, match=r"out: holds speech that was made otherwise"):
        synthesise(manifests(corpus), tmp_path / "out", "high", smooth=25, jobs=1)


def test_spectra_are_smoothed_where_the_model_is_one_of_spectra(corpus, tmp_path):
    config = tmp_path / "stft.yaml"
    config.write_text("model: stft_postfilter\nfeatures: {sample_rate: 16000, fft_size: 256}\n")
    synthesise(manifests(corpus), tmp_path / "out", "high", smooth=25, config=str(config), jobs=1)
    synthetic, natural = read_manifest(tmp_path / "out" / "eval.jsonl")
    stft = Stft(StftConfig(fft_size=256))
    smooth, rough = (stft.analyse(read_wave(entry.path)[0]).log_magnitude for entry in (synthetic, natural))
    assert smooth.shape == rough.shape
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.8 * np.abs(np.diff(rough, axis=0)).mean()
    assert np.corrcoef(smooth.ravel(), rough.ravel())[0, 1] > 0.7
