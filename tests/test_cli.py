"""Help, exit statuses, and one line on stderr for whatever is wrong."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from translate import __version__
from translate.cli import app, main

VERBS = [command.name or command.callback.__name__ for command in app.registered_commands]
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """Features as `translate extract` leaves them, of noise."""
    from translate.config import WorldConfig
    from translate.speech.analysis.statistics import moments

    folder = tmp_path_factory.mktemp("features")
    config = WorldConfig(sample_rate=16000, dimensions=12)
    (folder / "features.json").write_text(json.dumps(config.model_dump()))
    for seed, domain in enumerate(("low", "high")):
        mcep = np.random.default_rng(seed).normal(size=(60, 12)).astype(np.float32)
        f0 = np.full(60, 120, dtype=np.float32)
        place = folder / "train" / domain
        place.mkdir(parents=True)
        np.save(place / "features.npy", mcep)
        np.save(place / "f0.npy", f0)
        np.save(place / "moments.npy", moments(mcep, f0)[None])
        index = {"ids": [domain], "pairs": [None], "paths": [""], "frames": [60], "seconds": [0.3]}
        (place / "index.json").write_text(json.dumps(index))
    return folder


TINY = [
    "model=cyclegan_vc2", "features.sample_rate=16000", "features.dimensions=12", "network.channels=4",
    "network.blocks=1", "train.crop=16", "train.steps=2", "train.sample_every=0", "train.device=cpu",
]  # fmt: skip


@pytest.fixture
def call(monkeypatch, capfd):
    """Runs the command in this process: (exit status, stdout, stderr)."""
    level = logging.getLogger("translate").level

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["translate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        shown = capfd.readouterr()
        return stop.value.code, shown.out, shown.err

    yield run
    logging.getLogger("translate").setLevel(level)


def start(*arguments):
    """Runs the command in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "translate", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb):
    result = CliRunner().invoke(app, [verb, "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"translate {verb} " in result.output.split("Example")[1]


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["evaluate", "--help"]])
def test_flags_do_not_look_as_if_they_took_a_value(arguments):
    shown = CliRunner().invoke(app, arguments, terminal_width=200).output
    flag = {"--help": "--version", "convert": "--stream", "evaluate": "--deep"}[arguments[0]]
    assert re.search(rf"{flag} +[A-Z]", shown)                     # its help comes next
    assert "bool" not in shown.lower()
    assert arguments == ["--help"] or re.search(r"--(?:seed|jobs) +<?int", shown, re.IGNORECASE)


def test_help_names_every_verb():
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert {"models", "doctor", "prepare", "extract", "train", "convert", "evaluate"} <= set(VERBS)
    assert all(verb in result.output for verb in VERBS)
    assert "egs/mini/run.sh" in result.output


def test_version(call):
    assert call("--version") == (0, __version__ + "\n", "")


HEAVY = ("torch", "librosa", "sklearn", "matplotlib", "scipy", "tensorboard", "pyworld", "joblib")


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys\nfrom translate.cli import main\n"
        f"sys.argv = ['translate', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert stop.code == 0\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "HEAVY []"


