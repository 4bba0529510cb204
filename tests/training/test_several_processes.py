"""Two processes with half the batch each are one with the whole; what goes wrong ends all of them."""

import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest
import torch
from typer.testing import CliRunner

from translate.cli import app
from translate.config import read_yaml
from translate.errors import UserError
from translate.models import find_system, resolve
from translate.training import distributed
from translate.training.checkpoint import load_weights

OPTIONS = ("train.steps=4", "train.batch_size=4", "train.log_every=2", "train.save_every=100")

# The second process starts from other weights, and must not end before the first has written.
UNEVEN = """
    import os, time
    import torch
    from translate.models import cyclegan_vc2
    from translate.training import trainer

    Config, save = cyclegan_vc2.Config, trainer.save_checkpoint

    def save_slowly(*arguments):
        time.sleep(2)
        return save(*arguments)

    def build(config):
        if os.environ.get("RANK") == "0":
            trainer.save_checkpoint = save_slowly
        if os.environ.get("RANK") == "1":
            torch.manual_seed(99)
        return cyclegan_vc2.build(config)
"""

# The second process dies in its third step.
MORTAL = """
    import os, signal
    from translate.models import cyclegan_vc2

    Config = cyclegan_vc2.Config

    def build(config):
        translator = cyclegan_vc2.build(config)
        real = translator.training_step

        def step_or_die(batch, step):
            if step == 2 and os.environ["RANK"] == "1":
                os.kill(os.getpid(), signal.SIGKILL)
            yield from real(batch, step)

        translator.training_step = step_or_die
        return translator
"""


@pytest.fixture
def environment(environment, tmp_path, monkeypatch):
    """With the systems above as `own_systems.uneven` and `own_systems.mortal`."""
    (tmp_path / "own_systems").mkdir()
    for name, text in {"uneven": UNEVEN, "mortal": MORTAL}.items():
        (tmp_path / "own_systems" / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    return environment | {"PYTHONPATH": os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])}


def launch(command, environment, processes=2):
    """Run under torchrun; returns the finished process."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return subprocess.run(
        [*torchrun, "-m", "translate", *command], env=environment, capture_output=True, text=True, timeout=120
    )


def test_two_processes_equal_one(tmp_path, train_command, environment, read_tensors):
    options = (*OPTIONS, "model=own_systems.uneven")
    two = launch(train_command(tmp_path / "two", *options), environment)
    assert two.returncode == 0, two.stderr
    assert two.stdout.strip().endswith("step_00000004")
    assert len(two.stdout.splitlines()) == 1                                # told once
    assert CliRunner().invoke(app, train_command(tmp_path / "one", *options)).exit_code == 0
    ours, theirs = read_tensors(tmp_path / "two" / "latest"), read_tensors(tmp_path / "one" / "latest")
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        if key.startswith(("state.pt/sampler", "state.pt/random", "statistics")) and isinstance(value, torch.Tensor):
            assert torch.equal(value, theirs[key]), key
        # A bias before an instance norm has no gradient but rounding, which Adam blows up to full steps.
        if key.startswith("weights") and key.endswith("weight"):
            assert torch.allclose(value, theirs[key], rtol=0, atol=1e-5), key
    systems = [load_system(tmp_path / name / "latest") for name in ("one", "two")]
    x = torch.randn(2, 12, 20)
    for player in systems[0].players:
        for a, b in zip(*(system.players[player].children() for system in systems), strict=True):
            outputs = [a(x), b(x)] if player == "generator" else [a(x).logits[0], b(x).logits[0]]
            assert torch.allclose(*outputs, rtol=0, atol=1e-5)


def load_system(checkpoint):
    config = resolve(read_yaml(checkpoint / "config.yaml"), "test")
    system = find_system(config.model).build(config)
    load_weights(checkpoint, system)
    return system.eval()


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, train_command, environment):
    result = launch(train_command(tmp_path / "run", "train.batch_size=3"), environment)
    assert result.returncode != 0
    assert "translate: train.batch_size is 3: it must be a multiple of the 2 processes" in result.stderr
    assert not (tmp_path / "run").exists()


def test_when_one_process_dies_the_other_ends_by_itself(tmp_path, train_command, environment):
    """Even without torchrun, which would end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment |= {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = train_command(tmp_path / "run", *OPTIONS, "model=own_systems.mortal", "train.save_every=1")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "translate", *command],
            env=environment | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True,
        )
        for rank in "01"
    ]  # fmt: skip
    try:
        _, survivor = processes[0].communicate(timeout=90)
        processes[1].communicate(timeout=90)
    finally:
        for process in processes:
            process.kill()
    assert processes[1].returncode == -signal.SIGKILL
    assert processes[0].returncode == 2
    assert survivor.splitlines()[-1] == (
        "translate: another process of this run has ended; its last message tells why"
    )
    assert "Traceback" not in survivor
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"


class TestTwoProcesses:
    """The functions alone, with the group's calls replaced."""

    @pytest.fixture(autouse=True)
    def _pretend(self, monkeypatch):
        monkeypatch.setattr(distributed, "processes", lambda: 2)

    def test_gradients_become_means_in_one_reduction(self, monkeypatch):
        calls = []

        def add_other(flat):
            calls.append(len(flat))
            flat += torch.arange(len(flat)) * 2.0                           # what the other process has

        monkeypatch.setattr(distributed.distributed, "all_reduce", add_other)
        weights = [torch.nn.Parameter(torch.zeros(2, 2)), torch.nn.Parameter(torch.zeros(3))]
        unused = torch.nn.Parameter(torch.zeros(5))
        for weight in weights:
            weight.grad = torch.ones_like(weight)
        distributed.average_gradients([weights[0], unused, weights[1]])
        assert calls == [7]
        assert weights[0].grad.tolist() == [[0.5, 1.5], [2.5, 3.5]]
        assert weights[1].grad.tolist() == [4.5, 5.5, 6.5]
        assert unused.grad is None

    def test_a_lost_process_is_told(self, monkeypatch):
        def fail(flat):
            raise RuntimeError("[../gloo/transport/tcp/pair.cc:534] Connection closed by peer")

        monkeypatch.setattr(distributed.distributed, "all_reduce", fail)
        weight = torch.nn.Parameter(torch.zeros(2))
        weight.grad = torch.ones(2)
        with pytest.raises(UserError, match="another process of this run has ended"):
            distributed.average_gradients([weight])


def test_one_process_needs_no_group():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    distributed.average_gradients([weight])
    distributed.broadcast(torch.nn.Linear(1, 1))
    distributed.wait()
    assert (distributed.rank(), distributed.processes()) == (0, 1)
    assert weight.grad.tolist() == [1, 1]


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(UserError, match=r"train\.device is cuda: this process needs GPU 1, torch finds 1 of them"):
        distributed.pick_device("cuda")
    assert distributed.pick_device("cpu") == torch.device("cpu")
