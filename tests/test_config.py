"""From YAML and overrides to validated sections, and one good line for everything that is wrong."""

import math
import re
from pathlib import Path

import pytest

import translate
from translate.config import (
    LossWeight,
    PlayerConfig,
    Section,
    TrainConfig,
    WorldConfig,
    lay_over,
    merge,
    parse_overrides,
    read_yaml,
    validate,
    write_yaml,
)
from translate.errors import UserError
from translate.models import resolve


def refuse(*overrides):
    """The message for overrides of CycleGAN-VC2."""
    with pytest.raises(UserError) as error:
        resolve(merge({"model": "cyclegan_vc2"}, parse_overrides(list(overrides))), "my.yaml")
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 250
    return message


def accept(*overrides):
    return resolve(merge({"model": "cyclegan_vc2"}, parse_overrides(list(overrides))), "my.yaml")


@pytest.mark.parametrize(("override", "words"), [
    # unknown keys at any depth: the nearest sibling, else the same name elsewhere, else what there is
    ("trian.steps=3", "my.yaml: unknown key `trian`; did you mean `train`?"),
    ("train.stpes=3", "unknown key `train.stpes`; did you mean `train.steps`?"),
    ("players.generater.clip=1", "unknown key `players.generater`; did you mean `players.generator`?"),
    ("players.generator.cilp=1", "did you mean `players.generator.clip`?"),
    ("players.generator.losses.cylce=1", "did you mean `players.generator.losses.cycle`?"),
    ("players.generator.losses.identity={weight: 5, untl: 3}",
     "unknown key `players.generator.losses.identity.untl`; did you mean `players.generator.losses.identity.until`?"),
    ("players.discriminator.losses.cycle=1", "did you mean `players.generator.losses.cycle`?"),
    ("steps=3", "unknown key `steps`; did you mean `train.steps`?"),
    ("channels=3", "unknown key `channels`; did you mean `network.channels`?"),
    ("xyz=3", "unknown key `xyz`; known: model, data, train, own, network, players, features"),
    ("network.xyz=3", "unknown key `network.xyz`; known: generator, discriminator, channels"),
    # keys that have dots themselves
    ("own.losses.generator.my_parts.roughness=0.5",
     "`own.losses.generator.my_parts.roughness`; write 'own.losses.generator={my_parts.roughness: 0.5}'"),
    ("own.losses.generator.my.parts.roughness={weight: 0.5, until: 9}",
     '''write 'own.losses.generator={my.parts.roughness: {"weight": 0.5, "until": 9}}\''''),
    ("own.losses.generator={my_parts.roughness: {weight: 0.5, untl: 9}}", "roughness.untl`; known: weight, until"),
    # wrong types
    ("train.steps=many", '`train.steps` is "many": it should be a valid integer'),
    ("train.steps=10.5", "`train.steps` is 10.5: it should be a valid integer"),
    ("train.steps='10'", '`train.steps` is "10": it should be a valid integer'),
    ("train.steps=true", "`train.steps` is true: it should be a valid integer"),
    ("train.compile=1", "`train.compile` is 1: it should be a valid boolean"),
    ("features.alpha=big", '`features.alpha` is "big": it should be a valid number'),
    ("data.domains=SF1", '`data.domains` is "SF1": it should be a valid list'),
    ("data.domains=[1, 2]", "`data.domains.0` is 1: it should be a valid string"),
    ("train=3", "`train` is 3: expected keys of its own (steps, batch_size,"),
    ("train=null", "`train` is null: expected keys of its own (steps, batch_size,"),
    ("train={1: 2}", "`train.1` is 1: keys should be strings"),
    ("players={1: 2}", "`players.1` is 1: keys should be strings"),
    ("players.generator.losses={1: 2}", "`players.generator.losses.1` is 1: keys should be strings"),
    ("players.generator=3", "`players.generator` is 3: expected keys of its own (learning_rate, betas, clip, average,"),
    ("players.generator=null", "`players.generator` is null: expected keys of its own (learning_rate, betas, clip,"),
    # weights of losses: a number or a mapping
    ("players.generator.losses.identity=abc",
     '`players.generator.losses.identity` is "abc": expected a number, or {weight: number, until: step, every: steps}'),
    ("players.generator.losses.identity=null",
     "is null: expected a number, or {weight: number, until: step, every: steps}"),
    ("players.generator.losses.identity=[5]",
     "is [5]: expected a number, or {weight: number, until: step, every: steps}"),
    ("players.generator.losses.identity=true", "is true: expected a number, or {weight: number, until: step, every: "),
    ("players.generator.losses.identity=-1", "`players.generator.losses.identity` is -1: it should be greater"),
    ("players.generator.losses.identity.weight=-1", "`players.generator.losses.identity.weight` is -1: it should be"),
    ("players.generator.losses.identity.weight=x", '`players.generator.losses.identity.weight` is "x": it should'),
    ("players.generator.losses.identity={weight: 5, until: 3.5}", "`players.generator.losses.identity.until` is 3.5"),
    ("players.generator.losses.identity={weight: 5, every: 0}", "`players.generator.losses.identity.every` is 0: it"),
    ("own.losses.generator={my_parts.roughness: {until: 3}}", "my_parts.roughness.weight` is required"),
    ("players.generator.losses.cycle=1" + "0" * 400, "0000...`: the value is not valid YAML"),
    # out of range
    ("train.batch_size=0", "`train.batch_size` is 0: it should be greater than or equal to 1"),
    ("train.decay_from=1.5", "`train.decay_from` is 1.5: it should be less than or equal to 1"),
    ("players.generator.learning_rate=0", "`players.generator.learning_rate` is 0: it should be greater than 0"),
    ("players.generator.learning_rate=.nan", "`players.generator.learning_rate` is NaN: it should be a finite number"),
    ("players.generator.learning_rate=.inf", "it should be a finite number"),
    ("players.generator.betas=[0.5, 1.0]", "`players.generator.betas.1` is 1.0: it should be less than 1"),
    ("players.generator.betas=[0.5]", "`players.generator.betas` is [0.5]: list should have at least 2 items"),
    ("players.generator.average=1", "`players.generator.average` is 1: it should be less than 1"),
    ("features.sample_rate=4000", "`features.sample_rate` is 4000: it should be greater than or equal to 8000"),
    ("network.channels=6", "`network.channels` is 6: it should be a multiple of 4"),
    # choices
    ("train.precision=float16", "it should be 'float32' or 'bfloat16'; did you mean `bfloat16`?"),
    ("network.generator=2-1-2D", "did you mean `2-1-2d`?"),
    ("network.adversarial_steps=3", "`network.adversarial_steps` is 3: it should be 1 or 2"),
    # long values are cut
    ("train.steps=" + "x" * 500, '`train.steps` is "xxx'),
])  # fmt: skip
def test_every_mistake_is_one_clear_line(override, words):
    assert words in refuse(override)