def mistakes(dump, tmp_path):
    (tmp_path / "broken.yaml").write_text("model: cyclegan_vc2\ntrain: [1, 2\n")
    (tmp_path / "other.yaml").write_text("model: cyclegan_vc2\nfeatures: {sample_rate: 16000, dimensions: 24}\n")
    (tmp_path / "file").write_text("")
    train = ["train", "--features", dump, "--out", tmp_path / "run", "--source", "low", "--target", "high"]
    return {
        "unknown model": ([*train, "model=cyclegan_vc9"], "unknown model `cyclegan_vc9`; did you mean `cyclegan_vc"),
        "no model": (train, "configuration: `model` is required"),
        "unknown key": ([*train, *TINY, "train.stpes=3"], "unknown key `train.stpes`; did you mean `train.steps`?"),
        "wrong value": ([*train, *TINY, "train.steps=0"], "`train.steps` is 0: it should be greater than"),
        "wrong override": ([*train, *TINY, "train.steps"], "override `train.steps`: expected key=value"),
        "broken YAML": ([*train, "--config", tmp_path / "broken.yaml"], "broken.yaml: not valid YAML (line 3"),
        "no YAML": ([*train, "--config", tmp_path / "none.yaml"], "none.yaml: cannot read the configuration"),
        "no features": (
            ["train", "--features", tmp_path / "none", *train[3:], *TINY], "none/features.json: cannot read",
        ),
        "other features": (
            [*train, "--config", tmp_path / "other.yaml"],
            "extracted with other settings (dimensions=12 there, 24 here)",
        ),
        "unknown domain": ([*train[:-1], "child", *TINY], "no domain `child` in split `train`; found: high, low"),
        "one domain": ([*train[:-2], *TINY], "--source and --target go together"),
        "no domains": ([*train[:-4], *TINY], "`data.domains` is []: expected two or more different names"),
        "the same domain twice": ([*train[:-1], "low", *TINY], "expected two or more different names"),
        "no GPU": ([*train, *TINY, "train.device=cuda"], "train.device is cuda: this process needs GPU 0"),
        "out is a file": (
            ["train", "--features", dump, "--out", tmp_path / "file" / "run", *train[5:], *TINY], "Not a directory",
        ),
        "unknown model to list": (["models", "model=xyz"], "unknown model `xyz`; known: cyclegan, pix2pix"),
        "no checkpoint": (["convert", tmp_path / "none", "a.wav", "b.wav"], "none: no such checkpoint"),
        "no manifest": (
            ["extract", tmp_path / "none.jsonl", "--out", tmp_path / "run", TINY[0]], "none.jsonl",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("mistake", [
    "unknown model", "no model", "unknown key", "wrong value", "wrong override", "broken YAML", "no YAML",
    "no features", "other features", "unknown domain", "one domain", "no domains", "the same domain twice", "no GPU",
    "out is a file", "unknown model to list", "no checkpoint", "no manifest",
])  # fmt: skip
def test_mistakes_end_in_one_line_and_status_2(call, dump, tmp_path, monkeypatch, mistake):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    arguments, words = mistakes(dump, tmp_path)[mistake]
    status, out, err = call(*arguments)
    assert status == 2, err
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("translate: ")
    assert words in err
    assert not (tmp_path / "run").exists()                                  # nothing half-written


@pytest.mark.parametrize("arguments", [["train"], ["convert", "a"], ["train", "--no-such-option"], ["no_such_verb"]])
def test_usage_errors_have_status_2(call, arguments):
    status, _, err = call(*arguments)
    assert status == 2
    assert "Traceback" not in err


def test_a_process_of_its_own_says_the_same(dump, tmp_path):
    """Logging and the imports of a fresh interpreter add nothing."""
    arguments = ["--features", dump, "--out", tmp_path / "run", "--source", "low", "--target", "child", *TINY]
    result = start("train", *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"translate: {dump}: no domain `child` in split `train`; found: high, low\n"


def test_training_prints_the_checkpoint_alone_to_stdout(call, dump, tmp_path):
    arguments = ["--features", dump, "--out", tmp_path / "run", "--source", "low", "--target", "high", *TINY]
    status, out, _ = call("train", *arguments)
    assert status == 0
    assert out == f"{(tmp_path / 'run' / 'step_00000002').resolve()}\n"


def test_a_person_who_stops_training_is_told_how_to_go_on(call, dump, tmp_path, monkeypatch):
    from translate.jobs import train as job

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "train", stop)
    status, out, err = call(
        "train", "--features", dump, "--out", tmp_path / "run", "--source", "low", "--target", "high", *TINY
    )
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == "translate: stopped; the same command begins again: there is no checkpoint yet"
    assert "Traceback" not in err


def test_a_system_error_without_a_file_is_one_line(call, monkeypatch):
    from translate.jobs import describe

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(describe, "describe_models", fail)
    assert call("models") == (2, "", "translate: No space left on device\n")
