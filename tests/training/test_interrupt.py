"""Ctrl-C ends a run at a step, with a checkpoint."""

import os
import signal

import pytest

from translate.checkpoints.interrupt import hold_interrupts
from translate.training import trainer
from translate.training.interrupt import Interrupt
from translate.training.trainer import train


@pytest.fixture(autouse=True)
def python_handles_interrupts():
    """As at a terminal: a shell that runs the tests in the background hands SIGINT down as ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_run_that_is_interrupted_saves_and_goes_on_exactly(tmp_path, make_run, differing):
    run = make_run("train.steps=6", "train.save_every=100")
    real = run.translator.training_step

    def step_and_interrupt(batch, step):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        yield from real(batch, step)

    run.translator.training_step = step_and_interrupt
    with pytest.raises(KeyboardInterrupt):
        train(*run.arguments(tmp_path / "cut"))
    assert (tmp_path / "cut" / "latest").resolve().name == "step_00000003"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    train(*make_run("train.steps=6", "train.save_every=100").arguments(tmp_path / "cut"))
    train(*make_run("train.steps=6", "train.save_every=100").arguments(tmp_path / "whole"))
    assert differing(tmp_path / "cut" / "latest", tmp_path / "whole" / "latest") == []


def test_a_step_is_not_saved_twice(tmp_path, make_run, monkeypatch):
    """An interrupt that comes while a step is saved ends the run, not another save of this step."""
    real, saved = trainer.save_checkpoint, []

    def save_and_interrupt(folder, step, *rest):
        saved.append(step)
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return real(folder, step, *rest)

    monkeypatch.setattr(trainer, "save_checkpoint", save_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(*make_run("train.steps=6", "train.save_every=2").arguments(tmp_path / "run"))
    assert saved == [2, 4]
    assert (tmp_path / "run" / "latest").resolve().name == "step_00000004"


def test_nothing_is_saved_before_the_first_step(tmp_path, make_run, monkeypatch):
    monkeypatch.setattr(Interrupt, "asked", property(lambda self: True, lambda self, value: None), raising=False)
    with pytest.raises(KeyboardInterrupt):
        train(*make_run().arguments(tmp_path / "run"))
    assert not list((tmp_path / "run").glob("step_*"))


def test_interrupts_wait_for_the_end_of_a_save():
    done = []
    with pytest.raises(KeyboardInterrupt), hold_interrupts():       # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        done.append("after the first")
        os.kill(os.getpid(), signal.SIGINT)
        done.append("after the second")
    assert done == ["after the first", "after the second"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_in_a_save_counts_for_the_run():
    interrupt = Interrupt()
    with hold_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        assert not interrupt.asked
    assert interrupt.asked
    with pytest.raises(KeyboardInterrupt), hold_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    interrupt.release()


def test_a_save_that_fails_tells_its_own_error():
    with pytest.raises(OSError, match="full"), hold_interrupts():   # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("full")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_ends_at_once():
    interrupt = Interrupt()
    os.kill(os.getpid(), signal.SIGINT)
    assert interrupt.asked
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_handler_of_the_program_stays():
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        interrupt = Interrupt()
        os.kill(os.getpid(), signal.SIGINT)
        assert (seen, interrupt.asked) == ([signal.SIGINT], False)
        interrupt.release()
        os.kill(os.getpid(), signal.SIGINT)
        assert len(seen) == 2
    finally:
        signal.signal(signal.SIGINT, before)