@pytest.mark.parametrize("text", ["=3", "train.steps", "a..b=3", ".a=3", "a.=3", "", "train.steps=[1", "a=1 b: 2:"])
def test_overrides_that_are_none(text):
    with pytest.raises(UserError, match="override `") as error:
        parse_overrides([text])
    assert "\n" not in str(error.value)


def test_overrides_are_yaml_and_nest():
    assert parse_overrides(["a.b=1", "a.c=[x, 2e-4]", "d= true", "e={f: null}", "a.b=3", "g=x=y", "h="]) == {
        "a": {"b": 3, "c": ["x", 2e-4]}, "d": True, "e": {"f": None}, "g": "x=y", "h": None,
    }  # fmt: skip
    with pytest.raises(UserError, match="`a` was given a value before"):
        parse_overrides(["a=1", "a.b=2"])


@pytest.mark.parametrize(("text", "number"), [
    ("2e-4", 2e-4), ("2E-4", 2e-4), ("1e5", 1e5), ("-1e3", -1e3), (".5e1", 5.0), ("2.5e+3", 2500.0), ("1e-04", 1e-4),
])  # fmt: skip
def test_exponents_are_numbers(text, number):
    value = parse_overrides([f"x={text}"])["x"]
    assert isinstance(value, float)
    assert math.isclose(value, number)


@pytest.mark.parametrize("text", ["e4", "2e", "1e4b", "2e-", "'2e4'", "SF1", "e-4"])
def test_words_stay_words(text):
    assert isinstance(parse_overrides([f"x={text}"])["x"], str)


def test_numbers_may_be_written_whole():
    config = accept("players.generator.learning_rate=1", "players.generator.losses.cycle=3")
    assert config.players["generator"].learning_rate == 1.0
    assert accept("players.generator.learning_rate=2e-4").players["generator"].learning_rate == 2e-4


@pytest.mark.parametrize(("value", "expected"), [
    ("3.5", LossWeight(weight=3.5)),
    ("{weight: 3}", LossWeight(weight=3.0, until=10_000)),                   # laid over the default, key by key
    ("{weight: 3, until: null}", LossWeight(weight=3.0)),
    ("{until: 7}", LossWeight(weight=5.0, until=7)),
    ("{every: 16}", LossWeight(weight=5.0, until=10_000, every=16)),
])  # fmt: skip
def test_forms_of_a_weight(value, expected):
    assert accept(f"players.generator.losses.identity={value}").players["generator"].losses["identity"] == expected


