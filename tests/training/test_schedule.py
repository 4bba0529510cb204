"""The factor on the learning rate at the corners."""

from itertools import pairwise

import pytest

from translate.training.schedule import rate_factor


def test_constant_then_linear_to_zero():
    rates = [rate_factor(step, 100, 0.5) for step in range(101)]
    assert rates[:51] == [1.0] * 51
    assert rates[75] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.02)                                 # the last step still learns
    assert rates[100] == 0
    falls = [a - b for a, b in pairwise(rates[50:])]
    assert falls == pytest.approx([0.02] * 50)


def test_decay_from_the_start_and_never():
    assert [rate_factor(step, 4, 0.0) for step in range(5)] == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert [rate_factor(step, 4, 1.0) for step in range(4)] == [1, 1, 1, 1]


def test_a_single_step_has_the_full_rate():
    assert rate_factor(0, 1, 0.5) == 1
    assert rate_factor(0, 1, 0.0) == 1
