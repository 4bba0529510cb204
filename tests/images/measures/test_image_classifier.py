import numpy as np
import pytest

from translate.errors import UserError
from translate.images.measures import classifier as image_classifier
from translate.images.measures.classifier import DomainClassifier, shrink_picture


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(image_classifier, "STEPS", 40)


def draw(rng, count, red=0, stripes=0):
    """Noise with more red or with stripes, of several sizes."""
    pictures = []
    for number in range(count):
        picture = rng.normal(110, 30, (60 + number % 5, 80, 3))
        picture[..., 0] += 60 * red
        picture[:, ::8] += 90 * stripes
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def test_exclusive_domains():
    rng = np.random.default_rng(0)
    pictures = draw(rng, 20) + draw(rng, 40, red=1)
    labels = np.repeat([[1, 0], [0, 1]], [20, 40], axis=0)
    classifier = DomainClassifier(pictures, ["gray", "red"], labels, exclusive=True)
    assert (classifier.held_out, classifier.held_out_n) == (1, 12)
    fresh = draw(rng, 5) + draw(rng, 15, red=1)
    assert classifier.accuracy(fresh, "red") == 0.75
    assert classifier.accuracy(fresh, "gray") == 0.25
    assert (classifier.predict(fresh).sum(axis=1) == 1).all()
    again = DomainClassifier(pictures, ["gray", "red"], labels, exclusive=True)
    assert np.array_equal(again.predict(pictures), classifier.predict(pictures))
    assert np.array_equal(classifier.predict([shrink_picture(p) for p in fresh]), classifier.predict(fresh))


def test_attributes():
    rng = np.random.default_rng(0)
    kinds = [(0, 0)] * 24 + [(1, 0)] * 12 + [(0, 1)] * 12 + [(1, 1)] * 12
    pictures = [draw(rng, 1, *kind)[0] for kind in kinds]
    labels = np.array(kinds)
    labels[::7, 1] = -1                                             # not known
    classifier = DomainClassifier(pictures, ["red", "stripes"], labels, exclusive=False)
    assert classifier.held_out > 0.9
    fresh = draw(rng, 6, 1, 0) + draw(rng, 4, 1, 1)
    assert classifier.accuracy(fresh, "red") == 1
    assert classifier.accuracy(fresh, "stripes") == classifier.accuracy(fresh, "red+stripes") == 0.4


def test_equal_domains_stay_at_chance():
    rng = np.random.default_rng(0)
    labels = np.repeat([[1, 0], [0, 1]], 100, axis=0)
    classifier = DomainClassifier(draw(rng, 200), ["a", "b"], labels, exclusive=True)
    assert 0.25 < classifier.held_out < 0.75


def test_two_pictures_are_not_tested():
    rng = np.random.default_rng(0)
    classifier = DomainClassifier(draw(rng, 2) + draw(rng, 2, 1), ["a", "b"], np.eye(2, dtype=int)[[0, 0, 1, 1]], True)
    assert (classifier.held_out, classifier.held_out_n) == (None, 0)


def test_too_few():
    pictures = draw(np.random.default_rng(0), 2)
    with pytest.raises(UserError, match="no real picture of `b`"):
        DomainClassifier(pictures, ["a", "b"], np.array([[1, 0], [1, 0]]), exclusive=True)
    with pytest.raises(UserError, match="no real picture without `a`"):
        DomainClassifier(pictures, ["a"], np.array([[1], [1]]), exclusive=False)
    with pytest.raises(UserError, match="at least two domains, found `a`"):
        DomainClassifier(pictures, ["a"], np.array([[1], [1]]), exclusive=True)
