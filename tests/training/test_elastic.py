"""Runs of one, two and four processes are the same run, and any number of them takes up what another began.

Two launches serve all tests here: two processes of which one dies and is started again, and four on two "machines".
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap

import pytest
import torch
from typer.testing import CliRunner

from translate.checkpoints.store import load_weights
from translate.cli import app
from translate.config import read_yaml
from translate.errors import UserError
from translate.models import resolve
from translate.training import distributed
from translate.training.resume import begin_private
from translate.training.trainer import train

COMMAND = [
    "train", "--source", "low", "--target", "high", "features.sample_rate=16000", "features.dimensions=12",
    "features.f0=dio", "data.non_parallel=false", "network.channels=4", "network.blocks=1", "train.crop=16",
    "train.sample_every=0", "train.device=cpu", "train.batch_size=4", "train.log_every=2", "train.save_every=2",
    "train.keep=9",
]  # fmt: skip
EVEN = ("model=own_models.uneven", "train.steps=4")
POOLED = (
    "model=own_models.mortal", "train.steps=6", "network.pool=3", "players.generator.average=0.9",
    "players.generator.clip=1",
)  # fmt: skip

# All processes but the first start from other weights; each tells at the end which ones it has. The first one is slow
# to write.
UNEVEN = """
    import hashlib, os, pathlib, time
    import torch
    from translate.models.speech.cyclegan_vc2 import CycleGanVc2
    from translate.training import trainer

    save = trainer.save_checkpoint

    def save_slowly(*arguments):
        time.sleep(0.3)
        return save(*arguments)

    class Uneven(CycleGanVc2):
        def build(self):
            rank = os.environ.get("RANK", "0")
            if rank == "0" and "RANK" in os.environ:
                trainer.save_checkpoint = save_slowly
            if rank != "0":
                torch.manual_seed(99)
            translator = super().build()

            def tell(batches):
                digest = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in translator.parameters()))
                pathlib.Path(os.environ["WEIGHTS"], rank).write_text(digest.hexdigest())

            translator.finish = tell
            return translator
"""

# In the run `mended` the second process dies in its fourth step, once.
MORTAL = """
    import os, pathlib, signal
    from translate.models.speech.cyclegan_vc2 import CycleGanVc2

    class Mortal(CycleGanVc2):
        def build(self):
            translator = super().build()
            real = translator.training_step
            mark = pathlib.Path(os.environ["WEIGHTS"], "died")
            dies = mark.parent.name.endswith("mended") and os.environ["RANK"] == "1" and not mark.exists()

            def step_or_die(batch, step):
                if step == 3 and dies:
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
                yield from real(batch, step)

            translator.training_step = step_or_die
            return translator
