"""A save that is killed at any call on files, or interrupted, leaves a whole checkpoint."""

import shutil
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
import torch
from killing import kill_at_call
from safetensors.torch import load_file

from translate.checkpoints import store as checkpoint_module
from translate.checkpoints.steps import is_whole
from translate.checkpoints.store import find_checkpoint, load_state, save_checkpoint
from translate.training import trainer
from translate.training.trainer import train

OPTIONS = (
    "train.steps=4", "train.save_every=2", "train.log_every=4", "train.keep=1", "train.batch_size=2",
    "players.generator.average=0.9", "network.pool=3",
)  # fmt: skip


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("again", [False, True], ids=["the next step", "the same step again"])
def test_a_save_that_is_killed_at_any_call_loses_nothing(tmp_path, make_run, differing, monkeypatch, again):
    """The real save of a training at step 4 in processes that are killed, each on a copy of the run."""
    run, real = tmp_path / "run", checkpoint_module.save_checkpoint
    copies = []

    def save_and_be_killed(folder, step, *rest):
        if step < 4:
            return real(folder, step, *rest)
        if again:
            real(folder, step, *rest)
        for number in count():
            copy = shutil.copytree(run, tmp_path / f"killed-{number}", symlinks=True)
            killed = kill_at_call(number, lambda copy=copy: real(copy, step, *rest))
            copies.append(copy)
            if not killed:
                return real(folder, step, *rest)

    monkeypatch.setattr(trainer, "save_checkpoint", save_and_be_killed)
    train(*make_run(*OPTIONS).arguments(run))
    monkeypatch.undo()
    whole = train(*make_run(*OPTIONS).arguments(tmp_path / "whole"))
    assert len(copies) > 20
    assert names(copies[-1]) == ["latest", "log.jsonl", "step_00000004", "tensorboard"]     # this one was not killed
    resumed = set()
    for copy in copies:
        found = find_checkpoint(copy)
        assert is_whole(found, resuming=True)
        if again or found.name != "step_00000002":
            assert differing(found, whole) == []
        state = (found.name, *(str(path.relative_to(copy)) for path in sorted(copy.rglob("*"))))
        if state in resumed:                                        # as one that has gone on already
            continue
        resumed.add(state)
        assert differing(train(*make_run(*OPTIONS).arguments(copy)), whole) == []
        assert find_checkpoint(copy / "latest") == (copy / "latest").resolve()
    assert len(resumed) > 5


def test_a_step_that_is_written_anew_is_the_old_or_the_new_one(tmp_path, make_run):
    """With the only step of the run, links and all, at stake."""
    run = make_run()

    def save(folder, value):
        weights, state = {"a": torch.full((2,), value)}, {"value": value}
        save_checkpoint(folder, 4, run.config, weights, {}, run.statistics, state, keep=1, best=True)

    seen = set()
    for number in count():
        folder = tmp_path / str(number)
        save(folder, 1.0)
        killed = kill_at_call(number, lambda folder=folder: save(folder, 2.0))
        for place in (folder, folder / "latest", folder / "best", folder / "step_00000004"):
            found = find_checkpoint(place)
            value = load_state(found)["value"]
            assert load_file(found / "weights.safetensors")["a"].tolist() == [value, value]
        seen.add((found.name, value))
        save(folder, 3.0)
        assert names(folder) == ["best", "latest", "step_00000004"]
        if not killed:
            break
    assert seen == {("step_00000004", 1.0), (".step_00000004.old", 1.0), ("step_00000004", 2.0)}


# A command whose saves wait at their most delicate place, in front of the folder that appears, and say so.
SLOW = """
import os, pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)    # a shell may hand it down as ignored
real, marks = os.replace, pathlib.Path(sys.argv.pop(1))

def replace(source, target):
    if ".draft_" in str(source) and "step_" in str(target):
        with marks.open("a") as file:
            file.write("x")
        time.sleep(2)
    real(source, target)

os.replace = replace
from translate.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("second", ["at once", "when it saves again"])
def test_two_interrupts_while_a_checkpoint_is_written(tmp_path, train_command, environment, differing, second):
    options = ("train.steps=30", "train.save_every=10", "train.log_every=30", "train.keep=1", "train.batch_size=2")
    run, marks = tmp_path / "run", tmp_path / "marks"
    command = [sys.executable, "-c", SLOW, str(marks), *train_command(run, *options)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def wait_for_mark(number):
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if marks.exists() and len(marks.read_text()) >= number:
                return
            time.sleep(0.02)

    wait_for_mark(1)
    process.send_signal(signal.SIGINT)
    if second == "at once":
        time.sleep(0.3)
    else:
        wait_for_mark(2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert names(run) == ["latest", "step_00000010"]
    assert f"stopped; the same command goes on from {run / 'step_00000010'}" in told.splitlines()[-1]
    for folder in (run, tmp_path / "whole"):
        plain = [sys.executable, "-m", "translate", *train_command(folder, *options)]
        subprocess.run(plain, env=environment, check=True, capture_output=True, timeout=120)
    assert differing(run / "latest", tmp_path / "whole" / "latest") == []
