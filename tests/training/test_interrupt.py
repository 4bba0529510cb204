"""Ctrl-C ends a run at a step, with a checkpoint."""

import os
import signal

import pytest

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
