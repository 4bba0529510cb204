"""Which directions a run has, and which names may be left out."""

from pathlib import Path

import pytest

from translate.config import DataConfig
from translate.corpus.directions import Directions, read_direction
from translate.errors import UserError
from translate.models import resolve


def make(*domains, **facts):
    return Directions(DataConfig(domains=list(domains)), **facts)


ONE_WAY = make("a", "b", one_way=True)
TWO_WAYS = make("a", "b")
VOICES = make("a", "b", "c", many=True)
CLASSES = make("a", "b", "c", many=True, any_source=True)
ATTRIBUTES = make("red", "green", "red+blue", many=True, any_source=True, attributes=True)


@pytest.mark.parametrize(("model", "settings", "expected"), [
    ("mse_vc", {}, ONE_WAY),
    ("pix2pix", {}, ONE_WAY),
    ("cyclegan", {}, TWO_WAYS),
    ("cyclegan_vc2", {}, TWO_WAYS),
    ("stargan_vc2", {}, VOICES),
    ("stargan", {"network": {"exclusive": True}}, CLASSES),
])  # fmt: skip
def test_models(model, settings, expected):
    config = resolve({"model": model, "data": {"domains": expected.domains}, **settings}, "test")
    found = Directions.of(config)
    facts = ("many", "one_way", "any_source", "attributes")
    assert [getattr(found, fact) for fact in facts] == [getattr(expected, fact) for fact in facts]
    assert found.pairs == expected.pairs


def test_pictures_with_attributes():
    found = Directions.of(resolve({"model": "stargan", "data": {"domains": ["red", "green"]}}, "test"))
    assert found.attributes
    assert found.pairs == [("all", "red"), ("all", "green")]
    assert found.targets == ["red", "green"]


def test_pairs():
    assert ONE_WAY.pairs == [("a", "b")]
    assert TWO_WAYS.pairs == [("a", "b"), ("b", "a")]
    assert VOICES.pairs == [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]
    assert VOICES.by_source() == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    assert (ONE_WAY.targets, VOICES.targets) == (["b"], ["a", "b", "c"])
    with pytest.raises(UserError, match="this model needs two different names"):
        make("a", "b", "c", one_way=True).pairs  # noqa: B018


@pytest.mark.parametrize(("directions", "given", "expected"), [
    (ONE_WAY, (None, None), ("a", "b")),
    (ONE_WAY, (None, "b"), ("a", "b")),
    (TWO_WAYS, ("b", None), ("b", "a")),
    (TWO_WAYS, (None, "b"), ("a", "b")),
    (VOICES, ("c", "a"), ("c", "a")),
    (CLASSES, (None, "a"), ("all", "a")),
    (CLASSES, ("b", "a"), ("b", "a")),
    (CLASSES, ("all", "a"), ("all", "a")),
    (ATTRIBUTES, (None, "green+red"), ("all", "green+red")),
    (ATTRIBUTES, (None, "red+blue"), ("all", "red+blue")),          # the name of one
    (ATTRIBUTES, (None, ""), ("all", "")),                          # none of them
])  # fmt: skip
def test_names_that_are_left_out(directions, given, expected):
    assert directions.name(*given) == expected


@pytest.mark.parametrize(("directions", "given", "message"), [
    (ONE_WAY, ("b", "a"), "this model translates a to b only; train another for the way back"),
    (ONE_WAY, ("c", None), "unknown domain `c`; this model knows a, b"),
    (TWO_WAYS, (None, None), "name the target domain (--to, or target=...); this model knows a, b"),
    (TWO_WAYS, ("a", "a"), "source and target are both `a`; this model knows a, b"),
    (TWO_WAYS, ("all", "a"), "unknown domain `all`; this model knows a, b"),
    (VOICES, (None, "a"), "name the source and the target domain (--from and --to, or source=... and target=...); "
                          "this model knows a, b, c"),
    (CLASSES, (None, None), "name the target domain (--to, or target=...); this model knows a, b, c"),
    (CLASSES, (None, "a+b"), "unknown domain `a+b`; this model knows a, b, c"),
    (CLASSES, ("x", "b"), "unknown domain `x`; this model knows a, b, c"),
    (ATTRIBUTES, (None, "red+gren"), "unknown domain `gren`; did you mean `green`?"),
])  # fmt: skip
def test_mistakes(directions, given, message):
    with pytest.raises(UserError) as error:
        directions.name(*given)
    assert str(error.value) == message


def test_folders_of_directions():
    domains = {"a", "b-c", "a-b", "c", "d", "all"}
    assert read_direction(Path("x/a-d"), domains) == ("a", "d")
    assert read_direction(Path("x/all-c+d"), domains, attributes=True) == ("all", "c+d")
    for name, attributes, message in (
        ("a-b-c", False, "more than one pair of domains fits the name; the domains are a, a-b, b-c, c, d"),
        ("a-x", True, "expected a name <source>-<target>; the domains are a, a-b, b-c, c, d"),
        ("all-c+d", False, "expected a name <source>-<target>"),
    ):
        with pytest.raises(UserError, match=message):
            read_direction(Path(name), domains, attributes)
