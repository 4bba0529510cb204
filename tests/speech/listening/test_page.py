"""Pages to listen with, made of tiny runs by the job and by the command line."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from listening_pages import BASELINES, FEATURES, MODELS, SYSTEMS, list_files, read_content, resemble

from translate.cli import main
from translate.config import WorldConfig
from translate.errors import UserError
from translate.jobs.listen import write_listening_page
from translate.jobs.load import load
from translate.speech.analysis.wave import read_wave, write_wave
from translate.speech.analysis.world import World
from translate.speech.listening.loudness import CEILING, measure_loudness
from translate.speech.listening.systems import title_runs


def test_side_by_side(runs, corpus, tmp_path):
    line = write_listening_page(runs, tmp_path / "page", corpus, {})
    assert line == f"{tmp_path / 'page/index.html'}: 3 sentences, 7 systems, at -23 LKFS and 16000 Hz"
    content = read_content(tmp_path / "page")
    assert content["systems"] == SYSTEMS
    assert [row["title"] for row in content["sentences"]] == [f"low → high, eval_00{n}" for n in (1, 2, 3)]
    files = [sound["file"] for row in content["sentences"] for sound in row["sounds"]]
    assert list_files(tmp_path / "page") == sorted([*files, "index.html"])
    assert len(files) == len(set(files)) == 21
    for file in files:
        wave, rate = soundfile.read(tmp_path / "page" / file)
        assert rate == 16000
        assert np.abs(wave).max() <= CEILING + 1e-4
        assert measure_loudness(wave, rate) == pytest.approx(-23, abs=0.1)


def test_sounds_are_those_of_the_systems(runs, corpus, tmp_path):
    """One gain, the one that the page tells, turns each recording into its sound."""
    write_listening_page(runs, tmp_path / "page", corpus, {"sentences": 1, "loudness": -30})
    (row,) = read_content(tmp_path / "page")["sentences"]
    sounds = dict(zip(SYSTEMS, row["sounds"], strict=True))
    originals = {
        "source": corpus.parent / "low/eval_001.wav",
        "natural target": corpus.parent / "high/eval_001.wav",
        **{run.name: run / "converted/low-high/eval_001.wav" for run in runs},
    }
    waves = {name: read_wave(tmp_path / "page" / sound["file"])[0] for name, sound in sounds.items()}
    for name, path in originals.items():
        np.testing.assert_allclose(waves[name], read_wave(path)[0] * 10 ** (sounds[name]["gain"] / 20), 0.01, 2e-4)
    resynthesised, _ = load(runs[0]).convert(read_wave(originals["source"])[0], 16000, "low", "high", amount=0)
    assert resemble(waves["source through the vocoder"], resynthesised)
    world = World(WorldConfig(**FEATURES))
    shape, pitch = {}, {}
    for name in (*BASELINES, "natural target"):
        mcep, f0 = world.analyse_frames(waves[name])
        shape[name], pitch[name] = mcep[:, 1:].mean(axis=0), np.median(f0[f0 > 0])
    distance = {name: np.linalg.norm(mean - shape["natural target"]) for name, mean in shape.items()}
    assert distance["mean-variance"] < 0.7 * distance["source through the vocoder"]
    assert pitch["source through the vocoder"] == pytest.approx(pitch["source"], rel=0.02)
    assert pitch["mean-variance"] == pytest.approx(pitch["natural target"], rel=0.15)


def test_all_directions_without_a_manifest(runs, tmp_path):
    write_listening_page(runs[:1], tmp_path / "page", None, {"sentences": 4})
    content = read_content(tmp_path / "page")
    assert content["systems"] == MODELS[:1]
    assert [row["title"] for row in content["sentences"]] == [
        "high → low, eval_001", "high → low, eval_002", "low → high, eval_001", "low → high, eval_002",
    ]  # fmt: skip
    write_listening_page(runs[:1], tmp_path / "other", None, {"source": "low"})
    assert [row["title"][:10] for row in read_content(tmp_path / "other")["sentences"]] == ["low → high"] * 3


def test_without_a_checkpoint(runs, corpus, tmp_path):
    shutil.copytree(runs[0] / "converted", tmp_path / "bare/converted")
    write_listening_page([tmp_path / "bare"], tmp_path / "page", corpus, {})
    assert read_content(tmp_path / "page")["systems"] == ["source", "bare", "natural target"]
    with pytest.raises(UserError, match="give the manifest"):
        write_listening_page([tmp_path / "bare"], tmp_path / "other", None, {})


def test_a_sound_that_cannot_be_as_loud_is_told(runs, corpus, tmp_path, caplog):
    shutil.copytree(runs[0] / "converted", tmp_path / "clicks/converted")
    clicks = np.zeros(8000)
    clicks[::1000] = 1
    write_wave(tmp_path / "clicks/converted/low-high/eval_001.wav", clicks, 16000)
    write_listening_page([tmp_path / "clicks"], tmp_path / "page", corpus, {})
    told = [record.getMessage() for record in caplog.records if "softer than the others" in record.getMessage()]
    assert len(told) == 1
    assert "low-high/eval_001.wav: " in told[0]


def test_what_names_hold_stays_text(runs, corpus, tmp_path):
    (tmp_path / "<").mkdir()
    run = tmp_path / "<" / "script><!--"
    shutil.copytree(runs[0] / "converted", run / "converted")
    write_listening_page([run], tmp_path / "page", corpus, {"sentences": 1})
    assert read_content(tmp_path / "page")["systems"][1] == "script><!--"
    assert "<!--" not in (tmp_path / "page/index.html").read_text(encoding="utf-8").split("<body>")[1]


def test_titles_of_runs():
    paths = [Path("/a/exp/one"), Path("/b/exp/two"), Path("/b/source")]
    assert title_runs(paths, ["source"]) == ["exp/one", "exp/two", "b/source"]
    assert title_runs(paths[:2], ["source"]) == ["one", "two"]
    assert title_runs([Path("/a/x/one"), Path("/b/x/one")], []) == ["a/x/one", "b/x/one"]
    with pytest.raises(UserError, match="given twice"):
        title_runs([Path("/a/one"), Path("/a/../a/one")], [])


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentence": 3}, "options: unknown key `sentence`; did you mean `sentences`?"),
        ({"sentences": 0}, "options: `sentences` is 0"),
        ({"sentences": 101}, "options: `sentences` is 101"),
        ({"seed": 1}, "seed: only with blind=true"),
        ({"source": "nobody"}, "no such direction; the runs have low to high"),
        ({"blind": True, "trials": 4}, "trials=4: expected at least 5, one for each pair of systems"),
        ({"runs": 1}, "options: unknown key `runs`"),
    ],
)
def test_bad_options(runs, corpus, tmp_path, options, message):
    with pytest.raises(UserError) as error:
        write_listening_page(runs, tmp_path / "page", corpus, options)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_bad_runs(runs, corpus, tmp_path):
    with pytest.raises(UserError, match="first run `translate convert"):
        write_listening_page([tmp_path / "none"], tmp_path / "page", corpus, {})
    with pytest.raises(UserError, match="there is one; give another run, --eval, or tests=mos"):
        write_listening_page(runs[:1], tmp_path / "page", None, {"blind": True})
    run = tmp_path / "run"
    shutil.copytree(runs[0] / "converted", run / "converted")
    write_wave(run / "converted/low-high/eval_003.wav", np.zeros(8000), 16000)
    with pytest.raises(UserError, match=r"eval_003\.wav: silent"):
        write_listening_page([run], tmp_path / "page", corpus, {})
    write_wave(run / "converted/low-high/eval_003.wav", 0.1 * np.ones(61 * 16000), 16000)
    with pytest.raises(UserError, match=r"eval_003\.wav: 61 s; at most 60 s"):
        write_listening_page([run], tmp_path / "page", corpus, {})
    (run / "converted/low-high/eval_003.wav").rename(run / "converted/low-high/unknown.wav")
    with pytest.raises(UserError, match="has no recording `unknown` of low"):
        write_listening_page([run], tmp_path / "page", corpus, {})
    assert list(tmp_path.iterdir()) == [run]                        # nothing half-written


def test_a_folder_that_is_there_stays(runs, corpus, tmp_path):
    (tmp_path / "page").mkdir()
    write_listening_page(runs[:1], tmp_path / "page", None, {})     # empty
    with pytest.raises(UserError, match="is there already"):
        write_listening_page(runs[:1], tmp_path / "page", None, {})
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="cannot write"):
        write_listening_page(runs[:1], tmp_path / "file/page", None, {})


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs the command: (exit status, standard output, standard error)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["translate", "listen", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        shown = capsys.readouterr()
        return stop.value.code, shown.out, shown.err

    return run


def test_the_command(runs, corpus, tmp_path, call):
    page = tmp_path / "page"
    code, out, _ = call(*runs, "blind=true", "tests=abx", "--out", page, "--eval", corpus)
    assert code == 0
    assert "15 blind trials" in out
    key = json.loads((page / "key.json").read_text(encoding="utf-8"))
    rows = [f"{key['page']},anna,{id},abx,x,{trial['x']}" for id, trial in key["trials"].items()]
    answers = tmp_path / "anna.csv"
    answers.write_text("\n".join(["page,listener,trial,test,question,answer", *rows]), encoding="utf-8")
    code, out, _ = call("--analyse", answers, "--key", page / "key.json")
    assert code == 0
    assert len(re.findall(r"\| +100\.0 \|", out)) == 5 == out.count("0.2500")       # three of three: 2 / 2^3


def test_the_command_says_what_is_wrong(tmp_path, call):
    for words, message in (
        (["exp/one"], "--out: name the folder of the page"),
        (["--analyse", "a.csv"], "give the page's key"),
        (["--analyse", "a.csv", "--key", "k", "--out", "p"], "leave --out and --eval out"),
        (["exp/one", "--out", "p", "--key", "k"], "--key: only with --analyse"),
        (["blind=true", "--out", "p"], "0 runs: expected 1 to 20"),
    ):
        code, _, error = call(*words)
        assert (code, error.count("\n")) == (2, 1), error
        assert message in error
