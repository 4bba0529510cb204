"""A save that is killed at any call on files, or interrupted, leaves a whole checkpoint."""

import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import count

import pytest
from killing import kill_at_call

from translate.errors import UserError
from translate.features.folders import list_folders, locate, replace_folder, restore_folder
from translate.training import checkpoint as checkpoint_module
from translate.training import trainer
from translate.training.checkpoint import find_checkpoint
from translate.training.steps import find_latest, is_whole
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
