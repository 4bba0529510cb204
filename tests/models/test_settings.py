"""The settings of a run: the model's defaults, a file, the files that it builds on, overrides."""

from pathlib import Path

import pytest

from translate.config import LossWeight, parse_overrides, read_yaml
from translate.errors import UserError
from translate.models.settings import DEEPEST, read_config, read_settings

ROOT = Path(__file__).resolve().parents[2]


def test_later_sources_win(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("model: cyclegan_vc2\ntrain: {steps: 7, crop: 64}\nplayers: {generator: {learning_rate: 5e-4}}\n")
    config = read_config(str(path), parse_overrides(["train.steps=9"]), ["low", "high"])
    assert (config.train.steps, config.train.crop, config.train.batch_size) == (9, 64, 1)
    assert config.players["generator"].learning_rate == 5e-4
    assert config.players["generator"].losses["cycle"] == LossWeight(weight=10.0)
    assert config.data.pair() == ("low", "high")


# --- `base`: a file that builds on another -----------------------------------------------------------------


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return folder


def test_a_file_is_laid_over_its_base(tmp_path):
    write(
        tmp_path,
        grandfather="model: cyclegan_vc2\ntrain: {steps: 7, crop: 64, seed: 5}\ndata: {domains: [a, b]}\n",
        father="base: grandfather.yaml\ntrain: {steps: 8, log_every: 3}\ndata: {domains: [c, d]}\n",
        child="base: father.yaml\ntrain: {steps: 9}\nplayers: {generator: {losses: {cycle: 3}}}\n",
    )
    config = read_config(str(tmp_path / "child.yaml"), parse_overrides(["train.seed=6"]))
    train = config.train
    assert (train.steps, train.log_every, train.crop, train.seed, train.batch_size) == (9, 3, 64, 6, 1)
    assert config.data.domains == ["c", "d"]                        # lists are replaced
    assert config.players["generator"].losses["cycle"] == LossWeight(weight=3.0)
    assert "base" not in config.model_dump()
    assert read_settings(tmp_path / "child.yaml")["train"] == {"steps": 9, "log_every": 3, "crop": 64, "seed": 5}


def test_a_base_is_relative_to_the_file_that_names_it(tmp_path, monkeypatch):
    write(tmp_path / "a", base="base: ../b/deeper.yaml\ntrain: {crop: 64}\n")
    write(tmp_path / "b", deeper="base: deepest.yaml\n", deepest="model: cyclegan_vc2\ntrain: {steps: 7}\n")
    write(tmp_path, child="base: a/base.yaml\n", absolute=f"base: {tmp_path}/b/deeper.yaml\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for path in (tmp_path / "child.yaml", "../child.yaml"):
        assert read_settings(path) == {"model": "cyclegan_vc2", "train": {"crop": 64, "steps": 7}}
    assert read_settings(tmp_path / "absolute.yaml") == {"model": "cyclegan_vc2", "train": {"steps": 7}}


def test_a_base_may_name_another_model(tmp_path):
    write(tmp_path, base="model: cyclegan_vc\ntrain: {steps: 7}\n", child="base: base.yaml\nmodel: cyclegan_vc2\n")
    config = read_config(str(tmp_path / "child.yaml"), {})
    assert (config.model, config.train.steps) == ("cyclegan_vc2", 7)


def test_several_bases_are_laid_over_each_other_in_their_order(tmp_path):
    write(
        tmp_path, one="model: mse_vc\ntrain: {steps: 1, crop: 16}\n", two="train: {steps: 2}\nnetwork: {blocks: 1}\n",
        my="base: [one.yaml, two.yaml]\ntrain: {batch_size: 4}\n",
    )  # fmt: skip
    train = {"steps": 2, "crop": 16, "batch_size": 4}
    assert read_settings(tmp_path / "my.yaml") == {"model": "mse_vc", "train": train, "network": {"blocks": 1}}


@pytest.mark.parametrize(("base", "words"), [
    ("3", "my.yaml: `base` is 3: expected the path of a YAML file"),
    ("[my.yaml, 3]", "expected the path of a YAML file, or a list of them"),
    ("[list.yaml]", "list.yaml: expected `key: value` lines at the top level"),
    ("{a: b}", "expected the path of a YAML file"),
    ("none.yaml", "none.yaml: cannot read the configuration (No such file or directory)"),
    ("''", "cannot read the configuration (Is a directory)"),
    ("my.yaml", "my.yaml: `base` is my.yaml, which builds on this file, or on too many"),
    ("./other.yaml", "other.yaml: `base` is ../here/my.yaml, which builds on this file, or on too many"),
    ("list.yaml", "list.yaml: expected `key: value` lines at the top level"),
])  # fmt: skip
def test_bases_that_cannot_be(tmp_path, base, words):
    folder = tmp_path / "here"
    write(folder, my=f"base: {base}\n", other="base: ../here/my.yaml\n", list="- 1\n")
    with pytest.raises(UserError) as error:
        read_config(str(folder / "my.yaml"), {})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_null_base_is_none(tmp_path):
    write(tmp_path, my="base: null\nmodel: cyclegan_vc2\n")
    assert read_settings(tmp_path / "my.yaml") == {"model": "cyclegan_vc2"}


def test_files_do_not_build_on_each_other_without_end(tmp_path):
    files = {f"f{n}": f"base: f{n + 1}.yaml\n" for n in range(DEEPEST + 1)}
    write(tmp_path, **files, **{f"f{DEEPEST + 1}": "model: cyclegan_vc2\n"})
    assert read_settings(tmp_path / "f1.yaml") == {"model": "cyclegan_vc2"}
    with pytest.raises(UserError, match=r"or on too many"):
        read_settings(tmp_path / "f0.yaml")


def test_an_unknown_key_of_a_base_is_refused(tmp_path):
    write(tmp_path, base="model: cyclegan_vc2\ntrian: {steps: 3}\n", my="base: base.yaml\n")
    with pytest.raises(UserError, match=r"my\.yaml: unknown key `trian`; did you mean `train`\?"):
        read_config(str(tmp_path / "my.yaml"), {})


def test_what_several_configurations_share_stands_once():
    """The colours of facades; and every file of egs/conf is the base of two others at least."""
    files = list(ROOT.glob("egs/**/conf/**/*.yaml"))
    assert sum("[255, 80, 0]" in path.read_text() for path in files) == 1
    bases: dict[Path, int] = {}
    for path in files:
        base = read_yaml(path).get("base", [])
        for name in [base] if isinstance(base, str) else base:
            bases[(path.parent / name).resolve()] = bases.get((path.parent / name).resolve(), 0) + 1
    assert {path.name: bases.get(path, 0) for path in ROOT.glob("egs/conf/*.yaml") if bases.get(path, 0) < 2} == {}
    assert read_yaml(ROOT / "egs/conf/facades.yaml")["images"]["palette"][-1] == [175, 0, 0]
