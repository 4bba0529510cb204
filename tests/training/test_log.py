"""JSON lines, TensorBoard, and what a person sees."""

import json
import sys
import time

import numpy as np
import pytest

from translate.training.log import Log


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_lines_are_json_with_step_losses_and_rate(tmp_path, capsys):
    log = Log(tmp_path, 0, 10)
    log.write(2, {"generator/cycle": 1.23456789, "monitor/change": 0.5})
    log.write(4, {"generator/cycle": 1.0})
    log.close()
    first, second = lines(tmp_path)
    assert first["step"] == 2
    assert first["generator/cycle"] == pytest.approx(1.23456789, abs=1e-6)
    assert first["steps_per_second"] > 0
    assert set(second) == {"step", "generator/cycle", "steps_per_second"}
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 2                                 # plain lines where there is no terminal
    assert shown.err.startswith("step 2/10 ")
    assert "generator/cycle 1.235" in shown.err


def test_lines_after_the_last_checkpoint_are_forgotten(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 2, "a": 1}\n{"step": 4, "a": 2}\n{"step": 6, "a": 3}\n{"step": 8, "a"')
    log = Log(tmp_path, 4, 10)
    log.write(6, {"a": 9.0})
    log.close()
    assert [(line["step"], line["a"]) for line in lines(tmp_path)] == [(2, 1), (4, 2), (6, 9.0)]
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["log.jsonl"]


def test_a_new_run_forgets_all_lines(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 2, "a": 1}\n')
    Log(tmp_path, 0, 10).close()
    assert lines(tmp_path) == []


def test_tensorboard_gets_scalars_pictures_and_audio(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = Log(tmp_path, 0, 10)
    log.write(2, {"generator/cycle": 1.5})
    log.write(4, {"generator/cycle": 1.25})
    log.show(4, "picture", np.zeros((4, 6, 3), dtype=np.uint8))
    log.show(4, "sound", np.zeros(160), sample_rate=16000)
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("generator/cycle")] == [(2, 1.5), (4, 1.25)]
    assert events.Tags()["images"] == ["picture"]
    assert events.Tags()["audio"] == ["sound"]


def test_tensorboard_forgets_the_steps_that_are_done_again(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for first, steps in ((0, (2, 4, 6)), (4, (6, 8))):
        log = Log(tmp_path, first, 10)
        for step in steps:
            log.write(step, {"a": step + first / 10})
        log.close()
        time.sleep(1.1)  # files are read in the order of their names: the second, then a counter of the process
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, pytest.approx(e.value)) for e in events.Scalars("a")] == [(2, 2), (4, 4), (6, 6.4), (8, 8.4)]


def test_a_terminal_gets_a_bar(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    log = Log(tmp_path, 4, 10)
    log.write(6, {"generator/cycle": 1.5})
    log.say("warning: [nothing] to see")
    bar = log._bar
    log.close()
    assert bar.tasks[0].completed == 6
    assert bar.finished is False
    assert "warning: [nothing] to see" in capsys.readouterr().err
    assert bar.live.is_started is False


def test_without_a_terminal_messages_are_plain_lines(tmp_path, capsys):
    log = Log(tmp_path, 0, 10)
    log.say("warning: nothing to see")
    log.close()
    assert capsys.readouterr().err == "warning: nothing to see\n"
