"""The history of fakes."""

import pytest
import torch

from translate.games.pool import FakePool


def numbered(*numbers):
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1)         # (B, 1, 1)


def test_size_0_hands_fakes_through_detached():
    pool, fakes = FakePool(0), numbered(1, 2).requires_grad_()
    returned = pool.query(fakes)
    assert torch.equal(returned, fakes)
    assert not returned.requires_grad
    assert pool.kept == []


def test_until_it_is_full_new_fakes_come_back():
    pool = FakePool(5)
    assert pool.query(numbered(1, 2, 3)).flatten().tolist() == [1, 2, 3]
    assert pool.query(numbered(4, 5).requires_grad_()).flatten().tolist() == [4, 5]
    assert [fake.item() for fake in pool.kept] == [1, 2, 3, 4, 5]
    assert not any(fake.requires_grad for fake in pool.kept)


def test_once_full_about_half_are_old():
    torch.manual_seed(0)
    pool, count = FakePool(20), 4000
    pool.query(numbered(*range(20)))
    ages = []
    for number in range(20, 20 + count):
        ages.append(number - pool.query(numbered(number)).item())
    old = [age for age in ages if age > 0]
    assert len(old) / count == pytest.approx(0.5, abs=0.03)                  # 4 standard deviations
    assert len(pool.kept) == 20
    # A fake leaves with probability 1/2 * 1/20 at each query: it stays 40 queries on average.
    assert sum(old) / len(old) == pytest.approx(40, rel=0.15)
    assert max(age for age in ages) < 400


def test_an_old_fake_makes_room_for_the_new_one():
    torch.manual_seed(1)
    pool, history = FakePool(2), {1, 2}
    pool.query(numbered(1, 2))
    for number in range(3, 40):
        returned = pool.query(numbered(number)).item()
        history.add(number)
        kept = {int(fake.item()) for fake in pool.kept}
        if returned != number:
            assert number in kept
            assert returned not in kept
        assert len(kept) == 2
        assert kept <= history


def test_what_is_kept_does_not_change_with_the_argument():
    pool, fakes = FakePool(2), numbered(1, 2)
    pool.query(fakes)
    fakes.zero_()
    assert [fake.item() for fake in pool.kept] == [1, 2]


def test_the_shape_stays():
    pool = FakePool(3)
    for _ in range(4):
        assert pool.query(torch.zeros(2, 5, 7)).shape == (2, 5, 7)