def test_a_weight_ends_where_it_should():
    assert [LossWeight(weight=5.0, until=3).at(step) for step in (0, 2, 3, 4)] == [5, 5, 0, 0]
    assert LossWeight(weight=5.0).at(10**9) == 5
    assert LossWeight(weight=5.0, until=0).at(0) == 0


def test_a_loss_of_every_few_steps_weighs_as_much_as_one_of_every_step():
    weight = LossWeight(weight=10.0, every=4)
    factors = [weight.at(step) for step in range(12)]
    assert factors == [40, 0, 0, 0] * 3
    assert sum(factors) / len(factors) == weight.weight
    assert [LossWeight(weight=1.0, until=5, every=4).at(step) for step in range(9)] == [4, 0, 0, 0, 4, 0, 0, 0, 0]


@pytest.mark.parametrize(("weight", "written"), [
    (LossWeight(weight=5.0), 5.0),
    (LossWeight(weight=5.0, until=9), {"weight": 5.0, "until": 9, "every": 1}),
    (LossWeight(weight=5.0, every=16), {"weight": 5.0, "until": None, "every": 16}),
    (LossWeight(weight=5.0, until=0, every=2), {"weight": 5.0, "until": 0, "every": 2}),
])  # fmt: skip
def test_a_weight_is_written_as_plainly_as_it_can_be(weight, written):
    assert weight.model_dump() == written
    assert LossWeight.model_validate(written) == weight
    # Whatever the default: nothing of it stays where the weight that was written is read again.
    for default in (LossWeight(weight=1.0), LossWeight(weight=1.0, until=3), LossWeight(weight=1.0, every=8)):
        merged = merge({"cycle": default.model_dump()}, {"cycle": weight.model_dump()})
        assert LossWeight.model_validate(merged["cycle"]) == weight


def test_every_survives_a_file(tmp_path):
    config = accept("players.discriminator.losses.adversarial={weight: 2, every: 16}")
    write_yaml(tmp_path / "my.yaml", config)
    assert resolve(read_yaml(tmp_path / "my.yaml"), "my.yaml") == config
    assert config.weights()["discriminator"]["adversarial"].at(32) == 32


def test_merging_goes_key_by_key():
    base = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": {"f": 1}}
    assert merge(base, {"a": {"c": 3, "g": 4}, "d": [5], "e": 6}) == {
        "a": {"b": 1, "c": 3, "g": 4}, "d": [5], "e": 6,
    }  # fmt: skip
    assert base == {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": {"f": 1}}


def test_a_plain_weight_that_ends_or_rests_keeps_its_number():
    assert accept("players.generator.losses.cycle.until=3").players["generator"].losses["cycle"] == LossWeight(
        weight=10.0, until=3
    )
    file = {"players": {"generator": {"losses": {"cycle": 7}}}}     # as in a YAML file below the settings given
    given = parse_overrides(["players.generator.losses.cycle.every=4"])
    config = resolve(merge(merge({"model": "cyclegan_vc2"}, file), given), "x")
    assert config.players["generator"].losses["cycle"] == LossWeight(weight=7.0, every=4)
    assert merge({"a": 3}, {"a": {"b": 1}}) == {"a": {"b": 1}}


# --- one section over the defaults of another -----------------------------------------------------------------


class Inner(Section):
    depth: int = 3
    width: int = 4


class Outer(Section):
    inner: Inner = Inner()
    other: float = 1.0


TREE = {"inner": {"depth": 8, "width": 4}, "other": 1.0}


def test_values_are_laid_over_the_defaults():
    laid = lay_over(Outer, TREE, {"inner": {"width": 5}}, "x")
    assert laid == Outer(inner=Inner(depth=8, width=5))             # of the tree, not of the class
    assert TREE["inner"]["width"] == 4
    assert lay_over(Outer, TREE, {}, "x").inner.depth == 8


@pytest.mark.parametrize(("values", "words"), [
    ({"iner": {}}, "x: unknown key `iner`; did you mean `inner`?"),
    ({"inner": {"widht": 3}}, "x: unknown key `inner.widht`; did you mean `inner.width`?"),
    ({"depth": 3}, "x: unknown key `depth`; did you mean `inner.depth`?"),
    ({"zzz": 3}, "x: unknown key `zzz`; known: inner, other"),
    ({"inner": {"width": "x"}}, 'x: `inner.width` is "x": it should be a valid integer'),
    ({"inner": 3}, "x: `inner` is 3: expected keys of its own (depth, width)"),
    ({3: 4}, "x: `3` is 3: keys should be strings"),
])  # fmt: skip
def test_a_key_that_the_defaults_lack(values, words):
    with pytest.raises(UserError) as error:
        lay_over(Outer, TREE, values, "x")
    assert str(error.value) == words


def test_a_key_without_a_default_is_known_and_required():
    class Needy(Outer):
        size: int

    assert lay_over(Needy, TREE, {"size": 3}, "x").size == 3
    with pytest.raises(UserError, match=r"x: `size` is required"):
        lay_over(Needy, TREE, {}, "x")
    with pytest.raises(UserError, match=r"x: unknown key `siez`; did you mean `size`\?"):
        lay_over(Needy, TREE, {"siez": 3}, "x")


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "words"), [
    ("train: [1, 2\nmodel: x", "line 2"),
    ("a: b: c", "line 1: mapping values are not allowed here"),
    ("a: 1\n\tb: 2", "line 2"),
    ('a: "x', "line 1"),
    ("a: !python/object:os.system x", "could not determine a constructor"),
    ("{[1]: 2}", "unhashable"),
    ("train: {steps: 1}\nmodel: x\ntrain: {crop: 8}", "line 3: the key `train` is there twice"),
    ("a: {b: 1, b: 2}", "the key `b` is there twice"),
])  # fmt: skip
def test_broken_yaml_is_one_line(tmp_path, text, words):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: not valid YAML (")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- 1\n- 2", "word", "3"])
def test_a_file_is_a_mapping(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"expected `key: value` lines at the top level, found (list|str|int)"):
        read_yaml(path)


