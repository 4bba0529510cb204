"""Which sentences choose the best step of a run, and that none of them trains."""

import logging
from dataclasses import replace

import pytest
from tiny_training import make_utterances

from translate.config import merge
from translate.models import resolve
from translate.speech.batches import find_batches
from translate.speech.development import Development, Sentence

VOICES = ["a", "b", "c", "d"]


def say(domain, *sentences, own=False):
    """Utterances of these sentences by a domain; `own`: nobody else says them."""
    utterances = make_utterances(0, frames=[20] * len(sentences))
    ids = [f"{domain}{sentence}" for sentence in sentences]
    pairs = [None if own else str(sentence) for sentence in sentences]
    return replace(utterances, ids=ids, pairs=pairs, paths=[f"{id}.wav" for id in ids])


class Store:
    """Features in memory: {split: {domain: utterances}}."""

    def __init__(self, **splits):
        self.splits = splits

    def domains(self, split):
        return sorted(self.splits.get(split, {}))

    def open(self, split, domain):
        return self.splits[split][domain]


def open_development(store, domains, model="stargan_vc2", **values):
    values = merge({"train": {"crop": 16, "batch_size": 2}, "data": {"domains": list(domains)}}, values)
    config = resolve({"model": model, **values}, "test")
    used = find_batches(config).select(config, {domain: store.open("train", domain) for domain in domains})
    return Development.open(config, store, used)


def speak(domains, train, dev):
    return Store(train={d: say(d, *train) for d in domains}, dev={d: say(d, *dev) for d in domains})


def test_the_dev_split_is_converted_and_compared_with():
    development = open_development(speak("abc", range(6), [7, 8]), "abc")
    assert {domain: u.ids for domain, u in development.held_out.items()} == {d: [f"{d}7", f"{d}8"] for d in "abc"}
    assert all(development.references[d].ids == development.held_out[d].ids for d in "abc")
    assert development.parallel
    assert development.pairs["a", "b"] == [(0, 0), (1, 1)]


def test_without_one_it_is_what_a_domain_left_to_the_other():
    store = Store(train={d: say(d, *range(6)) for d in "ab"})
    development = open_development(store, "ab", "cyclegan_vc2")
    assert [len(development.used[domain]) for domain in "ab"] == [3, 3]
    assert development.held_out["a"].pairs == development.used["b"].pairs == ["3", "4", "5"]
    assert development.parallel
    trained = open_development(store, "ab", "cyclegan_vc2", data={"non_parallel": False})
    assert trained.held_out["a"] is trained.used["a"]
    assert (development.trained, trained.trained) == ([], ["a", "b"])


def test_sentences_that_train_in_any_domain_are_left_out(caplog):
    """As where features of an older split are still there."""
    store = Store(
        train={"a": say("a", 1, 2, 3), "b": say("b", 1, 2, 4)},
        dev={"a": say("a", 3, 4, 5), "b": say("b", 4, 5, 6)},
    )
    with caplog.at_level(logging.WARNING, "translate"):
        development = open_development(store, "ab")
    assert development.held_out["a"].pairs == ["5"]                 # a itself trains on 3, b on 4
    assert development.held_out["b"].pairs == ["5", "6"]
    assert "a: 2 of 3 sentences of `dev` train, too, and are left out" in caplog.text
    assert "b: 1 of 3 sentences of `dev` train, too, and are left out" in caplog.text


def test_recordings_that_train_are_left_out_without_pairs(caplog):
    store = Store(
        train={d: say(d, 1, 2, own=True) for d in "ab"},
        dev={"a": say("a", 2, 3, own=True), "b": say("b", 1, 2, own=True)},
    )
    development = open_development(store, "ab")
    assert development.held_out["a"].ids == ["a3"]
    assert development.held_out["b"].ids == ["b1", "b2"]            # none is left: as without the split
    assert not development.parallel


@pytest.mark.parametrize(("domains", "count", "each", "other"), [
    ("ab", None, 4, 4), ("abc", None, 2, 2), ("abcd", None, 1, 1), ("ab", 1, 1, 1), ("abcd", 6, 6, 6), ("ab", 99, 8, 8),
])  # fmt: skip
def test_so_many_sentences_of_every_direction(domains, count, each, other):
    development = open_development(speak(domains, range(3), range(10, 18)), domains)
    chosen = development.choose(count)
    numbers = {(a, b): [s.row for s in chosen if (s.source, s.target) == (a, b)] for a in domains for b in domains}
    assert {len(set(rows)) for (a, b), rows in numbers.items() if a != b} == {each}
    assert development.choose(count) == chosen
    if each == 1:
        assert len({s.row for s in chosen}) == min(len(chosen), 8)  # directions take different ones


def test_parallel_sentences_come_alone_where_all_directions_have_some():
    store = Store(train={d: say(d, 1, 2) for d in "ab"}, dev={"a": say("a", 5, 6, 7), "b": say("b", 7, 8)})
    assert open_development(store, "ab").choose(4) == [Sentence("a", "b", 2, 0), Sentence("b", "a", 0, 2)]
    store = Store(train={d: say(d, 1, 2) for d in "abc"}, dev={"a": say("a", 7), "b": say("b", 7), "c": say("c", 9)})
    assert {s.natural for s in open_development(store, "abc").choose(4)} == {None}


def test_recordings_for_the_voice_are_evenly_spaced():
    development = open_development(speak("ab", range(91), [100]), "ab")
    rows = development.find_natural("b")
    assert len(rows) == 30
    assert (rows[0], rows[-1]) == (0, 90)
