"""Answers of listeners: the tables against values by hand, and files that are none."""

import json

import numpy as np
import pytest

from translate.errors import UserError
from translate.jobs.listen import analyse_listening
from translate.speech.listening.analysis import measure_mean, measure_share
from translate.speech.listening.answers import Rating, read_answers, read_key

KEY = {
    "page": "p1",
    "systems": ["source", "one", "natural target"],
    "trials": {
        "t1": {"test": "abx", "sentence": "s1", "a": "one", "b": "source", "x": "A"},
        "t2": {"test": "abx", "sentence": "s2", "a": "source", "b": "one", "x": "A"},
        "t3": {"test": "mos", "sentence": "s1", "system": "one"},
        "t4": {"test": "mos", "sentence": "s2", "system": "one"},
        "t5": {"test": "mos", "sentence": "s1", "system": "natural target"},
    },
}
HEAD = "page,listener,trial,test,question,answer\n"


@pytest.fixture
def write(tmp_path):
    """A function that writes a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def test_tables(write):
    key = write("key.json", KEY)
    anna = HEAD + "p1,anna,t1,abx,x,A\np1,anna,t2,abx,x,B\np1,anna,t3,mos,naturalness,3\np1,anna,t3,mos,similarity,2\n"
    ben = HEAD + "p1,ben,t1,abx,x,A\np1,ben,t4,mos,naturalness,4\np1,ben,t5,mos,naturalness,5\n"
    files = [write("anna.csv", anna), write("ben.csv", "\ufeff" + ben.replace("\n", "\r\n"))]
    judgements, ratings = read_answers(files, read_key(key))
    assert [(one.pair, one.listener, one.right) for one in judgements] == [
        (("source", "one"), "anna", True),
        (("source", "one"), "anna", False),
        (("source", "one"), "ben", True),
    ]
    assert ratings[0] == Rating("one", "naturalness", "anna", "s1", 3)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in analyse_listening(files, key).splitlines()]
    # 2 of 3: the exact interval solves P(K >= 2 | low) = P(K <= 2 | high) = 0.025, that is 3 p^2 - 2 p^3 = 0.025 and
    # p^3 = 0.975; the sign test's p is 1, as 2 of 3 is the middle of what guessing gives
    assert ["source / one", "3", "2", "2", "66.7", "9.4 – 99.2", "1.0000"] in cells
    assert ["one", "2", "2", "3.50", "3.00 – 4.00", "2.00", "2.00 – 2.00"] in cells
    assert ["natural target", "1", "1", "5.00", "5.00 – 5.00", "–", "–"] in cells
    assert not [row for row in cells if row[:1] == ["source"]]      # nobody rated it


def test_share_by_hand():
    share = measure_share(9, 10)
    assert share.p == pytest.approx(22 / 1024)                      # 2 (10 + 1) / 2^10
    assert share.low == pytest.approx(0.5550, abs=1e-4)             # Clopper and Pearson's table
    assert share.high == pytest.approx(0.9975, abs=1e-4)
    none = measure_share(0, 5)
    assert (none.low, none.p) == (0, 2 / 32)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 5))


def rate(scores):
    """Ratings of a matrix (listeners, sentences)."""
    return [Rating("one", "naturalness", f"l{row}", f"s{column}", score)
            for row, line in enumerate(scores) for column, score in enumerate(line)]  # fmt: skip


def test_mean_by_hand():
    assert measure_mean(rate([[4]])) == (4, 4, 4)
    assert measure_mean(rate([[3, 3], [3, 3]])) == (3, 3, 3)
    # One listener, sentences rated 1 and 3: a resample has 1, 2 or 3 with a chance of 1/4, 1/2, 1/4.
    assert measure_mean(rate([[1, 3]])) == (2, 1, 3)
    assert measure_mean(rate([[1], [3]])) == (2, 1, 3)


def test_both_listeners_and_sentences_widen_the_interval():
    """Effects that add up: the variance of the mean is that of listeners plus that of sentences."""
    rng = np.random.default_rng(0)
    listeners, sentences = rng.integers(0, 3, 20), rng.integers(1, 3, 30)
    mean = measure_mean(rate(listeners[:, None] + sentences[None]))
    expected = 1.96 * np.sqrt(listeners.var() / 20 + sentences.var() / 30)
    assert (mean.high - mean.low) / 2 == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected the columns page,listener"),
        (HEAD, "no answers"),
        (HEAD + "p1,anna\n", ":2: 2 columns"),
        (HEAD + "p2,anna,t1,abx,x,A\n", ":2: answers to the page 'p2'; the key is that of p1"),
        (HEAD + "p1,anna,t9,abx,x,A\n", ":2: the key has no trial 't9' of the test 'abx'"),
        (HEAD + "p1,anna,t1,mos,naturalness,1\n", ":2: the key has no trial 't1' of the test 'mos'"),
        (HEAD + "p1,anna,t1,abx,x,C\n", ":2: 'x' is 'C'; expected x, and A or B"),
        (HEAD + "p1,anna,t3,mos,naturalness,6\n", ":2: 'naturalness' is '6'; expected naturalness or similarity"),
        (HEAD + "p1,anna,t1,abx,x,A\n" * 2, ":3: 'anna' has answered this already, in "),
    ],
)
def test_bad_answers(write, content, message):
    with pytest.raises(UserError) as error:
        analyse_listening([write("a.csv", content)], write("key.json", KEY))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "expected the key.json of a blind page"),
        ("[" * 100000, "expected the key.json of a blind page"),
        ([1], "expected the key.json of a blind page"),
        ({"page": "p1"}, "`systems` is required"),
        ({**KEY, "trials": {"t1": {"test": "abx"}}}, "is required"),
        ({**KEY, "systems": ["one"]}, "trial 't1' has 'source', which is none of `systems`"),
    ],
)
def test_bad_keys(write, content, message):
    with pytest.raises(UserError) as error:
        analyse_listening([write("a.csv", HEAD)], write("key.json", content))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_cannot_be_read(write, tmp_path):
    key = write("key.json", KEY)
    with pytest.raises(UserError, match="cannot read"):
        analyse_listening([tmp_path / "missing.csv"], key)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="expected UTF-8 text"):
        analyse_listening([tmp_path / "binary.csv"], key)