"""

# Several trainings, [[folder to tell in, folder of the run, command line], ...], in one process.
WORKER = """
    import json, os, pathlib, sys
    from translate.cli import app
    from translate.training import distributed

    stop, distributed.stop = distributed.stop, lambda: None
    for weights, run, command in json.loads(sys.argv[1]):
        os.environ["WEIGHTS"] = weights
        app(command, standalone_mode=False)
        newest = pathlib.Path(run, "latest").resolve().name
        pathlib.Path(weights, os.environ["RANK"] + " ended").write_text(newest)
    stop()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the runs; with the models above as `own_models.uneven` and `own_models.mortal`."""
    folder = tmp_path_factory.mktemp("elastic")
    (folder / "own_models").mkdir()
    for name, text in {"own_models/uneven": UNEVEN, "own_models/mortal": MORTAL, "worker": WORKER}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="module")
def launch(folder, dump):
    """Starts trainings `{run: options}` by torchrun with the arguments given; returns the process."""

    def start(arguments, runs, **variables):
        work = []
        for name, options in runs.items():
            weights = folder / f"weights of {name}"
            weights.mkdir(exist_ok=True)
            work.append([str(weights), str(folder / name), command(folder / name, dump, *options)])
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *arguments, str(folder / "worker.py"), json.dumps(work)],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path} | variables,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def command(out, dump, *options):
    return [*COMMAND, "--features", str(dump), "--out", str(out), *options]


@pytest.fixture(scope="module")
def two(launch, folder):
    """Runs of two processes: `two`, `whole` and, in which one dies, `mended`; all the rest is done when it dies."""
    arguments = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    process = launch(
        arguments, {"two": EVEN, "whole": POOLED, "mended": POOLED}, TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1"
    )
    _, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def four(two, launch, folder):
    """Runs of four processes on two machines: `four`, and `grown` which goes on from the middle of `two`."""
    copy_run(folder, "two", "grown")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    machines = [
        launch(
            ["--nnodes", "2", "--node-rank", number, "--master-addr", "127.0.0.1", "--master-port", port,
             "--nproc-per-node", "2"],
            {"four": EVEN, "grown": EVEN},
        )
        for number in "01"
    ]  # fmt: skip
    outputs = [machine.communicate(timeout=180) for machine in machines]
    # Not the exit status: seldom one torchrun finds the other's store closed when all processes have ended.
    ended = {
        str(mark.relative_to(folder)) for run in ("four", "grown") for mark in folder.glob(f"weights of {run}/* ended")
    }
    assert ended == {f"weights of {run}/{rank} ended" for run in ("four", "grown") for rank in range(4)}, outputs
    return outputs


@pytest.fixture(scope="module")
def one(folder, dump):
    with pytest.MonkeyPatch.context() as patch:
        (folder / "weights of one").mkdir()
        patch.setenv("WEIGHTS", str(folder / "weights of one"))
        assert CliRunner().invoke(app, command(folder / "one", dump, *EVEN)).exit_code == 0


def copy_run(folder, name, copy):
    """A run as it was after its second step."""
    shutil.copytree(folder / name / "step_00000002", folder / copy / "step_00000002")
    (folder / copy / "latest").symlink_to("step_00000002")


def assert_same_run(ours, theirs, read_tensors):
    """Up to rounding; draws and random numbers of the first process to the bit."""
    a, b = read_tensors(ours / "latest"), read_tensors(theirs / "latest")
    keys = [key for key in a if not key.startswith("state.pt/others")]
    assert set(keys) == {key for key in b if not key.startswith("state.pt/others")}
    for key in keys:
        if "/norms/" in key:                                        # what is measured depends on the weights
            assert torch.allclose(torch.as_tensor(a[key]), torch.as_tensor(b[key]), rtol=0.02, atol=0.01), key
        elif key.startswith(("state.pt/sampler", "state.pt/random", "state.pt/step", "statistics")):
            assert torch.equal(a[key], b[key]) if isinstance(a[key], torch.Tensor) else a[key] == b[key], key
        # Where the gradient is nothing but rounding, as of a bias before an instance norm, Adam makes full steps of it.
        if key.startswith("weights") and key.endswith("weight"):
            difference = (a[key] - b[key]).abs()
            assert (difference > 1e-5).sum() <= max(1, 0.02 * difference.numel()), key
            assert difference.max() < 1e-3, key
    x, games = torch.randn(2, 12, 20), [load_game(run / "latest") for run in (ours, theirs)]
    for player in games[0].players:
        for f, g in zip(*(game.players[player].children() for game in games), strict=True):
            outputs = [f(x), g(x)] if player == "generator" else [f(x).logits[0], g(x).logits[0]]
            assert torch.allclose(*outputs, rtol=0, atol=1e-3)


def load_game(checkpoint):
    config = resolve(read_yaml(checkpoint / "config.yaml"), "test")
    game = config.build()
    load_weights(checkpoint, game)
    return game.eval()


def read_shares(checkpoint):
    state = torch.load(checkpoint / "state.pt", weights_only=True)
    return [state, *state["others"]]


@pytest.mark.parametrize("name", [pytest.param("two", marks=pytest.mark.slow), "four"])
def test_several_processes_equal_one(request, folder, one, read_tensors, name):
    request.getfixturevalue(name)
    assert_same_run(folder / name, folder / "one", read_tensors)


@pytest.mark.parametrize(
    ("name", "launched", "processes"), [("two", "two", 2), ("four", "four", 4), ("grown", "four", 4)]
)
def test_all_processes_end_with_the_same_weights(request, folder, name, launched, processes):
    """To the bit, though they began with different ones; none ends before the first has written."""
    request.getfixturevalue(launched)
    told = {path.name: path.read_text() for path in (folder / f"weights of {name}").iterdir()}
    digests = [told.pop(str(rank)) for rank in range(processes)]
    assert len(set(digests)) == 1
    assert told == {f"{rank} ended": "step_00000004" for rank in range(processes)}


def test_the_first_process_tells_for_all(four):
    assert [output.count("step_00000004") for output, _ in four] == [2, 0]


def test_a_run_that_lost_a_process_ends_as_the_uncut_one(folder, two, differing):
    """To the bit: also what each process has for itself, the pools of fakes and the random numbers."""
    assert (folder / "weights of mended" / "died").exists()
    shares = read_shares(folder / "mended" / "latest")
    assert len(shares) == 2
    assert not torch.equal(shares[0]["random"], shares[1]["random"])
    assert not torch.equal(shares[0]["translator"]["source"], shares[1]["translator"]["source"])
    assert differing(folder / "whole" / "latest", folder / "mended" / "latest") == []
    assert not list((folder / "mended").glob(".*"))


def test_more_processes_take_up_a_run(folder, one, four, read_tensors):
    assert_same_run(folder / "grown", folder / "one", read_tensors)
    assert len(read_shares(folder / "grown" / "latest")) == 4


def test_one_process_takes_up_a_run(folder, one, two, dump, read_tensors, monkeypatch, caplog):
    copy_run(folder, "two", "shrunk")
    monkeypatch.setenv("WEIGHTS", str(folder))
    with caplog.at_level("INFO", logger="translate"):
        assert CliRunner().invoke(app, command(folder / "shrunk", dump, *EVEN)).exit_code == 0
    assert "the number of processes changes from 2 to 1" in caplog.text
    assert_same_run(folder / "shrunk", folder / "one", read_tensors)
    assert len(read_shares(folder / "shrunk" / "latest")) == 1


class TestShares:
    """What a process takes from a checkpoint, with the others pretended."""

    OPTIONS = ("train.steps=4", "train.save_every=2", "train.batch_size=2", "network.pool=3")

    @pytest.fixture
    def begun(self, tmp_path, make_run, monkeypatch):
        """A run of two processes; the second has other fakes and random numbers."""

        def gather(own):
            fakes = {name: -value for name, value in own["translator"].items()}
            random = torch.Generator().manual_seed(5).get_state()
            return [own, {"translator": fakes, "random": random, "random_cuda": None}]

        with monkeypatch.context() as patch:
            patch.setattr(distributed, "gather", gather)
            train(*make_run(*self.OPTIONS).arguments(tmp_path / "run"))
        return tmp_path / "run"

    def take_up(self, begun, make_run, monkeypatch, rank, processes):
        """The translator of this process when the run is taken up, and its random numbers."""
        monkeypatch.setattr(distributed, "rank", lambda: rank)
        monkeypatch.setattr(distributed, "processes", lambda: processes)
        monkeypatch.setattr(distributed, "compare", lambda own: [own] * processes)
        for name in ("broadcast", "wait"):
            monkeypatch.setattr(distributed, name, lambda *_: None)
        run = make_run(*self.OPTIONS)
        torch.manual_seed(1)
        train(*run.arguments(begun))
        return run.translator.memory(), torch.get_rng_state()

    def test_the_same_number_of_processes_has_all(self, begun, make_run, monkeypatch):
        for rank, share in enumerate(read_shares(begun / "latest")):
            fakes, random = self.take_up(begun, make_run, monkeypatch, rank, 2)
            assert torch.equal(random, share["random"])
            assert fakes.keys() == share["translator"].keys() != set()
            assert all(torch.equal(fakes[name], share["translator"][name]) for name in fakes)

    def test_new_processes_begin_anew_each_with_its_own_random_numbers(self, begun, make_run, monkeypatch):
        old, *new = [self.take_up(begun, make_run, monkeypatch, rank, 4) for rank in (1, 2, 3)]
        assert torch.equal(old[1], read_shares(begun / "latest")[1]["random"])
        assert [fakes for fakes, _ in new] == [{}, {}]
        states = [random.numpy().tobytes() for _, random in [old, *new]]
        assert len(set(states)) == 3

    def test_checkpoints_that_know_one_share_are_taken_up(self, begun, make_run, monkeypatch):
        state = torch.load(begun / "latest" / "state.pt", weights_only=True)
        del state["others"]
        torch.save(state, begun / "latest" / "state.pt")
        fakes, random = self.take_up(begun, make_run, monkeypatch, 0, 2)
        assert torch.equal(random, state["random"])
        assert fakes.keys() == state["translator"].keys()
        assert self.take_up(begun, make_run, monkeypatch, 1, 2)[0] == {}

    def test_processes_that_see_different_checkpoints_are_told(self, begun, make_run, monkeypatch):
        monkeypatch.setattr(distributed, "compare", lambda own: [own, "none"])
        with pytest.raises(UserError) as error:
            train(*make_run(*self.OPTIONS).arguments(begun))
        assert str(error.value) == (
            f"{begun}: the newest checkpoint is none for one process, for another step_00000004; "
            "the folder of a run must be the same for all machines"
        )


def test_processes_draw_different_random_numbers_from_the_start(tmp_path, make_run, monkeypatch):
    """Else all would drop out the same features; the first draws those of a run of one."""
    states = []
    for rank in range(3):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        torch.manual_seed(0)
        begin_private(7, 0)
        states.append(torch.rand(3).tolist())
    torch.manual_seed(0)
    assert states[0] == torch.rand(3).tolist()
    assert len({tuple(numbers) for numbers in states}) == 3
    begin_private(7, 1)
    assert torch.rand(3).tolist() not in states
