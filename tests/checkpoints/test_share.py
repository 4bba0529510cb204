"""Shared checkpoints convert as their runs do, hold nothing else, and are checked where strangers made them."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_runs import make_input, make_run
from torch import nn

from translate.checkpoints import foreign, trust
from translate.checkpoints.card import BLANK, SECTIONS, find_blanks
from translate.checkpoints.files import FILES
from translate.checkpoints.foreign import check_foreign
from translate.checkpoints.share import share
from translate.checkpoints.store import find_checkpoint, start_from
from translate.errors import UserError
from translate.jobs.load import load
from translate.jobs.share import find_folder, pull, push, share_run
from translate.models import NAMES, build


def change_config(folder, **values):
    """Lay `values`, by dotted key, over the config.yaml of a checkpoint."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        section = config
        for parent in parents:
            section = section[parent]
        section[last] = value
    path.write_text(yaml.safe_dump(config))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "voices", "cyclegan_vc2")


@pytest.fixture
def shared(run, tmp_path):
    return share(run, tmp_path / "shared")


# --- the same conversion ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", NAMES)
def test_it_converts_as_the_run_does(model, tmp_path):
    make_run(tmp_path / "run", model)
    folder = share(tmp_path / "run", tmp_path / "shared")
    check_foreign(folder, "it")
    outputs = []
    for place in (tmp_path / "run", folder):
        torch.manual_seed(len(outputs))                             # what is drawn while loading must not count
        converter = load(place)
        if not converter.config.translates:
            outputs.append(torch.from_numpy(converter.generate(3)))
            continue
        torch.manual_seed(9)                                        # dropout of pix2pix
        with torch.inference_mode():
            outputs.append(converter.translator.translate(make_input(converter.config), "low", "high"))
    assert torch.equal(*outputs)
    speech = hasattr(converter.config, "features")
    assert {path.name for path in folder.iterdir()} == set(FILES) - {"average.safetensors"} - (
        set() if speech else {"statistics.safetensors"}
    )
    assert not any(key.startswith("players.discriminator") for key in load_file(folder / "weights.safetensors"))


def test_a_wave_is_converted_to_the_same_samples(run, shared):
    time = np.arange(4000) / 8000
    wave = 0.2 * sum(np.sin(2 * np.pi * 110 * k * time) / k for k in range(1, 20))
    (first, rate), (second, _) = (load(place).convert(wave, 8000, "low", "high") for place in (run, shared))
    assert np.array_equal(first, second)
    assert rate == 8000


def test_training_starts_from_it(run, shared):
    config = load(run).config
    translator = build(config)
    assert start_from(shared, translator) == len(load_file(shared / "weights.safetensors"))
    trained = load(run).translator.players["generator"].state_dict()
    assert all(torch.equal(value, trained[key]) for key, value in translator.players["generator"].state_dict().items())


def test_sharing_what_is_shared_changes_nothing(shared, tmp_path):
    again = share(shared, tmp_path / "again")
    assert (again / "weights.safetensors").read_bytes() == (shared / "weights.safetensors").read_bytes()
    assert (again / "config.yaml").read_bytes() == (shared / "config.yaml").read_bytes()


def test_half_is_half_as_large_and_nearly_the_same(run, shared, tmp_path):
    half = share(run, tmp_path / "half", half=True)
    sizes = [(folder / "weights.safetensors").stat().st_size for folder in (half, shared)]
    assert sizes[0] < 0.6 * sizes[1]
    frames = np.random.default_rng(0).normal(size=(40, 12))
    exact, rounded = (load(folder).convert_frames(frames, "low", "high") for folder in (shared, half))
    assert 0 < np.abs(exact - rounded).max() < 0.02


def test_paths_of_the_machine_stay_there(tmp_path):
    paths = {"train": {"start_from": "/home/me/exp/srresnet"}, "vgg": {"weights": "/home/me/vgg.pt"}}
    make_run(tmp_path / "run", "srgan", **paths)
    text = (share(tmp_path / "run", tmp_path / "shared") / "config.yaml").read_text()
    assert "/home/me" in (tmp_path / "run/latest/config.yaml").read_text()
    assert "/home/me" not in text


