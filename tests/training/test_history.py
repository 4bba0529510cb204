"""Values that are not finite, and the warning of a generator that does nothing."""

import math

import pytest
import torch

from translate.checkpoints.store import save_checkpoint
from translate.config import LossWeight
from translate.errors import UserError
from translate.training import history as module
from translate.training.history import History


class Spoken:
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


def test_means_are_those_since_the_last_line(tmp_path):
    history = History(tmp_path)
    for step, value in enumerate([1.0, 2.0, 6.0]):
        history.add(step, "generator", {"cycle": torch.tensor(value)})
    history.add(2, "generator", {"identity": torch.tensor(4.0)})            # not in every step
    assert history.means() == {"generator/cycle": 3.0, "generator/identity": 4.0}
    history.clear()
    history.add(3, "generator", {"cycle": torch.tensor(7.0)})
    assert history.means() == {"generator/cycle": 7.0}


def test_adding_keeps_no_graph(tmp_path):
    history = History(tmp_path)
    history.add(0, "generator", {"cycle": torch.ones((), requires_grad=True) * 2})
    assert not history.values["generator/cycle"][0].requires_grad


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_loss_is_named_with_its_step_and_the_last_checkpoint(tmp_path, make_run, bad):
    run = make_run()
    save_checkpoint(tmp_path, 4, run.config, {"a": torch.ones(1)}, {}, run.statistics, {}, keep=1)
    history = History(tmp_path)
    history.add(4, "generator", {"cycle": torch.tensor(1.0), "identity": torch.tensor(1.0)})
    history.add(5, "generator", {"cycle": torch.tensor(1.0), "identity": torch.tensor(bad)})
    history.add(5, "discriminator", {"adversarial": torch.tensor(bad)})     # a consequence, not the cause
    history.add(6, "generator", {"cycle": torch.tensor(bad)})
    with pytest.raises(UserError) as error:
        history.check()
    message = str(error.value)
    assert message.startswith("step 6: the loss `generator/identity` is not finite")
    assert f"the last good checkpoint is {(tmp_path / 'step_00000004').resolve()}" in message
    assert "\n" not in message


def test_without_a_checkpoint_the_message_says_so(tmp_path):
    history = History(tmp_path)
    history.add(0, "generator", {"cycle": torch.tensor(math.nan)})
    with pytest.raises(UserError, match=r"step 1: .*there is no checkpoint yet"):
        history.check()


def test_a_broken_weight_is_named(tmp_path):
    weights = {"a": torch.ones(2), "b": torch.tensor([1.0, math.inf]), "c": torch.arange(3)}
    with pytest.raises(UserError, match=r"step 8: the weight `b` is not finite"):
        History(tmp_path).check_weights(7, weights)
    History(tmp_path).check_weights(7, {"a": weights["a"], "c": weights["c"]})


def run_of_changes(tmp_path, changes, every=500):
    """Log lines every `every` steps with these relative changes of the generator's input."""
    history, spoken, step = History(tmp_path), Spoken(), 0
    said_at = []
    for change in changes:
        for _ in range(2):
            history.add(step, "monitor", {"change": torch.tensor(change)})
            step += every // 2
        history.warn_of_identity(spoken, step)
        said_at += [step] * (len(spoken.lines) - len(said_at))
        history.clear()
    return spoken.lines, said_at


def test_the_identity_warning_comes_once_after_the_patience(tmp_path):
    lines, said_at = run_of_changes(tmp_path, [0.5] + [0.01] * 12)
    assert said_at == [500 + module.IDENTITY_PATIENCE]
    assert "returned its input" in lines[0]
    assert "0.010" in lines[0]
    assert "players.generator.losses: cycle" in lines[0]


def test_no_warning_while_the_generator_changes_its_input(tmp_path):
    assert run_of_changes(tmp_path, [module.IDENTITY_CHANGE * 1.1] * 12)[0] == []


def test_an_interruption_starts_the_patience_anew(tmp_path):
    changes = [0.01] * 3 + [0.5] + [0.01] * 3 + [0.5]
    assert run_of_changes(tmp_path, changes)[0] == []


def test_no_warning_without_the_monitor(tmp_path):
    history, spoken = History(tmp_path), Spoken()
    history.add(10_000, "generator", {"cycle": torch.tensor(1.0)})
    history.warn_of_identity(spoken, 10_000)
    assert spoken.lines == []


def test_a_weight_whose_loss_never_comes_is_told_once(tmp_path):
    """Not before every turn has had its chance, not of losses without a weight at this step, not a second time."""
    history, log = History(tmp_path), Spoken()
    weights = {
        "generator": {
            "cycle": LossWeight(weight=10), "pyramid": LossWeight(weight=1), "idle": LossWeight(weight=0),
            "identity": LossWeight(weight=5, until=50),
        },
    }  # fmt: skip
    history.add(0, "generator", {"cycle": torch.tensor(1.0)})
    history.clear()
    history.warn_of_idle_weights(log, module.IDLE_PATIENCE - 1, weights)
    assert log.lines == []
    for _ in range(2):
        history.warn_of_idle_weights(log, module.IDLE_PATIENCE, weights)
    assert len(log.lines) == 1
    assert "players.generator.losses.pyramid has had no effect in 100 steps" in log.lines[0]


def test_a_loss_of_every_nth_step_is_missed_by_the_step_in_which_it_was_due(tmp_path):
    weights = {"d": {"r1": LossWeight(weight=1, every=16), "gone": LossWeight(weight=1, every=160)}}
    history, log = History(tmp_path), Spoken()
    history.add(96, "d", {"r1": torch.tensor(1.0)})
    history.warn_of_idle_weights(log, 102, weights)
    assert len(log.lines) == 1
    assert "players.d.losses.gone has had no effect in 102 steps" in log.lines[0]