def test_an_empty_file_is_no_mistake(tmp_path):
    (tmp_path / "my.yaml").write_text("# nothing yet\n")
    assert read_yaml(tmp_path / "my.yaml") == {}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: cannot read the configuration \(No such file or directory\)"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"cannot read the configuration \(Is a directory\)"):
        read_yaml(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(UserError, match=r"binary\.yaml: cannot read the configuration \('utf-8' codec"):
        read_yaml(tmp_path / "binary.yaml")


def test_what_is_written_reads_the_same(tmp_path):
    config = accept(
        "data.domains=['2e4', 'no', '0123', 'a: b', 'ö']", "players.generator.learning_rate=1e-5",
        "players.generator.losses.identity=0.00001", "features.alpha=null", "features.hop_ms=5e-1",
    )  # fmt: skip
    write_yaml(tmp_path / "my.yaml", config)
    values = read_yaml(tmp_path / "my.yaml")
    assert values == config.model_dump()
    assert resolve(values, "my.yaml") == config


# --- sections -----------------------------------------------------------------------------------------------


def test_every_default_is_within_its_range():
    for model in ("cyclegan_vc", "cyclegan_vc2"):
        resolve(resolve({"model": model}, "test").model_dump(), "test")
    for section in (TrainConfig, WorldConfig):
        section.model_validate(section().model_dump())


def test_sections_of_ones_own_get_the_same_words():
    class Losses(Section):
        style: float = 1.0

    class Player(PlayerConfig):
        losses: Losses = Losses()

    class Config(Section):
        player: Player

    with pytest.raises(UserError, match=r"x: `player` is required"):
        validate(Config, {}, "x")
    with pytest.raises(UserError, match=r"x: unknown key `player\.losses\.stile`; did you mean `player\.losses\.style"):
        validate(Config, {"player": {"losses": {"stile": 1.0}}}, "x")
    assert validate(Config, {"player": {}}, "x").player.losses.style == 1


@pytest.mark.parametrize(("text", "words"), [
    ("a: &a [1]\nb: *a\n", "it has aliases, or more than 20 levels"),
    ("[" * 30 + "]" * 30, "it has aliases, or more than 20 levels"),
    ("a: " + "9" * 50, "line 1: a number of too many digits"),
    ("a: " + "1:" * 5000 + "1", "line 1: a number of too many digits"),
    ("a: !!bool perhaps", "a value that does not fit its type"),
    ("a: !!map [1]", "a value that does not fit its type"),
    ("a: !!int ''", "a value that does not fit its type"),
    ("a: 2001-99-99", "a value that does not fit its type"),
    ("a: !!python/name:os.system x", "could not determine a constructor"),
])  # fmt: skip
def test_yaml_is_bounded_wherever_it_is_read(tmp_path, text, words):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        read_yaml(tmp_path / "config.yaml")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="is not valid YAML"):
        parse_overrides([f"a={text}"])


def test_no_more_is_read_than_a_configuration_can_be():
    with pytest.raises(UserError, match="/dev/zero: has more than 262144 bytes; is it a configuration"):
        read_yaml("/dev/zero")


def test_one_place_parses_yaml():
    sources = Path(translate.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if re.search(r"yaml\.(\w*load\w*)\(", path.read_text())] == ["parsing.py"]
