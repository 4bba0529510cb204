"""What is taken where `latest` or `best` points at nothing that is whole."""

import os
import shutil

import pytest

from translate.checkpoints.steps import find_latest, is_whole
from translate.checkpoints.store import find_checkpoint
from translate.errors import UserError
from translate.training.trainer import train

OPTIONS = ("train.steps=6", "train.save_every=2", "train.log_every=2", "train.keep=3", "players.generator.average=0.9")
FILES = ("average.safetensors", "config.yaml", "state.pt", "statistics.safetensors", "weights.safetensors")


@pytest.fixture
def finished(tmp_path, make_run):
    """A run with the steps 2, 4 and 6; `latest` and `best` point at the last."""
    train(*make_run(*OPTIONS).arguments(tmp_path / "run"))
    (tmp_path / "run" / "best").symlink_to("step_00000006")
    return tmp_path / "run"


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "gone": shutil.rmtree,
    **{f"no {name}": lambda step, name=name: (step / name).unlink() for name in FILES if name != "average.safetensors"},
    **{f"half of {name}": lambda step, name=name: halve(step / name) for name in FILES if name != "config.yaml"},
    "empty files": lambda step: [path.write_bytes(b"") for path in step.iterdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_training_goes_on_from_the_newest_whole_step(finished, make_run, differing, tmp_path, caplog, damage):
    whole = shutil.copytree(finished / "step_00000006", tmp_path / "whole")
    DAMAGES[damage](finished / "step_00000006")
    caplog.set_level("INFO", logger="translate")
    last = train(*make_run(*OPTIONS).arguments(finished))
    told = [line for line in caplog.text.splitlines() if "latest" in line]
    assert len(told) == 1
    assert "latest: points at step_00000006, which is missing or damaged; step_00000004 is taken" in told[0]
    assert last.name == "step_00000006"
    assert differing(last, whole) == []


@pytest.mark.parametrize("link", ["latest", "best"])
@pytest.mark.parametrize("damage", ["gone", "half of weights.safetensors", "no statistics.safetensors"])
def test_conversion_takes_the_newest_whole_step(finished, caplog, link, damage):
    DAMAGES[damage](finished / "step_00000006")
    caplog.set_level("INFO", logger="translate")
    for _ in range(2):                                              # told once
        assert find_checkpoint(finished / link).name == "step_00000004"
    assert caplog.text.count("step_00000006, which is missing or damaged; step_00000004 is taken") == 1
    assert find_checkpoint(finished).name == "step_00000004"
    assert os.readlink(finished / link) == "step_00000006"          # reading changes nothing


def test_training_mends_the_link(finished, make_run):
    """Also when no step is left to train, so that programs which read the link find a checkpoint."""
    shutil.rmtree(finished / "step_00000006")
    train(*make_run("train.steps=4", *OPTIONS[1:]).arguments(finished))
    assert os.readlink(finished / "latest") == "step_00000004"


def test_a_run_that_has_lost_its_links_goes_on(finished, make_run):
    """As after a copy through a place that knows no links."""
    (finished / "latest").unlink()
    (finished / "best").unlink()
    assert find_checkpoint(finished) == find_checkpoint(finished / "latest") == (finished / "step_00000006").resolve()
    with pytest.raises(UserError, match="best: no such checkpoint"):
        find_checkpoint(finished / "best")
    train(*make_run(*OPTIONS).arguments(finished))
    assert os.readlink(finished / "latest") == "step_00000006"


def test_a_step_that_is_asked_for_by_name_is_no_other(finished):
    shutil.rmtree(finished / "step_00000006")
    with pytest.raises(UserError, match="step_00000006: no such checkpoint"):
        find_checkpoint(finished / "step_00000006")


def test_where_no_step_is_whole_the_message_says_so(finished, make_run):
    for step in finished.glob("step_*"):
        shutil.rmtree(step)
    assert find_latest(finished) is None
    with pytest.raises(UserError, match=r"latest: points at step_00000006, which is missing, and no other step is"):
        train(*make_run(*OPTIONS).arguments(finished))


def test_a_checkpoint_without_its_state_is_whole_for_conversion_only(finished):
    (finished / "step_00000006" / "state.pt").unlink()
    assert is_whole(finished / "latest")
    assert not is_whole(finished / "latest", resuming=True)
    assert find_checkpoint(finished).name == "step_00000006"
    assert find_latest(finished, resuming=True).name == "step_00000004"


def test_what_is_no_step_is_not_counted(finished, make_run):
    """Copies that people made of a step stay, and are not taken for one."""
    shutil.copytree(finished / "step_00000006", finished / "step_00000006_mine")
    shutil.rmtree(finished / "step_00000006")
    train(*make_run(*OPTIONS).arguments(finished))
    assert (finished / "step_00000006_mine" / "state.pt").exists()
    assert find_checkpoint(finished).name == "step_00000006"


@pytest.fixture
def chosen(finished):
    """The run, whose best step is not the last."""
    (finished / "best").unlink()
    (finished / "best").symlink_to("step_00000002")
    return finished


def test_a_run_is_its_best_step_where_training_chose_one(chosen, caplog):
    caplog.set_level("INFO", logger="translate")
    for _ in range(2):                                              # told once
        assert find_checkpoint(chosen).name == find_checkpoint(chosen / "best").name == "step_00000002"
    told = f"{chosen}: step_00000002 is taken, the best of its evaluations; the last step is {chosen / 'latest'}"
    assert caplog.messages == [told]
    assert find_checkpoint(chosen / "latest").name == "step_00000006"
    (chosen / "best").unlink()
    assert find_checkpoint(chosen).name == "step_00000006"


def test_conversion_loads_the_best_step_and_training_goes_on_from_the_last(chosen, make_run):
    from translate.jobs.load import load

    weights = {}
    for place in ("", "best", "latest"):
        weights[place] = next(load(chosen / place).translator.parameters()).detach()
    assert (weights[""] == weights["best"]).all()
    assert (weights[""] != weights["latest"]).any()
    assert train(*make_run("train.steps=8", *OPTIONS[1:]).arguments(chosen)).name == "step_00000008"


def test_a_best_step_that_is_gone_gives_way_to_the_newest(chosen):
    shutil.rmtree(chosen / "step_00000002")
    assert find_checkpoint(chosen).name == "step_00000006"


def test_a_best_link_that_leads_elsewhere_is_refused(chosen, tmp_path):
    shutil.move(chosen / "step_00000002", tmp_path / "elsewhere")
    (chosen / "best").unlink()
    (chosen / "best").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="`best` leads out of the folder; if you mean"):
        find_checkpoint(chosen)
