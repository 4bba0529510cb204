"""Whole or not at all, and clear words about what is damaged."""

import errno
import math
import os

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from translate.checkpoints import store as module
from translate.checkpoints.store import (
    find_checkpoint,
    load_averages,
    load_state,
    load_weights,
    save_checkpoint,
    start_from,
)
from translate.config import read_yaml
from translate.errors import UserError


@pytest.fixture
def save(tmp_path, make_run):
    """Saves a checkpoint of a two-number network in `tmp_path / "run"`."""
    run = make_run()

    def call(step, keep=3, best=False, weights=None, average=None):
        weights = weights or {"a": torch.tensor([1.0, 2.0]) * step}
        state = {"step": step, "best": math.inf, "random": torch.get_rng_state()}
        return save_checkpoint(
            tmp_path / "run", step, run.config, weights, average or {}, run.statistics, state, keep, best
        )

    call.config = run.config
    return call


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_everything_comes_back(save, folder):
    checkpoint = save(7, average={"a": torch.tensor([3.0, 4.0])})
    assert names(checkpoint) == [
        "average.safetensors", "config.yaml", "state.pt", "statistics.safetensors", "weights.safetensors",
    ]  # fmt: skip
    assert names(folder) == ["latest", "step_00000007"]
    assert find_checkpoint(folder) == find_checkpoint(folder / "latest") == checkpoint.resolve()
    network = nn.Module()
    network.a = nn.Parameter(torch.zeros(2))
    load_weights(checkpoint, network)
    assert network.a.tolist() == [3.0, 4.0]                                 # averages are preferred
    load_weights(checkpoint, network, average=False)
    assert network.a.tolist() == [7.0, 14.0]
    assert load_state(checkpoint)["step"] == 7
    assert read_yaml(checkpoint / "config.yaml") == save.config.model_dump()


def test_a_run_without_averages_has_no_file_of_them(save):
    checkpoint = save(1)
    assert not (checkpoint / "average.safetensors").exists()
    assert load_averages(checkpoint) == {}


