"""What goes wrong in one of several processes ends all of them. (`test_elastic.py`: that they are one run.)"""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from torch.distributed import PrefixStore, TCPStore
from typer.testing import CliRunner

from translate.cli import app
from translate.errors import UserError
from translate.training import distributed
from translate.training.heartbeat import Heartbeat, end_process

OPTIONS = ("train.steps=4", "train.batch_size=4", "train.log_every=2", "train.save_every=100")

# The second process dies in its third step, or stands still for ever.
MORTAL = """
    import os, signal
    from translate.models.speech.cyclegan_vc2 import CycleGanVc2
    from translate.training import distributed

    class Mortal(CycleGanVc2):
        def build(self):
            translator = super().build()
            real = translator.training_step

            def step_or_die(batch, step):
                if step == 2 and os.environ["RANK"] == "1":
                    os.kill(os.getpid(), signal.Signals[os.environ["SIGNAL"]])
                yield from real(batch, step)

            distributed._heartbeat.silence = 12                     # seconds
            translator.training_step = step_or_die
            return translator
"""

# Every evaluation is worse than the one before; only the first process evaluates.
PATIENT = """
    import os
    from itertools import count
    from translate.models.speech.cyclegan_vc2 import CycleGanVc2
    from translate.speech.metric import Distortion

    class Patient(CycleGanVc2):
        def build(self):
            numbers = count()

            def measure(metric, converter):
                assert os.environ["RANK"] == "0"
                return {"evaluation/mcd": float(next(numbers))}

            Distortion.measure = measure
            return super().build()
"""


@pytest.fixture
def environment(environment, tmp_path):
    """With the models above as `own_models.mortal` and `own_models.patient`."""
    (tmp_path / "own_models").mkdir()
    (tmp_path / "own_models" / "mortal.py").write_text(textwrap.dedent(MORTAL))
    (tmp_path / "own_models" / "patient.py").write_text(textwrap.dedent(PATIENT))
    return environment | {"PYTHONPATH": os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])}


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path, train_command, monkeypatch):
    monkeypatch.setattr(distributed, "start", lambda device: None)
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    result = CliRunner().invoke(app, train_command(tmp_path / "run", "train.batch_size=3"))
    assert isinstance(result.exception, UserError)
    assert "train.batch_size is 3: it must be a multiple of the 2 processes" in str(result.exception)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def start_two(tmp_path, train_command, environment):
    """Starts two processes of a training, without torchrun, which would end the other where one ends."""
    started = []

    def start(*options, **more):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **more}
        command = train_command(tmp_path / "run", *OPTIONS, *options)
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "translate", *command],
                env=environment | shared | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True,
            )
            for rank in "01"
        ]  # fmt: skip
        started.extend(processes)
        return processes

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def run_two(start_two):
    """Runs two processes until one has ended.

    Returns the exit status of the first and what it told, how long it went on alone, and the status of the second.
    """

    def run(sign, first_to_end):
        processes = start_two("model=own_models.mortal", "train.save_every=1", SIGNAL=sign)
        processes[first_to_end].wait(timeout=120)
        ended = time.monotonic()
        _, told = processes[0].communicate(timeout=90)
        return processes[0].returncode, told, time.monotonic() - ended, processes[1].poll()

    return run


def test_when_one_process_dies_the_other_ends_by_itself(tmp_path, run_two):
    status, told, seconds, died = run_two("SIGKILL", 1)
    assert (status, died) == (2, -signal.SIGKILL)
    assert told.splitlines()[-1] == (
        "translate: another process of this run has ended; its last message tells why. "
        "Start again: the run goes on from its last checkpoint"
    )
    assert "Traceback" not in told
    assert seconds < 20
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"
    assert not list((tmp_path / "run").glob(".*"))


@pytest.mark.slow
def test_when_one_process_falls_silent_the_other_ends_by_itself(tmp_path, run_two):
    """A lost machine closes no connection: without the heartbeat the other would wait for an hour."""
    status, told, _, stopped = run_two("SIGSTOP", 0)
    assert (status, stopped) == (2, None)
    assert told.splitlines()[-1] == (
        "translate: process 1 of this run has been silent for 12 s. "
        "Start again: the run goes on from its last checkpoint"
    )
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"


