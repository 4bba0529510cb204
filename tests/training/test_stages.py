"""Games that grow: fresh optimisers, other batches, and runs cut anywhere that end as the uncut one."""

import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import growing
import pytest
import torch
from test_graph import TapeRecorder

from translate.checkpoints.store import load_state
from translate.errors import UserError
from translate.games.base import Stage
from translate.training import graph as graph_module
from translate.training.trainer import train

OPTIONS = (
    "model=growing", "network={channels: 4, blocks: 1}", "train.steps=9", "train.save_every=1", "train.keep=20",
    "train.batch_size=8", "train.decay_from=1", "players.generator.average=0.9", "train.log_every=1",
)  # fmt: skip


class Cut(Exception):
    pass


def cut_at(run, step):
    """Let the run end before its step `step` (0 is the first)."""
    real = run.translator.training_step

    def steps(batch, now):
        if now == step:
            raise Cut
        yield from real(batch, now)

    run.translator.training_step = steps
    return run


def test_every_stage_has_its_batches_rate_and_a_fresh_optimiser(tmp_path, make_run):
    run = make_run(*OPTIONS, "players.generator.learning_rate=0.01")
    train(*run.arguments(tmp_path))
    assert run.translator.sizes == [8, 8, 8, 4, 4, 4, 2, 2, 2]
    for step, updates in enumerate([1, 2, 3, 1, 2, 3, 1, 2, 3], start=1):
        state = load_state(tmp_path / f"step_{step:08d}")["optimizers"]
        for player in ("generator", "discriminator"):
            assert {entry["step"].item() for entry in state[player]["state"].values()} == {updates}
        assert state["generator"]["param_groups"][0]["lr"] == pytest.approx(0.01 if step <= 3 else 0.005)


@pytest.mark.parametrize("cuts", [[3], [4], [2, 5, 6], list(range(1, 9))], ids=["border", "inside", "both", "all"])
@pytest.mark.parametrize("more", [(), ("players.generator.optimizer=rmsprop", "train.accumulate=2")])
def test_resuming_is_exact_inside_a_stage_and_at_its_border(tmp_path, make_run, differing, cuts, more):
    whole = train(*make_run(*OPTIONS, *more).arguments(tmp_path / "whole"))
    for step in cuts:
        with suppress(Cut):
            train(*cut_at(make_run(*OPTIONS, *more), step).arguments(tmp_path / "parts"))
    assert differing(whole, train(*make_run(*OPTIONS, *more).arguments(tmp_path / "parts"))) == []


def test_a_run_that_is_made_longer_goes_on_at_its_stage(tmp_path, make_run, differing):
    whole = train(*make_run(*OPTIONS).arguments(tmp_path / "whole"))
    for steps in (3, 5, 9):
        longer = train(*make_run(*OPTIONS, f"train.steps={steps}").arguments(tmp_path / "parts"))
    assert differing(whole, longer) == []


def test_recorded_stages_equal_played_ones(tmp_path, make_run, differing, monkeypatch):
    plain = train(*make_run(*OPTIONS).arguments(tmp_path / "plain"))
    recorders = []
    monkeypatch.setitem(
        graph_module.RECORDERS, "cpu", lambda device: recorders.append(TapeRecorder(device)) or recorders[0]
    )
    recorded = train(*make_run(*OPTIONS, "train.graph=true").arguments(tmp_path / "recorded"))
    assert (recorders[0].recorded, recorders[0].forgotten) == (3, 2)
    assert differing(plain, recorded) == []


@pytest.mark.parametrize(("accumulate", "words"), [
    (4, "the batch size of stage 2 is 2: it must be a multiple of train.accumulate=4"),
    (3, "the batch size of stage 0 is 8: it must be a multiple of train.accumulate=3"),
])  # fmt: skip
def test_a_stage_that_cannot_be_cut_is_one_line(tmp_path, make_run, accumulate, words):
    with pytest.raises(UserError) as error:
        train(*make_run(*OPTIONS, f"train.accumulate={accumulate}").arguments(tmp_path))
    assert str(error.value) == words


def test_a_late_stage_that_cannot_be_cut_is_found_before_the_first_step(tmp_path, make_run):
    run = make_run(*OPTIONS, "train.accumulate=2")
    run.translator.stages = lambda: [Stage(0, 8), Stage(1, 4), Stage(2, 3)]
    with pytest.raises(UserError, match="stage 2 is 3: it must be a multiple of"):
        train(*run.arguments(tmp_path))
    assert not list(tmp_path.glob("step_*"))
    assert run.translator.sizes == []


def test_a_game_that_does_not_grow_has_one_stage(make_run):
    assert make_run().translator.begin(123) == Stage(0, None, 1.0)


@pytest.fixture
def run_two(train_command, environment):
    """Trains the growing game in two processes into a folder; returns the last checkpoint."""

    def run(folder, *options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        helpers = str(Path(growing.__file__).parent)
        shared = environment | {
            "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
            "PYTHONPATH": f"{helpers}:{environment['PYTHONPATH']}",
        }  # fmt: skip
        arguments = train_command(folder, *OPTIONS, "train.save_every=100", *options)
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "translate", *arguments],
                env=shared | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True,
            )
            for rank in "01"
        ]  # fmt: skip
        ended = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
        assert [status for _, status in ended] == [0, 0], ended
        return (folder / "latest").resolve()

    return run


def test_resuming_is_exact_with_two_processes(tmp_path, run_two, differing):
    """Cut at a border and inside a stage; private noise of each process, shares of a batch cut anew."""
    whole = run_two(tmp_path / "whole")
    for steps in (3, 5, 9):
        parts = run_two(tmp_path / "parts", f"train.steps={steps}")
    assert differing(whole, parts) == []
    assert torch.load(whole / "state.pt", weights_only=True)["others"]
