"""The recipes from end to end on toy data, as a user runs them."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest
from recipe_runs import run

pytestmark = pytest.mark.usefixtures("commands")


def test_mini_learns_in_a_shortened_form(project):
    """Two synthetic voices: the converted mel-cepstra are nearer to the target's than the source's are."""
    process = run(project / "egs/mini", "--config", "conf/short.yaml", "--tag", "short")
    results = json.loads((project / "egs/mini/exp/short/results.json").read_text())
    assert {(p["source"], p["target"]) for p in results["pairs"]} == {("low", "high"), ("high", "low")}
    for pair in results["pairs"]:
        assert pair["mcd"]["converted"] < pair["mcd"]["source"] - 0.1, pair["mcd"]
        assert pair["n"] == 6
    assert "low → high" in process.stdout
    for name in ("results.md", "latest/weights.safetensors", "log.jsonl", "pictures/losses.png"):
        assert (project / "egs/mini/exp/short" / name).exists(), name


@pytest.mark.slow
def test_mini_goes_on_where_it_was(project):
    """The same command again trains nothing and ends with the same table."""
    run_folder = project / "egs/mini/exp/short"
    before = os.path.getmtime(run_folder / "latest/weights.safetensors")
    process = run(project / "egs/mini", "--config", "conf/short.yaml", "--tag", "short", "--stage", "2")
    assert "low → high" in process.stdout
    assert os.path.getmtime(run_folder / "latest/weights.safetensors") == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--nonsense", "1"], "unknown option --nonsense"),
        (["--config", "conf/none.yaml"], "no configuration conf/none.yaml; there are: conf/"),
        (["--stage"], "option --stage needs a value"),
        (["word"], "unexpected argument word"),
        (["--stage", "3", "--tag", "bad", "train.stepps=3"], "train.stepps"),
    ],
)
def test_bad_options_end_in_one_line(project, arguments, expected):
    process = run(project / "egs/mini", *arguments, check=False)
    assert process.returncode == 2
    lines = [line for line in process.stderr.splitlines() if not line.startswith("[")]
    assert len(lines) == 1
    assert expected in lines[0]


def test_vcc2016_needs_its_corpus(project):
    process = run(project / "egs/vcc2016", check=False)
    assert process.returncode == 2
    assert "--corpus DIR" in process.stderr


@pytest.mark.slow
def test_vcc2016_runs_on_real_speech(project, real_data):
    """Real recordings through all stages, a few steps at a tiny width; no quality is claimed."""
    run(
        project / "egs/vcc2016", "--corpus", str(real_data / "vcc2016"), "--source", "SM1", "--target", "TF1",
        "--tag", "tiny", "network.channels=4", "network.blocks=1", "train.steps=4", "train.log_every=2",
        "train.evaluate_every=4",
    )  # fmt: skip
    counts = {}
    for split in ("train", "dev", "eval"):
        lines = (project / "egs/vcc2016/data" / f"{split}.jsonl").read_text().splitlines()
        counts[split] = sum(json.loads(line)["domain"] == "SM1" for line in lines)
    assert counts == {"train": 26, "dev": 4, "eval": 5}
    assert (project / "egs/vcc2016/exp/tiny/best").is_symlink()
    results = json.loads((project / "egs/vcc2016/exp/tiny/results.json").read_text())
    pair = next(p for p in results["pairs"] if (p["source"], p["target"]) == ("SM1", "TF1"))
    assert pair["mcd"]["source"] == pytest.approx(9.31, abs=0.03)
    assert pair["mcd"]["mean_variance"] == pytest.approx(9.02, abs=0.05)
    assert pair["mcd"]["linear"] == pytest.approx(8.05, abs=0.05)


def make_archives(folder: Path, sentences: int = 81) -> None:
    """The three archives of VCC 2018 in their layout, with empty files."""
    folder.mkdir()
    sources = [f"VCC2S{gender}{n}" for gender in "FM" for n in (1, 2, 3, 4)]
    targets = [f"VCC2T{gender}{n}" for gender in "FM" for n in (1, 2)]
    parts = {
        "training": (10000, sentences, sources + targets),
        "evaluation": (30000, 35, sources),
        "reference": (30000, 35, targets),
    }
    for part, (first, count, of_part) in parts.items():
        with zipfile.ZipFile(folder / f"vcc2018_database_{part}.zip", "w") as archive:
            for speaker in of_part:
                for number in range(1, count + 1):
                    archive.writestr(f"vcc2018_{part}/{speaker}/{first + number}.wav", b"")


@pytest.mark.parametrize(("sentences", "ok"), [(81, True), (80, False)])
def test_vcc2018_archives_are_laid_out_and_counted(project, tmp_path, sentences, ok):
    make_archives(tmp_path / "server", sentences)
    script = project / "egs/vcc2018/local/get_corpus.sh"
    process = subprocess.run(
        ["bash", str(script), str(tmp_path / "corpus")], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "VCC2018_URL": f"file://{tmp_path}/server"},
    )  # fmt: skip
    if ok:
        assert process.returncode == 0, process.stderr
        assert process.stdout.strip() == str(tmp_path / "corpus")
        assert len(list((tmp_path / "corpus" / "SF3").glob("1*.wav"))) == 81
        assert len(list((tmp_path / "corpus" / "TM1").glob("3*.wav"))) == 35
    else:
        assert process.returncode == 2
        assert "80 training and 35 evaluation sentences; expected 81 and 35" in process.stderr


def test_vcc2018_names_a_damaged_archive(project, tmp_path):
    make_archives(tmp_path / "server")
    archive = tmp_path / "server" / "vcc2018_database_training.zip"
    archive.write_bytes(archive.read_bytes()[:5000])
    process = subprocess.run(
        ["bash", str(project / "egs/vcc2018/local/get_corpus.sh"), str(tmp_path / "corpus")], cwd=tmp_path,
        capture_output=True, text=True, env={**os.environ, "VCC2018_URL": f"file://{tmp_path}/server"},
    )  # fmt: skip
    assert process.returncode == 2
    assert "vcc2018_database_training.zip is damaged" in process.stderr
