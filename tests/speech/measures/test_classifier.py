import numpy as np
import pytest

from translate.errors import UserError
from translate.speech.measures.classifier import DomainClassifier, segment_statistics


def draw(rng: np.random.Generator, mean: float, utterances: int = 6, frames: int = 300) -> list[np.ndarray]:
    """Mel-cepstra whose means differ by domain; c0 is anything."""
    mceps = [rng.normal(size=(frames, 9)) for _ in range(utterances)]
    for mcep in mceps:
        mcep[:, 1:] += mean
        mcep[:, 0] = 100 * rng.normal()
    return mceps


def test_separable_domains_are_told_apart():
    rng = np.random.default_rng(0)
    classifier = DomainClassifier({"a": draw(rng, -1), "b": draw(rng, 1), "c": draw(rng, 4)})
    assert classifier.cross_validation == 1
    assert classifier.recognise(draw(rng, 1))["b"] == 1
    assert classifier.recognise(draw(rng, 1))["a"] == 0
    assert classifier.recognise([*draw(rng, 1), *draw(rng, 4)])["c"] == 0.5


def test_equal_domains_stay_at_chance():
    rng = np.random.default_rng(0)
    classifier = DomainClassifier({"a": draw(rng, 0, 40), "b": draw(rng, 0, 40)})
    assert 0.3 < classifier.cross_validation < 0.7


def test_held_out_segments_come_from_other_utterances():
    """Utterances that differ from each other, not by domain: leaking segments would look like 100 %."""
    rng = np.random.default_rng(0)
    mceps = [rng.normal(size=8) * 5 + rng.normal(size=(2000, 8)) for _ in range(12)]
    classifier = DomainClassifier({"a": mceps[:6], "b": mceps[6:]})
    assert classifier.cross_validation < 0.85


def test_one_utterance_each_is_not_cross_validated():
    rng = np.random.default_rng(0)
    classifier = DomainClassifier({"a": draw(rng, -1, 1), "b": draw(rng, 1, 3)})
    assert classifier.cross_validation is None
    assert classifier.recognise(draw(rng, 1))["b"] == 1


def test_segments_leave_no_frame_out():
    mcep = np.random.default_rng(0).normal(size=(510, 5))
    rows = segment_statistics(mcep)
    assert rows.shape == (3, 8)
    np.testing.assert_allclose(rows[:, :4].mean(axis=0), mcep[:, 1:].mean(axis=0))
    assert segment_statistics(mcep[:30]).shape == (1, 8)


def test_too_few_domains():
    mceps = draw(np.random.default_rng(0), 0)
    with pytest.raises(UserError, match=r"at least two domains, found 1 domain"):
        DomainClassifier({"a": mceps})
    with pytest.raises(UserError, match="none of domain `b`"):
        DomainClassifier({"a": mceps, "b": []})