def test_weights_in_any_memory_layout(save):
    """safetensors refuses what is not contiguous."""
    checkpoint = save(1, weights={"a": torch.arange(6.0).view(2, 3).t()}, average={"a": torch.arange(4.0)[::2]})
    assert load_file(checkpoint / "weights.safetensors")["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert load_averages(checkpoint)["a"].tolist() == [0, 2]


def test_the_newest_are_kept(save, folder):
    for step in (2, 4, 6, 100, 1000):
        save(step, keep=2)
    assert names(folder) == ["latest", "step_00000100", "step_00001000"]
    assert os.readlink(folder / "latest") == "step_00001000"                # relative: the folder can move


def test_the_best_is_kept(save, folder):
    for step in (2, 4, 6, 8):
        save(step, keep=1, best=step == 4)
    assert names(folder) == ["best", "latest", "step_00000004", "step_00000008"]
    assert (folder / "best").resolve().name == "step_00000004"


def test_what_a_killed_run_left_is_replaced_and_removed(save, folder):
    (folder / ".draft_00000002").mkdir(parents=True)
    (folder / "step_00000004").mkdir()
    (folder / "step_00000004" / "junk").touch()
    save(4)
    assert names(folder) == ["latest", "step_00000004"]
    assert "junk" not in names(folder / "step_00000004")


FAILURES = {
    "os": (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
    "torch": (RuntimeError("[enforce fail] unexpected pos 64 vs 0\nframe #0"), "is the disk full?"),
    "safetensors": (SafetensorError("I/O error: No space left on device (os error 28)"), "No space left"),
    "statistics": (UserError("statistics.safetensors: cannot write (No space left on device)"), "No space left"),
    "rights": (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
}


@pytest.mark.parametrize(
    "function", ["write_yaml", "save_tensors", "save_arrays", "torch.save", "flush", "replace_folder", "point"]
)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_the_older_checkpoint_and_no_draft(save, folder, monkeypatch, function, failure):
    before = find_checkpoint(save(2))
    content = {path.name: path.read_bytes() for path in before.iterdir()}
    exception, expected = FAILURES[failure]

    def fail(*args, **kwargs):
        raise exception

    monkeypatch.setattr(f"{module.__name__}.{function}", fail)
    with pytest.raises(UserError) as error:
        save(4)
    assert expected in str(error.value)
    assert "step_00000004" in str(error.value)
    assert "\n" not in str(error.value)
    assert find_checkpoint(folder) == before
    assert {path.name: path.read_bytes() for path in before.iterdir()} == content
    assert not list(folder.glob(".draft*"))
    monkeypatch.undo()
    save(4)
    assert names(folder) == ["latest", "step_00000002", "step_00000004"]


def test_a_failure_in_the_middle_of_the_file_leaves_no_draft(save, folder, monkeypatch):
    """As above, with something written already; and any exception cleans up."""
    real = torch.save

    def stop(state, path):
        real(state, path)
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        save(2)
    assert names(folder) == []


def test_a_real_full_disk_is_told(save, folder, monkeypatch):
    """/dev/full refuses every write, as torch's and safetensors' own writers meet it."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    real = torch.save
    monkeypatch.setattr(torch, "save", lambda state, path: real(state, "/dev/full"))
    with pytest.raises(UserError, match="cannot write the checkpoint"):
        save(2)
    assert names(folder) == []


@pytest.mark.parametrize("file", ["weights.safetensors", "average.safetensors", "state.pt"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"junk" * 9])
def test_a_damaged_file_is_named(save, file, damage):
    checkpoint = save(2, average={"a": torch.ones(2)})
    path = checkpoint / file
    path.write_bytes(damage(path.read_bytes()))
    network = nn.Module()
    network.a = nn.Parameter(torch.zeros(2))
    with pytest.raises(UserError, match="take another checkpoint") as error:
        load_state(checkpoint) if file == "state.pt" else load_weights(checkpoint, network)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_state_that_would_run_code_is_refused(save):
    checkpoint = save(2)
    torch.save({"step": os.system}, checkpoint / "state.pt")
    with pytest.raises(UserError, match=r"state\.pt"):
        load_state(checkpoint)


@pytest.mark.parametrize("shape", [(3,), None])
def test_weights_of_another_network_are_refused(save, shape):
    checkpoint = save(2)
    network = nn.Module()
    setattr(network, "a" if shape else "b", nn.Parameter(torch.zeros(shape or (2,))))
    with pytest.raises(UserError, match=r"weights belong to another network .*first `[ab]`"):
        load_weights(checkpoint, network)


def test_what_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such checkpoint"):
        find_checkpoint(tmp_path / "nowhere")
    with pytest.raises(UserError, match="not a checkpoint"):
        find_checkpoint(tmp_path)


def test_a_domain_that_looks_like_a_number_stays_a_word(tmp_path, make_run):
    run = make_run('data.domains=["2e4", "0x1"]')
    weights = {"a": torch.ones(1)}
    checkpoint = save_checkpoint(tmp_path, 1, run.config, weights, {}, run.statistics, {}, 1)
    assert read_yaml(checkpoint / "config.yaml")["data"]["domains"] == ["2e4", "0x1"]


def test_another_run_lends_what_fits(save, folder):
    """Same name and shape: taken, averages first; anything else stays as it is."""
    save(1, weights={"a.weight": torch.full((2, 2), 3.0), "b.weight": torch.ones(5, 5), "c": torch.ones(1)})
    module = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    kept = module["b"].weight.detach().clone()
    assert start_from(folder, module) == 1
    assert torch.equal(module["a"].weight, torch.full((2, 2), 3.0))
    assert torch.equal(module["b"].weight, kept)
    save(2, weights={"a.weight": torch.zeros(2, 2)}, average={"a.weight": torch.full((2, 2), 7.0)})
    start_from(folder, module)
    assert torch.equal(module["a"].weight, torch.full((2, 2), 7.0))
    with pytest.raises(UserError, match=r"train\.start_from: 0 of 2 tensors of .* fit"):
        start_from(folder, nn.Linear(3, 3))
