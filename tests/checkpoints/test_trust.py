"""Who trained with code of his own converts with it; no folder brings trust along, nor code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from translate.checkpoints import trust
from translate.checkpoints.share import share
from translate.checkpoints.store import find_checkpoint
from translate.checkpoints.trust import check_trust, remember_code
from translate.errors import UserError
from translate.training.trainer import train

MODEL = "from translate.models.speech.cyclegan_vc2 import CycleGanVc2\n\n\nclass Mine(CycleGanVc2):\n    pass\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Of a user who has trained nothing yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(trust, "_noted", set())
    return tmp_path / "state"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A model at `project/trust_mine.py`, and what an own network needs."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project/trust_mine.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path / "project")
    yield "trust_mine"
    sys.modules.pop("trust_mine", None)


def run(*arguments, cwd, **environment):
    """The command line in a process of its own, in which nothing is on the path but what `environment` says."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_training_is_remembered_outside_of_the_run(make_run, own, home, tmp_path, monkeypatch):
    train(*make_run(f"model={own}", "train.steps=2").arguments(tmp_path / "run"))
    monkeypatch.setattr(trust, "_noted", set())                     # another process
    shutil.copytree(tmp_path / "run", tmp_path / "moved", symlinks=True)
    for folder in ("run", "moved"):
        assert find_checkpoint(tmp_path / folder).name == "step_00000002"
    train(*make_run(f"model={own}", "train.steps=4").arguments(tmp_path / "moved"))
    share(tmp_path / "moved", tmp_path / "shared")
    card = (tmp_path / "shared/README.md").read_text()
    assert "code that is not in this folder: `trust_mine`." in card
    assert "    export TRANSLATE_TRUST=trust_mine\n" in card
    assert (home / "translate/own_code").read_text() == f"{own} {tmp_path}/project/trust_mine.py\n"
    shutil.rmtree(home)                                             # the same folder on another machine
    monkeypatch.setattr(trust, "_noted", set())
    with pytest.raises(UserError, match=r"`trust_mine` is foreign code; .*TRANSLATE_TRUST=trust_mine"):
        find_checkpoint(tmp_path / "run")
    train(*make_run(f"model={own}", "train.steps=6").arguments(tmp_path / "moved"))  # he names it himself: resumes
    assert find_checkpoint(tmp_path / "run")


def test_each_path_is_remembered_by_itself(home):
    remember_code(make_config(networks={"generator": "json.make"}, losses={"generator": {"csv.loss": 1.0}}))
    check_trust({"own": {"networks": {"discriminator": "json.make"}}}, "it")
    for path in ("json.load", "json", "json.make.more", "csv"):
        with pytest.raises(UserError, match="is foreign code"):
            check_trust({"own": {"networks": {"generator": path}}}, "it")


def make_config(**own):
    from translate.models import resolve

    return resolve({"model": "cyclegan_vc2", "data": {"domains": ["a", "b"]}, "own": own}, "test")


def test_code_of_the_same_name_elsewhere_is_not_taken_for_it(make_run, own, tmp_path, monkeypatch):
    remember_code(make_run(f"model={own}").config)
    check_trust({"model": own}, "it")
    sys.modules.pop(own)
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/trust_mine.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path / "strange")
    with pytest.raises(UserError, match="`trust_mine` is foreign code"):
        check_trust({"model": own}, "it")


@pytest.mark.parametrize("path", ["x; rm -rf ~", "a\nb", "", ".a", "a..b", "\x1b[2J"])
def test_what_is_no_path_is_not_offered_for_trust(path):
    with pytest.raises(UserError, match="is no dotted path") as error:
        check_trust({"model": path}, "it")
    assert "TRANSLATE_TRUST" not in str(error.value)
    assert str(error.value).isprintable()


def test_without_a_place_for_the_record_the_user_is_told(own, make_run, home, monkeypatch, caplog):
    home.write_text("a file, where a folder should be")
    caplog.set_level("INFO", "translate")
    remember_code(make_run(f"model={own}").config)
    assert "to convert with it: export TRANSLATE_TRUST=trust_mine" in caplog.text
    check_trust({"model": own}, "it")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")                # would be the current folder's
    assert trust._place_record().is_relative_to(Path.home())


def test_the_current_folder_is_not_on_the_path(make_run, own, tmp_path):
    """A stranger's folder with a checkpoint, a state.pt and the module that it names."""
    train(*make_run(f"model={own}", "train.steps=2").arguments(tmp_path / "strange"))
    shutil.rmtree(tmp_path / "state")
    strange = tmp_path / "strange"
    (strange / "trust_mine.py").write_text("open('ran', 'w')\n" + MODEL)
    (strange / "yaml.py").write_text("open('ran', 'w')\n")          # nor what the toolkit imports itself
    (strange / "latest/state.pt").write_bytes(b"")
    command = ("-m", "translate", "convert", "latest", "in.wav", "out.wav", "--to", "high")
    done = run(*command, cwd=strange)
    assert done.returncode == 2, done.stderr
    assert "`trust_mine` is foreign code" in done.stderr
    assert not (strange / "ran").exists()
    done = run(*command, cwd=strange, TRANSLATE_TRUST="trust_mine")
    assert done.returncode == 2
    assert "your own: the path of a module on PYTHONPATH" in done.stderr
    assert not (strange / "ran").exists()


def test_python_m_and_the_command_train_alike(train_command, own, tmp_path):
    """With the module on PYTHONPATH, as the pages say, from training to resuming and converting; no word needed."""
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}/project"}
    for steps in (1, 2):
        done = run("-m", "translate", *train_command(tmp_path / "run", f"model={own}", f"train.steps={steps}"),
                   cwd=tmp_path, **path)  # fmt: skip
        assert done.returncode == 0, done.stderr
    program = "from translate.checkpoints.store import find_checkpoint; print(find_checkpoint('run'))"
    done = run("-c", program, cwd=tmp_path, **path)
    assert done.stdout.strip().endswith("step_00000002"), done.stderr


def test_the_package_may_lie_in_the_current_folder():
    done = subprocess.run(
        [sys.executable, "-m", "translate", "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