def test_patience_ends_all_processes_at_the_same_step(tmp_path, start_two):
    """Only the first knows the values."""
    metric = ["train.evaluate_every=1", "train.metric=mcd", "train.evaluate_sentences=1", "train.patience=2"]
    for process in start_two("model=own_models.patient", "train.steps=40", *metric):
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000002"
    assert (tmp_path / "run" / "best").resolve().name == "step_00000000"


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

    @pytest.mark.parametrize(("name", "call"), [
        ("broadcast", lambda: distributed.broadcast(torch.nn.Linear(1, 1))),
        ("barrier", distributed.wait),
        ("gather_object", lambda: distributed.gather(1)),
        ("all_gather_object", lambda: distributed.compare(1)),
    ])  # fmt: skip
    def test_whatever_waits_for_a_lost_process_tells(self, monkeypatch, name, call):
        def fail(*_):
            raise RuntimeError("Connection reset by peer")

        monkeypatch.setattr(distributed.distributed, name, fail)
        with pytest.raises(UserError, match="another process of this run has ended"):
            call()


class TestHeartbeat:
    """In one process, with the store of a real run."""

    @pytest.fixture
    def make_heartbeat(self):
        """Makes the heartbeat of a process, and the lines that end it."""
        host, made = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False), []

        def make(rank, processes, silence=60.0):
            lines = []
            store = TCPStore("127.0.0.1", host.port, is_master=False)
            made.append(Heartbeat(PrefixStore("heartbeat", store), rank, processes, 0.02, silence, lines.append))
            return made[-1], lines

        yield make
        for heartbeat in made:
            heartbeat.stop()

    def wait_for(self, condition):
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert condition()

    def test_the_first_process_hears_all_others(self, make_heartbeat):
        first, lines = make_heartbeat(0, 3, silence=1.0)
        _, second_lines = make_heartbeat(1, 3, silence=1.0)
        third, _ = make_heartbeat(2, 3)
        time.sleep(1.5)
        assert lines == []
        third.stop()                                                        # as when its machine is lost
        self.wait_for(lambda: lines)
        assert lines == [
            "process 2 of this run has been silent for 1 s. Start again: the run goes on from its last checkpoint"
        ]
        assert second_lines == []                                           # the first still lives
        first.stop()
        self.wait_for(lambda: second_lines)
        assert "process 0 of this run has been silent for 1 s" in second_lines[0]

    def test_a_lost_store_ends_all(self, make_heartbeat):
        heartbeat, lines = make_heartbeat(1, 2, silence=0.5)

        class Lost:
            def add(self, *_):
                raise RuntimeError("Broken pipe")

        heartbeat.store = Lost()
        self.wait_for(lambda: lines)
        assert "process 0 of this run has been silent" in lines[0]

    def test_the_end_is_at_once_and_in_one_line(self, monkeypatch, capsys):
        codes = []
        monkeypatch.setattr(os, "_exit", codes.append)
        end_process("process 1 is lost")
        assert codes == [2]
        assert capsys.readouterr().err == "translate: process 1 is lost\n"


@pytest.mark.parametrize(("variables", "words"), [
    ({"TORCHELASTIC_RESTART_COUNT": "1", "TORCHELASTIC_USE_AGENT_STORE": "True"}, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"),
    ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "99999", "RANK": "0"}, "do not find each other at 127.0.0.1:99999"),
])  # fmt: skip
def test_a_start_that_fails_is_told_in_one_line(monkeypatch, variables, words):
    for name, value in {"WORLD_SIZE": "2", **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError) as error:
        distributed.start(torch.device("cpu"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_one_process_needs_no_group():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    distributed.average_gradients([weight])
    distributed.broadcast(torch.nn.Linear(1, 1))
    distributed.wait()
    assert (distributed.gather("own"), distributed.compare("own")) == (["own"], ["own"])
    assert (distributed.rank(), distributed.processes()) == (0, 1)
    assert weight.grad.tolist() == [1, 1]


def test_a_gpu_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(UserError, match=r"train\.device is cuda: this process needs GPU 1, torch finds 1 of them"):
        distributed.pick_device("cuda")
    assert distributed.pick_device("cpu") == torch.device("cpu")
