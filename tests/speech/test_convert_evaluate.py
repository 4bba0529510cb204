"""From a checkpoint over converted files to results, by the functions and by the command line."""

import json
import shutil
import sys

import numpy as np
import pytest
import soundfile

from translate.cli import main
from translate.corpus.manifest import Entry, read_manifest, scan_folders, write_manifest
from translate.errors import UserError
from translate.jobs.convert import convert_files
from translate.jobs.evaluate import evaluate_run
from translate.jobs.load import load
from translate.jobs.train import train_system
from translate.models.settings import read_config
from translate.speech.analysis.mcep import mcep_to_spectrum
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.corpus.features import extract
from translate.speech.corpus.mini import make_speech
from translate.speech.measures.converted import load_features

LOW, HIGH = "my-low", "my-high"                                     # hyphens, as a folder <source>-<target> has
RATE = 16000
STAGES = {"audio", "analysis", "network", "synthesis"}
COLUMNS = {"source", "source_vocoder", "mean_variance", "linear", "converted", "resynthesised", "target_vocoder"}
CONFIG = {
    "model": "cyclegan_vc2",
    "features": {"sample_rate": RATE, "f0": "dio", "codec": "sptk", "dimensions": 25},
    "network": {"channels": 4, "blocks": 1},
    "train": {"steps": 2, "crop": 32, "device": "cpu", "log_every": 1, "sample_every": 0},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two voices with the manifests of their two training sentences and the one for evaluation."""
    folder = tmp_path_factory.mktemp("corpus")
    make_speech(folder, sentences=2, evaluation=1, sample_rate=RATE)
    (folder / "low").rename(folder / LOW)
    (folder / "high").rename(folder / HIGH)
    entries = scan_folders(folder, [LOW, HIGH], "train_*", "eval_*")
    for split in ("train", "eval"):
        write_manifest(folder / f"{split}.jsonl", [entry for entry in entries if entry.split == split])
    return folder


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    """A run of two training steps."""
    folder = tmp_path_factory.mktemp("exp")
    config = read_config(None, CONFIG, [LOW, HIGH])
    extract(read_manifest(corpus / "train.jsonl"), config.features, folder / "dump", jobs=1, progress=False)
    train_system(config, folder / "dump", folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def clip(corpus, tmp_path_factory):
    """Half a second, to be quick."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    write_wave(path, read_wave(corpus / LOW / "train_001.wav")[0][8000:16000], RATE)
    return path


@pytest.fixture(scope="module")
def evaluated(corpus, run):
    """Both directions converted and measured."""
    for source, target in ((LOW, HIGH), (HIGH, LOW)):
        out = run / "converted" / f"{source}-{target}"
        convert_files(run, corpus / "eval.jsonl", out, source, target, features=True)
    results = evaluate_run(run, corpus / "eval.jsonl", corpus / "train.jsonl", jobs=1)
    return run, results


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def copy_run(run, to):
    """The converted waves, without the checkpoints."""
    shutil.copytree(run / "converted", to / "run" / "converted")
    return to / "run"


# --- convert ----------------------------------------------------------------------------------------------


def test_a_file(run, clip, tmp_path):
    seconds = convert_files(run, clip, tmp_path / "new" / "out.wav", LOW)
    assert files(tmp_path) == ["new/out.wav"]
    converted, rate = soundfile.read(tmp_path / "new" / "out.wav")
    assert (len(converted), rate) == (8000, RATE)
    assert set(seconds) == STAGES
    assert seconds["audio"] == 0.5
    (tmp_path / "folder").mkdir()
    convert_files(run, clip, tmp_path / "folder", LOW, features=True)
    assert files(tmp_path / "folder") == ["clip.npz", "clip.wav"]


def test_a_folder(run, clip, tmp_path):
    given = tmp_path / "given"
    wave = read_wave(clip)[0]
    write_wave(given / "a.wav", wave, RATE)
    write_wave(given / "deep" / "b.c.wav", wave[:4001], RATE)
    soundfile.write(given / "deep" / "d.flac", np.stack([wave, wave], axis=1)[::2], RATE // 2)
    for name in (".hidden.wav", ".cache/e.wav", "notes.txt"):
        (given / name).parent.mkdir(exist_ok=True)
        (given / name).write_text("no audio", encoding="utf-8")
    out = given / "out"                                             # inside: must not be converted itself
    for _ in range(2):
        seconds = convert_files(run, given, out, LOW, HIGH)
        assert files(out) == ["a.wav", "conversion.json", "deep/b.c.wav", "deep/d.wav"]
    assert [len(read_wave(out / name)[0]) for name in ("a.wav", "deep/b.c.wav", "deep/d.wav")] == [8000, 4001, 8000]
    assert json.loads((out / "conversion.json").read_text(encoding="utf-8")) == seconds
    assert set(seconds) == STAGES
    assert seconds["audio"] == pytest.approx(20001 / RATE)


def test_a_list(run, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(clip.parent)
    (tmp_path / "list.txt").write_text(f"clip.wav\n\n{tmp_path / 'b.wav'}\n", encoding="utf-8")
    shutil.copy(clip, tmp_path / "b.wav")
    convert_files(run, tmp_path / "list.txt", tmp_path / "out", LOW)
    assert files(tmp_path / "out") == ["b.wav", "clip.wav", "conversion.json"]


def test_a_manifest_with_features(evaluated, corpus):
    run, _ = evaluated
    for source, target in ((LOW, HIGH), (HIGH, LOW)):
        out = run / "converted" / f"{source}-{target}"
        assert files(out) == ["conversion.json", "eval_001.npz", "eval_001.wav"]
        original, _ = read_wave(corpus / source / "eval_001.wav")
        converted, rate = read_wave(out / "eval_001.wav")
        assert (len(converted), rate) == (len(original), RATE)
        features = load_features(out / "eval_001.npz")
        assert features.mcep.shape == (len(original) // 80 + 1, 41)
        assert (features.hop_ms, features.sample_rate) == (5.0, RATE)


@pytest.mark.parametrize("difference", [False, True])
def test_features_are_those_of_the_wave(run, clip, tmp_path, difference):
    converter = load(run)
    expected = converter.convert_in_detail(*read_wave(clip), LOW, HIGH, difference=difference)
    convert_files(run, clip, tmp_path / "out.wav", LOW, HIGH, difference=difference, features=True)
    features = load_features(tmp_path / "out.npz")
    np.testing.assert_allclose(features.f0, expected.converted.f0, rtol=1e-6)
    assert np.array_equal(expected.converted.f0, expected.source.f0) == difference
    # The model's own 25 coefficients have the same warping; what follows them is nothing.
    np.testing.assert_allclose(features.mcep[:, :25], expected.converted.mcep, atol=1e-3)
    assert np.abs(features.mcep[:, 25:]).max() < 1e-3
    power = mcep_to_spectrum(features.mcep.astype(float), 0.42, converter.world.fft_size)
    np.testing.assert_allclose(power, converter.world.decode(expected.converted.mcep), rtol=1e-2)


def test_good_files_among_bad_ones(run, clip, tmp_path):
    given, out = tmp_path / "given", tmp_path / "out"
    for name in ("a.wav", "z.wav"):
        write_wave(given / name, read_wave(clip)[0], RATE)
    write_wave(given / "silent.wav", np.zeros(RATE), RATE)
    (given / "text.wav").write_text("no audio", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        convert_files(run, given, out, LOW, HIGH, features=True)
    message = str(caught.value)
    assert message.startswith("2 of 4 files were not converted: ")
    assert f"{given / 'silent.wav'}: silent" in message
    assert f"{given / 'text.wav'}: cannot read as audio" in message
    assert "\n" not in message
    assert files(out) == ["a.npz", "a.wav", "conversion.json", "z.npz", "z.wav"]


@pytest.mark.parametrize(
    ("given", "out", "message"),
    [
        ("absent.wav", "out.wav", r"absent\.wav: no such file or folder"),
        ("absent.jsonl", "out", r"absent\.jsonl: no such file or folder"),
        ("empty", "out", r"empty: no recording to convert"),
        ("empty.txt", "out", r"empty\.txt: no recording to convert"),
        ("other.jsonl", "out", r"other\.jsonl: no recording .* no entry of the domain `my-low`"),
        ("same.txt", "out", r"clip\.wav: would be written for both"),
        ("voices", "out", r"a\.wav: would be written for both .*a\.flac and .*a\.wav"),
        ("voices", "voices", r"voices/a\.wav: the conversion would overwrite a recording"),
        ("clip.wav", "clip.wav", r"clip\.wav: the conversion would overwrite a recording"),
        ("clip.wav", ".", r"clip\.wav: the conversion would overwrite a recording"),
        ("clip.wav", "out.mp3", r"out\.mp3: expected a name that ends in \.wav"),
        ("voices", "clip.wav", r"clip\.wav: is a file; .*voices needs a folder"),
        ("text.xyz", "out.wav", r"text\.xyz: cannot read as audio"),
    ],
)
def test_nothing_is_converted(run, clip, tmp_path, given, out, message):
    shutil.copy(clip, tmp_path / "clip.wav")
    (tmp_path / "empty").mkdir()
    (tmp_path / "voices").mkdir()
    shutil.copy(clip, tmp_path / "voices" / "a.wav")
    soundfile.write(tmp_path / "voices" / "a.flac", read_wave(clip)[0], RATE)
    for name, text in (("empty.txt", "\n"), ("same.txt", f"{clip}\n{tmp_path / 'clip.wav'}\n"), ("text.xyz", "no")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_manifest(tmp_path / "other.jsonl", [Entry("a", clip, HIGH, "eval")])
    before = files(tmp_path)
    content = (tmp_path / "clip.wav").read_bytes()
    with pytest.raises(UserError, match=message):
        convert_files(run, tmp_path / given, tmp_path / out, LOW, HIGH)
    assert files(tmp_path) == before
    assert (tmp_path / "clip.wav").read_bytes() == content


def test_unknown_domain(run, clip, tmp_path):
    with pytest.raises(UserError, match="unknown domain `SF1`; this model knows my-low, my-high"):
        convert_files(run, clip, tmp_path / "out.wav", "SF1")
    assert files(tmp_path) == []


# --- evaluate ---------------------------------------------------------------------------------------------


def test_results(evaluated):
    run, results = evaluated
    assert json.loads((run / "results.json").read_text(encoding="utf-8")) == results
    assert set(results) == {"protocol", "pairs", "overall", "rtf"}
    assert [(p["source"], p["target"], p["n"]) for p in results["pairs"]] == [(HIGH, LOW, 1), (LOW, HIGH, 1)]
    for pair in [*results["pairs"], results["overall"]]:
        for measure in ("mcd", "msd", "gv", "f0_rmse_cents", "voicing_error", "domain_accuracy"):
            assert set(pair[measure]) >= COLUMNS
            assert all(isinstance(pair[measure][column], float) for column in COLUMNS)
        assert pair["mcd"]["converted"] != pair["mcd"]["resynthesised"]
    assert results["protocol"]["converted_from"] == "features"
    assert results["protocol"]["sample_rate"] == RATE
    assert set(results["rtf"]) == {"analysis", "network", "synthesis", "all"}
    assert results["rtf"]["all"] == pytest.approx(sum(v for k, v in results["rtf"].items() if k != "all"))
    text = (run / "results.md").read_text(encoding="utf-8")
    assert f"{LOW} → {HIGH}" in text
    assert "converted, wave" in text


def test_pictures(evaluated):
    run, _ = evaluated
    expected = [f"{HIGH}-{LOW}_eval_001.png", "gv.png", "losses.png", "modulation.png", f"{LOW}-{HIGH}_eval_001.png"]
    assert files(run / "pictures") == sorted(expected)


def test_waves_without_features(evaluated, corpus, tmp_path, caplog):
    run = copy_run(evaluated[0], tmp_path)
    (run / "converted" / f"{LOW}-{HIGH}" / "eval_001.npz").unlink()
    results = evaluate_run(run, corpus / "eval.jsonl", corpus / "train.jsonl", jobs=1)
    assert results["protocol"]["converted_from"] == "waves"
    assert "no features beside eval_001.wav" in results["protocol"]["converted"]
    assert "no features beside eval_001.wav" in caplog.text
    for mine, theirs in zip(results["pairs"], evaluated[1]["pairs"], strict=True):
        assert mine["mcd"]["converted"] == theirs["mcd"]["resynthesised"]
    expected = [f"{HIGH}-{LOW}_eval_001.png", "gv.png", "modulation.png", f"{LOW}-{HIGH}_eval_001.png"]
    assert files(run / "pictures") == sorted(expected)


def test_without_recordings_of_the_target(evaluated, corpus, tmp_path):
    run = copy_run(evaluated[0], tmp_path)
    shutil.rmtree(run / "converted" / f"{HIGH}-{LOW}")
    entries = [entry for entry in read_manifest(corpus / "eval.jsonl") if entry.domain == LOW]
    write_manifest(tmp_path / "eval.jsonl", entries)
    pair = evaluate_run(run, tmp_path / "eval.jsonl", corpus / "train.jsonl", jobs=1)["pairs"][0]
    assert pair["mcd"]["converted"] is None
    assert pair["natural_reference"] == "training utterances of the target"
    assert isinstance(pair["msd"]["converted"], float)


def test_a_second_take_of_the_target(evaluated, corpus, tmp_path):
    run = copy_run(evaluated[0], tmp_path)
    shutil.rmtree(run / "converted" / f"{HIGH}-{LOW}")
    entries = read_manifest(corpus / "eval.jsonl")
    entries.insert(0, Entry("again", corpus / HIGH / "train_001.wav", HIGH, "eval", pair="eval_001"))
    write_manifest(tmp_path / "eval.jsonl", entries)
    pair = evaluate_run(run, tmp_path / "eval.jsonl", corpus / "train.jsonl", jobs=1)["pairs"][0]
    assert pair["mcd"]["another_take"] > 0
    assert pair["mcd"]["converted"] == evaluated[1]["pairs"][1]["mcd"]["converted"]  # beside the same recording


def damage(run, corpus, what):
    folder = run / "converted" / f"{LOW}-{HIGH}"
    if what == "none":
        shutil.rmtree(run / "converted")
    elif what == "empty":
        for wave in run.rglob("*.wav"):
            wave.unlink()
    elif what == "folder":
        folder.rename(folder.with_name(f"{LOW}-SF1"))
    elif what == "wave":
        shutil.copy(folder / "eval_001.wav", folder / "extra.wav")
    elif what == "seconds":
        (folder / "conversion.json").write_text("[1", encoding="utf-8")
    elif what == "no audio":
        (folder / "conversion.json").write_text('{"network": 1}', encoding="utf-8")
    elif what == "features":
        (folder / "eval_001.npz").write_bytes(b"PK")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("none", r"<source>-<target>; first run `translate convert \S+ \S+eval.jsonl \S+/converted --all --features`"),
        ("empty", r"converted: holds no converted wave"),
        ("folder", r"my-low-SF1: expected a name <source>-<target>; .* my-high, my-low"),
        ("wave", r"extra\.wav: the manifest .*eval\.jsonl has no recording `extra` of my-low"),
        ("seconds", r"conversion\.json: expected seconds by stage"),
        ("no audio", r"conversion\.json: expected seconds of `audio`"),
        ("features", r"eval_001\.npz: no features of"),
    ],
)
def test_damaged_runs(evaluated, corpus, tmp_path, what, message):
    run = copy_run(evaluated[0], tmp_path)
    damage(run, corpus, what)
    with pytest.raises(UserError, match=message):
        evaluate_run(run, corpus / "eval.jsonl", corpus / "train.jsonl", jobs=1)
    assert not (run / "results.json").exists()


def test_a_name_that_two_pairs_fit(corpus, tmp_path):
    (tmp_path / "converted" / "a-b-c").mkdir(parents=True)
    wave = corpus / LOW / "eval_001.wav"
    entries = [Entry("1", wave, domain, "eval") for domain in ("a", "a-b", "b-c", "c")]
    write_manifest(tmp_path / "eval.jsonl", entries)
    with pytest.raises(UserError, match="a-b-c: more than one pair of domains fits the name"):
        evaluate_run(tmp_path, tmp_path / "eval.jsonl", corpus / "train.jsonl", jobs=1)


# --- command line -----------------------------------------------------------------------------------------


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["translate", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_commands(run, corpus, tmp_path, monkeypatch, capsys):
    out = tmp_path / "converted" / f"{LOW}-{HIGH}"
    words = ("convert", run, corpus / "eval.jsonl", out, "--from", LOW, "--to", HIGH, "--features")
    assert command(monkeypatch, *words) == 0
    assert "RTF" in capsys.readouterr().out
    assert files(out) == ["conversion.json", "eval_001.npz", "eval_001.wav"]
    words = ("--eval", corpus / "eval.jsonl", "--train", corpus / "train.jsonl", "--jobs", "1")
    assert command(monkeypatch, "evaluate", tmp_path, *words) == 0
    assert "| converted, wave |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", "RUN", "absent.wav", "out.wav", "--to", LOW), "absent.wav: no such file or folder"),
        (("convert", "nowhere", "CLIP", "out.wav"), "nowhere: no such checkpoint"),
        (("convert", "RUN", "CLIP", "out.wav", "--to", "SF1"), "unknown domain `SF1`"),
        (("convert", "RUN", "CLIP", "out.wav", "--to", LOW, "--device", "banana"), "device `banana`: not available"),
        (("evaluate", "nowhere", "--eval", "a.jsonl", "--train", "b.jsonl"), "nowhere: no such checkpoint"),
    ],
)
def test_commands_with_bad_input(run, clip, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    places = {"RUN": run, "CLIP": clip}
    assert command(monkeypatch, *(places.get(word, word) for word in words)) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"translate: {message}")
    assert printed.err.count("\n") == 1
    assert printed.out == ""