# --- the card ---------------------------------------------------------------------------------------------


def test_a_card_from_the_run_leaves_honest_blanks(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    (copy / "results.md").write_text("# Results\n\n## Distortion, dB\n\n| pair | 7.27 |\n\n## Other\n\nmore\n")
    text = (share(copy, tmp_path / "shared") / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["library_name"] == "translate"
    assert front["pipeline_tag"] == "audio-to-audio"
    assert find_blanks(text) == ["license", "Data and licence", "Training", "What it is bad at"]
    assert [text.index(f"## {section}") for section in SECTIONS] == sorted(text.index(f"## {s}") for s in SECTIONS)
    assert "Distortion, dB\n\n| pair | 7.27 |" in text
    assert "more" not in text
    assert "low to high and high to low. Speech at 8000 Hz" in text
    assert f'translate.load("{tmp_path}/shared")' in text


def test_sections_of_a_given_card_take_their_places(run, tmp_path):
    card = tmp_path / "card.md"
    card.write_text(
        "---\nlicense: cc-by-4.0\nlanguage: en\n---\n\n# Two voices\n\nOf mine.\n\n## Data and licence\n\nMy own.\n\n"
        f"## What it is bad at\n\n{BLANK}nothing yet.\n\n## Results\n\nGood.\n\n"
        "## In a chain\n\n    code\n\n## Use\n\nNever.\n"
    )
    folder = share(run, tmp_path / "shared", card)
    text = (folder / "README.md").read_text()
    assert "license: cc-by-4.0" in text
    assert "language: en" in text
    assert "# Two voices\n\nOf mine.\n\n" in text
    assert "## Results\n\nGood.\n" in text
    assert "## In a chain\n\n    code\n" in text
    assert "Never" not in text
    assert find_blanks(text) == ["Training", "What it is bad at"]
    # Shared again, what people wrote stays, what a former run measured goes.
    again = (share(run, folder) / "README.md").read_text()
    assert "My own." in again
    assert "Good." not in again
    assert find_blanks(again) == ["Training", "Results", "What it is bad at"]


@pytest.mark.parametrize(("text", "words"), [
    ("---\na: [\n---\n", "the front matter, between lines ---, must be YAML"),
    ("---\nword\n---\n", "the front matter, between lines ---, must be YAML"),
    (None, "cannot read the card (No such file or directory)"),
])  # fmt: skip
def test_a_card_that_cannot_be_read(run, tmp_path, text, words):
    if text is not None:
        (tmp_path / "card.md").write_text(text)
    with pytest.raises(UserError) as error:
        share(run, tmp_path / "shared", tmp_path / "card.md")
    assert words in str(error.value)
    assert not (tmp_path / "shared").exists()


# --- whole or not at all ----------------------------------------------------------------------------------


def test_other_things_are_not_replaced(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="holds something else than a shared checkpoint; give a new folder"):
        share(run, tmp_path / "mine")
    with pytest.raises(UserError, match="holds something else"):
        pull(str(share(run, tmp_path / "one")), str(run))           # a run has a state.pt to lose
    assert (tmp_path / "mine/thesis.tex").read_text() == "years of work"


def test_a_damaged_run_leaves_what_was_shared(run, tmp_path, shared):
    before = {path.name: path.read_bytes() for path in shared.iterdir()}
    copy = shutil.copytree(run, tmp_path / "run", symlinks=True)
    (copy / "latest/weights.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="damaged"):
        share(copy, shared)
    assert {path.name: path.read_bytes() for path in shared.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"run", "shared"}


def test_the_job_says_what_was_written_and_what_is_blank(run, tmp_path, caplog):
    caplog.set_level("INFO", "translate")
    line = share_run(str(run), str(tmp_path / "shared"))
    assert "README.md, config.yaml, statistics.safetensors, weights.safetensors; 0.1" in line
    assert "the card does not state: license, Data and licence, Training, Results, What it is bad at" in caplog.text


# --- folders of others ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_push_and_pull_through_a_folder(run, tmp_path, form, monkeypatch):
    drive = tmp_path / "drive/team/voices"
    push(str(run), form.format(drive))
    assert pull(form.format(drive), str(tmp_path / "mine")) == str(tmp_path / "mine")
    assert load(tmp_path / "mine").directions == [("low", "high"), ("high", "low")]
    monkeypatch.chdir(tmp_path)
    push(str(tmp_path / "mine"), "./again")
    assert (tmp_path / "again/weights.safetensors").read_bytes() == (drive / "weights.safetensors").read_bytes()
    with pytest.raises(UserError, match="--private is for the Hub"):
        push(str(run), str(drive), private=True)
    with pytest.raises(UserError, match="--revision is for the Hub"):
        pull(str(drive), "./again", "main")


def test_a_folder_that_reads_as_a_name_on_the_hub(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    push(str(run), "./team/one")
    question = "team/{0}: is this the folder\\? then write ./team/{0}; else hf://team/{0}"
    with pytest.raises(UserError, match=question.format("one")):
        pull("team/one", "mine")
    with pytest.raises(UserError, match=question.format("two")):
        push(str(run), "team/two")
    assert pull("./team/one", "mine") == "mine"
    assert find_folder("alice/voices") is find_folder("alice/voices", new=True) is find_folder("hf://team/one") is None


def test_only_the_files_of_a_checkpoint_are_copied(shared, tmp_path):
    (shared / "state.pt").write_bytes(b"a pickle")
    (shared / "setup.py").write_text("raise SystemExit")
    pull(str(shared), str(tmp_path / "mine"))
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(FILES) - {"average.safetensors"}


# --- checkpoints of strangers -----------------------------------------------------------------------------

OWN = "from translate.models.speech.cyclegan_vc2 import CycleGanVc2\nclass Mine(CycleGanVc2):\n    pass\n"
EVIL = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n" + OWN


def test_a_checkpoint_imports_no_code_unless_it_is_trusted(shared, tmp_path, monkeypatch):
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/system.py").write_text(EVIL)
    monkeypatch.syspath_prepend(tmp_path)
    change_config(shared, model="strange.system")
    for attempt in (load, find_checkpoint, lambda folder: pull(str(folder), str(tmp_path / "mine"))):
        with pytest.raises(UserError, match=r"`strange\.system` is foreign code"):
            attempt(shared)
    (shared / "state.pt").touch()                                   # nothing in the folder is a reason to trust it
    for attempt in (load, find_checkpoint, lambda folder: check_foreign(folder, "it")):
        with pytest.raises(UserError, match="is foreign code"):
            attempt(shared)
    (shared / "state.pt").unlink()
    assert not (tmp_path / "strange/ran").exists()
    assert "strange.system" not in sys.modules
    monkeypatch.setenv("TRANSLATE_TRUST", "other, strange.system")
    assert load(shared).domains == ["low", "high"]
    assert (tmp_path / "strange/ran").exists()


def test_code_for_training_alone_is_not_named(tmp_path, monkeypatch):
    parts = "from torch import nn\ndef judge(config):\n    return nn.Conv1d(12, 1, 1)\n"
    (tmp_path / "own_judges.py").write_text(parts + "def loss(batch, fakes):\n    return 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"networks": {"discriminator": "own_judges.judge"}, "losses": {"generator": {"own_judges.loss": 1.0}}}
    make_run(tmp_path / "run", "cyclegan_vc2", own=own)
    folder = share(tmp_path / "run", tmp_path / "shared")
    assert "own_judges" in (tmp_path / "run/latest/config.yaml").read_text()
    assert "own_judges" not in (folder / "config.yaml").read_text()
    assert load(folder).domains == ["low", "high"]


def test_a_model_of_your_own_is_shared_whole(tmp_path, monkeypatch):
    (tmp_path / "own_models").mkdir()
    (tmp_path / "own_models/mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    make_run(tmp_path / "run", "cyclegan_vc2", module="own_models.mine")
    assert load(tmp_path / "run").domains == ["low", "high"]        # trained here: no word needed
    folder = share(tmp_path / "run", tmp_path / "shared")
    assert any("players.discriminator" in key for key in load_file(folder / "weights.safetensors"))
    assert load(folder).domains == ["low", "high"]
    monkeypatch.setattr(trust, "_noted", set())                     # another process on another machine
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    for place in (folder, tmp_path / "run"):
        with pytest.raises(UserError, match=r"TRANSLATE_TRUST=own_models\.mine"):
            load(place)


@pytest.mark.parametrize(("change", "words"), [
    ({"network__blocks": 10**7}, "asks for networks that cannot be (far larger than its weights)"),
    ({"network__channels": 2**17}, "asks for networks that cannot be"),
    ({"network__channels": 8}, "the weights belong to another network"),
    ({"features__dimensions": 13}, "the weights belong to another network"),
    ({"network__code": "rm -rf"}, "unknown key `network.code`"),
    ({"model": "translate.models.own"}, "`translate.models.own` is foreign code"),
    ({"model": "antigravity"}, "`antigravity` is foreign code"),
    ({"own": {"networks": {"generator": "os.system"}}}, "`os.system` is foreign code"),
    ({"own": {"losses": {"generator": {"os.abort": 1.0}}}}, "`os.abort` is foreign code"),
    ({"own": ["os.abort"]}, "`own` is"),
    ({"own": {"losses": {"generator": ["os.abort"]}}}, "`own.losses.generator` is"),
    ({"model": ["os"]}, "`model` is required"),
])  # fmt: skip
def test_configurations_of_strangers(shared, change, words):
    change_config(shared, **change)
    with pytest.raises(UserError) as error:
        check_foreign(shared, "hf://eve/voices")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("text", "words"), [
    ("a: &a [1]\nb: &b [*a, *a]\nc: [*b, *b]\n", "has aliases, or more than 20 levels"),
    ("model: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ("[" * 5000, "has aliases, or more than 20 levels"),
    ("a: [1\n", "not valid YAML"),
    ("- a list\n", "expected `key: value` lines"),
])  # fmt: skip
def test_yaml_of_strangers(shared, text, words):
    (shared / "config.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        check_foreign(shared, "it")
    assert words in str(error.value)


def test_files_of_strangers(shared):
    with (shared / "config.yaml").open("a") as file:
        file.write("#" * FILES["config.yaml"])
    with pytest.raises(UserError, match=r"it: config.yaml has \d+ bytes; at most 262144 are taken"):
        check_foreign(shared, "it")
    (shared / "weights.safetensors").unlink()
    with pytest.raises(UserError, match=r"it: has no weights\.safetensors; is it a checkpoint of translate\?"):
        check_foreign(shared, "it")


def test_the_player_that_converts_cannot_be_left_out(shared):
    path = shared / "weights.safetensors"
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"left_out": "discriminator"}
    kept = {key: value for key, value in tensors.items() if not key.startswith("players.generator.to_target.")}
    save_file(kept, path, {"left_out": "discriminator,generator"})
    with pytest.raises(UserError, match=r"the weights belong to another network \(\d+ tensors differ"):
        load(shared)
    save_file(tensors, path)                                        # the mark is gone: the judges are missing
    with pytest.raises(UserError, match=r"first `players\.discriminator"):
        load(shared)


def test_the_limit_on_networks_is_that_of_one_check(shared, monkeypatch):
    monkeypatch.setattr(foreign, "UNSHARED", 0)
    monkeypatch.setattr(foreign, "RATIO", 1)                        # the judges are not in the file
    with pytest.raises(UserError, match="far larger than its weights"):
        check_foreign(shared, "it")
    assert nn.Linear(100, 100)                                      # afterwards nobody counts
    with foreign._bounded(10), ThreadPoolExecutor() as pool:        # nor meanwhile, elsewhere
        assert pool.submit(nn.Linear, 100, 100).result()
        with pytest.raises(ValueError, match="far larger"):
            nn.Linear(100, 100)
