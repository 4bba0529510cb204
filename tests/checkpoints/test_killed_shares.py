"""A shared folder that is replaced is the old one or the new one, whenever the process is killed or interrupted."""

import os
import shutil
from itertools import count

import pytest
from killing import kill_at_call
from safetensors.torch import load_file
from tiny_runs import make_run

from translate.checkpoints import share as module
from translate.checkpoints.files import FILES
from translate.checkpoints.share import share
from translate.checkpoints.store import find_checkpoint
from translate.errors import UserError
from translate.jobs.load import load
from translate.jobs.share import pull


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "voices", "cyclegan_vc2")


@pytest.fixture(scope="module")
def states(run, tmp_path_factory):
    """Two shared checkpoints that differ, and which files they hold."""
    folder = tmp_path_factory.mktemp("states")
    return share(run, folder / "whole"), share(run, folder / "half", half=True)


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".draft"))


@pytest.mark.parametrize("how", ["share", "pull"])
def test_killed_at_any_call(run, states, tmp_path, how):
    old, new = states
    found = []
    for number in count():
        folder = tmp_path / str(number) / "voices"
        shutil.copytree(old, folder)

        def replace(folder=folder):
            return share(run, folder, half=True) if how == "share" else pull(str(new), str(folder))

        killed = kill_at_call(number, replace)
        place = find_checkpoint(folder)
        assert set(read(place)) == set(FILES) - {"average.safetensors"}
        found.append([weights(old), weights(new)].index(weights(place)))
        if number % 5 == 0 or place.name != "voices":
            assert load(folder).domains == ["low", "high"]
        replace()
        assert visible(folder.parent) == ["voices"]
        assert weights(folder) == weights(new)
        if not killed:
            break
    assert found == sorted(found)                                   # the old one, then the new one
    assert set(found) == {0, 1}
    assert number > 10


@pytest.mark.parametrize("moment", [1, 2])
def test_an_interrupt_between_the_renames(run, states, tmp_path, monkeypatch, moment):
    """An exception that nobody expects there, too."""
    folder = shutil.copytree(states[0], tmp_path / "voices")
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) == moment:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt), module.replacing_folder(folder) as draft:
        (draft / "config.yaml").write_text("new")
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["voices"]
    assert read(folder) == read(states[0])


def test_a_card_survives_a_write_that_was_cut(run, tmp_path):
    """What a person wrote into the card is taken over from the state that lies aside."""
    (tmp_path / "card.md").write_text("## Data and licence\n\nMy own.\n")
    share(run, tmp_path / "voices", tmp_path / "card.md").rename(tmp_path / ".voices.old")
    share(run, tmp_path / "voices")
    assert "My own." in (tmp_path / "voices" / "README.md").read_text()
    assert sorted(os.listdir(tmp_path)) == ["card.md", "voices"]


def test_the_state_aside_is_no_way_around_the_check_of_what_is_replaced(run, tmp_path):
    (tmp_path / ".voices.old").mkdir()
    (tmp_path / ".voices.old" / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        share(run, tmp_path / "voices")
    assert [path.read_text() for path in tmp_path.rglob("thesis.tex")] == ["years of work"]


def test_a_link_to_a_shared_folder_is_replaced_and_its_target_stays(run, states, tmp_path):
    target = shutil.copytree(states[0], tmp_path / "target")
    (tmp_path / "voices").symlink_to("target")
    share(run, tmp_path / "voices", half=True)
    assert sorted(os.listdir(tmp_path)) == ["target", "voices"]
    assert read(target) == read(states[0])
    assert load_file(tmp_path / "voices" / "weights.safetensors")
