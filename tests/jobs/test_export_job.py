"""`translate export` and the runners of docs/export.md, which must do without PyTorch."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from PIL import Image
from typer.testing import CliRunner

from translate.checkpoints.store import save_checkpoint
from translate.cli import app
from translate.config import merge
from translate.errors import UserError
from translate.export import write as module
from translate.jobs.convert import convert_files
from translate.jobs.export import export_run
from translate.models import resolve
from translate.speech.analysis.front_end import make_front_end
from translate.speech.analysis.statistics import Statistics, pack_statistics

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
TWO = {"data": {"domains": ["a", "b"]}}


def save(folder, model, **sections):
    """A run of a small untrained model."""
    config = resolve(merge({"model": model, **TWO}, sections), "test")
    torch.manual_seed(0)
    translator = config.build()
    statistics = {}
    if hasattr(config, "features"):
        frames, _ = make_front_end(config.features).analyse_frames(make_vowel())
        level, spread = frames.mean(axis=0), np.full(frames.shape[1], 0.3)
        statistics = {
            "a": Statistics(level, spread, np.log(120), 0.2, 100, 80),
            "b": Statistics(level + 0.1, 2 * spread, np.log(200), 0.3, 100, 80),
        }
    save_checkpoint(folder, 1, config, translator.state_dict(), {}, pack_statistics(statistics), {}, keep=1)
    return folder


def make_vowel():
    """0.7 s of harmonics of 180 Hz and a little noise."""
    time = np.arange(int(0.7 * RATE)) / RATE
    partials = [np.sin(2 * np.pi * 180 * k * time + k) / k for k in range(1, 30)]
    return 0.03 * np.sum(partials, axis=0) + 1e-3 * np.random.default_rng(0).normal(size=len(time))


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return save(
        tmp_path_factory.mktemp("voice"), "cyclegan_vc",
        network={"channels": 4, "blocks": 1}, features={"sample_rate": RATE, "dimensions": 13, "f0": "dio"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    network = {"channels": 4, "blocks": 1}
    return save(tmp_path_factory.mktemp("picture"), "srresnet", network=network, images={"scale": 2})


def run_without_torch(folder, number, *arguments, status=0):
    """The runner that is block `number` of docs/export.md, where `import torch` fails; returns its standard error."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(encoding="utf-8"), re.DOTALL)
    program = folder / "runner.py"
    program.write_text("import sys\nsys.modules['torch'] = sys.modules['translate'] = None\n" + blocks[number])
    command = [sys.executable, str(program), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status, done.stderr
    return done.stderr


def test_a_picture_without_pytorch(picture, tmp_path):
    (written,) = export_run(picture, tmp_path / "onnx")
    assert written.path == tmp_path / "onnx" / "a-b.onnx"
    assert written.size == written.path.stat().st_size
    assert [path.name for path in written.path.parent.iterdir()] == ["a-b.onnx"]
    pixels = np.random.default_rng(0).integers(0, 256, (31, 22, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "given.png")
    run_without_torch(tmp_path, 0, written.path, "given.png", "found.png")
    convert_files(picture, tmp_path / "given.png", tmp_path / "expected.png")
    found, expected = (np.asarray(Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("found", "expected"))
    assert found.shape == expected.shape == (62, 44, 3)
    assert np.abs(found - expected).max() <= 1                      # a value between two may be rounded either way
    assert expected.std() > 2
    refused = run_without_torch(tmp_path, 1, written.path, "given.wav", "found.wav", status=1)
    assert refused.endswith("a-b.onnx is for picture; this program is for WORLD's mel-cepstra, of voices\n")


def test_a_voice_without_pytorch(voice, tmp_path):
    """The way back of two, through the command line."""
    result = CliRunner().invoke(app, ["export", str(voice), str(tmp_path), "--from", "b", "--to", "a"])
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r".*b-a\.onnx: \d+\.\d+ MB, differs from PyTorch by \d\.\de-\d\d at most\n", result.output)
    assert [path.name for path in tmp_path.iterdir()] == ["b-a.onnx"]
    soundfile.write(tmp_path / "given.wav", make_vowel(), RATE, subtype="PCM_16")
    compare_voices(tmp_path, "b-a.onnx", voice, "b", "a")


@pytest.mark.slow
def test_a_pretrained_voice_without_pytorch(tmp_path):
    """The codec sptk; a recording of two channels and another rate."""
    run = ROOT / "pretrained" / "cyclegan_vc2-SF1-TM1"
    export_run(run, tmp_path, "SF1", "TM1")
    wave = soxr.resample(make_vowel(), RATE, 22050)
    soundfile.write(tmp_path / "given.wav", np.stack([wave, 0.5 * wave], axis=1), 22050, subtype="PCM_16")
    compare_voices(tmp_path, "SF1-TM1.onnx", run, "SF1", "TM1")


def compare_voices(folder, graph, run, source, target):
    """The runner's `found.wav` with what `translate convert` makes of `given.wav`."""
    assert "pkg_resources" not in run_without_torch(folder, 1, graph, "given.wav", "found.wav")
    convert_files(run, folder / "given.wav", folder / "expected.wav", source, target)
    (found, rate), (expected, _) = (soundfile.read(folder / f"{name}.wav") for name in ("found", "expected"))
    assert rate == RATE
    assert found.shape == expected.shape
    assert np.sqrt(np.mean(expected**2)) > 1e-3
    assert np.abs(found - expected).max() < 5e-3 * np.abs(expected).max() + 2 / 32768
    given, given_rate = soundfile.read(folder / "given.wav", always_2d=True)
    given = soxr.resample(given.mean(axis=1), given_rate, RATE)
    assert np.abs(expected - given[: len(expected)]).max() > 0.01


def test_nothing_is_written_when_a_graph_differs(picture, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "measure_difference", lambda *_: 2e-4)
    with pytest.raises(UserError, match=r"a-b: the graph differs from PyTorch by 2\.0e-04; expected below 0\.0001"):
        export_run(picture, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()


def test_what_cannot_be_exported(voice, tmp_path):
    with pytest.raises(UserError, match="unknown domain `c`; this model knows a, b"):
        export_run(voice, tmp_path, "c")
    with pytest.raises(UserError, match="no such checkpoint"):
        export_run(tmp_path / "nothing", tmp_path / "onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: is a file; expected a folder for the graphs"):
        export_run(voice, tmp_path / "file")
    many = save(tmp_path / "many", "stargan", network={"channels": 4, "blocks": 1}, data={"batches": "labelled"})
    with pytest.raises(UserError, match="--from and --to: one graph has all domains"):
        export_run(many, tmp_path / "onnx", "a", "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "many"]


@pytest.mark.slow
def test_stage_six_of_a_recipe(picture, tmp_path):
    for folder in ("egs/bsd", "recipes", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("data", "exp", "corpus"))
    (tmp_path / "tools" / "setup.sh").write_text("exit 0\n")         # the tests' own environment serves
    shutil.copytree(picture, tmp_path / "egs/bsd/exp/srresnet", symlinks=True)
    command = ["bash", str(tmp_path / "egs/bsd/run.sh"), "--stage", "6", "--stop_stage", "6"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert [path.name for path in (tmp_path / "egs/bsd/exp/srresnet/onnx").iterdir()] == ["a-b.onnx"]
    failed = subprocess.run([*command, "--tag", "other"], cwd=tmp_path, capture_output=True, text=True)
    assert failed.returncode == 2
    assert "no checkpoint in exp/other; run stage 3 first" in failed.stderr
