"""Folders that a stranger made: links, pipes, devices and numbers that are none are neither read nor passed on."""

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tiny_runs import make_run

from translate.checkpoints.files import FILES, HEADER, NEEDED
from translate.checkpoints.share import share
from translate.demo.models import find_models
from translate.errors import UserError
from translate.jobs.evaluate import evaluate_run
from translate.jobs.export import export_run
from translate.jobs.load import load
from translate.jobs.share import pull, push, share_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "voices", "mse_vc")


@pytest.fixture(scope="module")
def good(run, tmp_path_factory):
    return share(run, tmp_path_factory.mktemp("shared") / "voices")


@pytest.fixture
def strange(good, tmp_path):
    return Path(shutil.copytree(good, tmp_path / "strange"))


VERBS = {
    "pull": lambda folder, out: pull(str(folder), str(out)),
    "share": lambda folder, out: share_run(str(folder), str(out)),
    "push": lambda folder, out: push(str(folder), str(out)),
    "load": lambda folder, out: load(folder),
    "demo": lambda folder, out: find_models([folder])[0].converter,
    "export": lambda folder, out: export_run(folder, out),
}


def refuse(verb, folder, tmp_path, words):
    """The verb ends in one line with `words`, and a good copy that was there stays."""
    copy = tmp_path / "copy"
    before = {path.name: path.read_bytes() for path in copy.iterdir()} if copy.exists() else None
    with pytest.raises(UserError) as error:
        VERBS[verb](folder, copy)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert (before is None) is not copy.exists()
    assert before is None or {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert not list(tmp_path.glob(".*"))


def replace(path, make):
    path.unlink(missing_ok=True)
    make(path)


# --- files that are none ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", FILES)
def test_a_link_out_of_the_folder_is_not_followed(good, strange, tmp_path, verb, file):
    secret = Path(shutil.copy(good / file if (good / file).exists() else good / "weights.safetensors", tmp_path))
    replace(strange / file, lambda path: path.symlink_to(secret))
    refuse(verb, strange, tmp_path, f"{file} is a link that leads out of the folder")
    replace(strange / file, lambda path: path.symlink_to("../" + secret.name))
    refuse(verb, strange, tmp_path, f"{file} is a link that leads out of the folder")
    replace(strange / file, lambda path: path.symlink_to(file))
    refuse(verb, strange, tmp_path, "not a checkpoint" if file in NEEDED else f"cannot read {file}")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", FILES)
def test_pipes_devices_and_folders_are_not_opened(strange, tmp_path, verb, file):
    for make in (os.mkfifo, lambda path: path.mkdir()):
        replace(strange / file, make)
        refuse(verb, strange, tmp_path, f"{file} is no regular file")
        (strange / file).rmdir() if (strange / file).is_dir() else (strange / file).unlink()
    replace(strange / file, lambda path: path.symlink_to("/dev/zero"))
    refuse(verb, strange, tmp_path, f"{file} is a link that leads out of the folder")


def test_links_within_the_folder_are_as_good_as_files(good, strange, tmp_path):
    (strange / "blobs").mkdir()
    for path in [path for path in strange.iterdir() if path.is_file()]:
        path.rename(strange / "blobs" / path.name)
        path.symlink_to(Path("blobs") / path.name)
    pull(str(strange), str(tmp_path / "copy"))
    assert not any(path.is_symlink() for path in (tmp_path / "copy").iterdir())
    assert (tmp_path / "copy/README.md").read_bytes() == (good / "README.md").read_bytes()


def test_latest_leads_nowhere_else(run, tmp_path):
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange/latest").symlink_to((run / "latest").resolve())
    for verb in VERBS:
        refuse(verb, tmp_path / "strange", tmp_path, "`latest` leads out of the folder")
    assert load(tmp_path / "strange/latest").domains                # who names it means it
    (tmp_path / "link").symlink_to(run)
    assert load(tmp_path / "link").domains


def test_secrets_beside_a_checkpoint_do_not_get_into_its_card(good, run, tmp_path):
    """Results of a run, and the card that was there, go into the card that is published."""
    (tmp_path / "secret").write_text("# Results\n\nmy password\n")
    (strange := tmp_path / "strange").mkdir()
    shutil.copytree((run / "latest").resolve(), strange / "step_00000010")
    (strange / "latest").symlink_to("step_00000010")
    (strange / "results.md").symlink_to(tmp_path / "secret")
    refuse("share", strange, tmp_path, "results.md is a link that leads out of the folder")
    replace(strange / "results.md", os.mkfifo)
    refuse("push", strange, tmp_path, "results.md is no regular file")
    replace(strange / "results.md", lambda path: path.write_bytes(b"#" * (FILES["README.md"] + 1)))
    refuse("push", strange, tmp_path, f"results.md has {FILES['README.md'] + 1} bytes")
    copy = Path(shutil.copytree(good, tmp_path / "copy"))
    replace(copy / "README.md", lambda path: path.symlink_to(tmp_path / "secret"))
    refuse("share", run, tmp_path, "README.md is a link that leads out of the folder")


def test_evaluation_looks_as_closely(strange, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/latest").symlink_to(strange)
    replace(strange / "config.yaml", os.mkfifo)
    with pytest.raises(UserError, match=r"config\.yaml is no regular file"):
        evaluate_run(tmp_path / "run", tmp_path, tmp_path)
    replace(strange / "config.yaml", lambda path: path.write_text("model: antigravity\n"))
    (strange / "state.pt").touch()
    with pytest.raises(UserError, match="`antigravity` is foreign code"):
        evaluate_run(tmp_path / "run", tmp_path, tmp_path)


# --- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", FILES)
def test_sizes_come_first(strange, tmp_path, verb, file):
    with (strange / file).open("ab") as opened:
        opened.truncate(FILES[file] + 1)                            # a hole: takes no place on the disk
    refuse(verb, strange, tmp_path, f"{file} has {FILES[file] + 1} bytes; at most {FILES[file]} are taken")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".safetensors")])
def test_headers_are_small(strange, tmp_path, verb, file):
    header = b'{"__metadata__":{"a":"' + b"x" * HEADER + b'"}}'
    (strange / file).write_bytes(len(header).to_bytes(8, "little") + header)
    refuse(verb, strange, tmp_path, f"{file} is damaged (a header of {len(header)} bytes)")


# --- numbers ----------------------------------------------------------------------------------------------


def changed(**fields):
    def change(path):
        arrays = load_file(path)
        for field, value in fields.items():
            arrays[f"low/{field}"] = np.asarray(value)
        save_file(arrays, path)

    return change


def without(path):
    arrays = load_file(path)
    save_file({key: value for key, value in arrays.items() if not key.startswith("low/")}, path)


NO_STATISTICS = "are no statistics; take another checkpoint"
NOT_FINITE = "take another checkpoint"                              # pulling says so before it asks what they mean
STATISTICS = {
    "missing": (Path.unlink, "cannot read the statistics"),
    "empty": (lambda path: path.write_bytes(b""), "cannot read the statistics"),
    "pickled": (lambda path: path.write_bytes(pickle.dumps({"low/mean": 1})), "statistics.safetensors is damaged"),
    "without a domain": (without, "expected the domain `low` with 12 dimensions"),
    "NaN": (changed(mean=[np.nan] * 12), NOT_FINITE),
    "infinite": (changed(log_f0_mean=np.inf), NOT_FINITE),
    "deviation 0": (changed(deviation=np.zeros(12)), NO_STATISTICS),
    "shape": (changed(log_f0_mean=[4.8, 4.8]), NO_STATISTICS),
    "counts": (changed(frames=np.nan), NOT_FINITE),
    "type": (changed(mean=np.ones(12, dtype=np.int64)), NO_STATISTICS),
    "dimensions": (changed(mean=np.ones(13), deviation=np.ones(13)), "expected the domain `low` with 12 dimensions"),
    "too few keys": (lambda path: save_file({"low/mean": np.ones(12)}, path), "expected the keys"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", STATISTICS)
def test_statistics_are_checked_as_weights_are(good, strange, tmp_path, verb, fault):
    damage, words = STATISTICS[fault]
    damage(strange / "statistics.safetensors")
    shutil.copytree(good, tmp_path / "copy")                        # over a good copy
    refuse(verb, strange, tmp_path, words)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("file", ["weights.safetensors", "average.safetensors"])
def test_weights_are_finite_and_real(strange, tmp_path, verb, file):
    from safetensors.torch import load_file, save_file

    tensors = load_file(strange / "weights.safetensors")
    key = next(key for key in tensors if key.startswith("players.generator"))
    kept = tensors if file.startswith("weights") else {key: tensors[key]}
    metadata = {"left_out": ""}
    save_file(kept | {key: torch.full_like(tensors[key], torch.nan)}, strange / file, metadata)
    refuse(verb, strange, tmp_path, f"`{key}` is not finite")
    save_file(kept | {key: tensors[key].long()}, strange / file, metadata)
    refuse(verb, strange, tmp_path, f"`{key}` is of torch.int64, expected torch.float32")
    save_file(kept | {key: tensors[key].to(torch.float8_e4m3fn)}, strange / file, metadata)
    refuse(verb, strange, tmp_path, f"`{key}` is of torch.float8_e4m3fn, expected 16 bits or more")


def test_numbers_of_pictures(tmp_path):
    run = make_run(tmp_path / "run", "srresnet")
    pull(str(run), str(tmp_path / "copy"))
    save_file({"high/pictures": np.array([np.nan])}, run / "latest/statistics.safetensors")
    refuse("pull", run, tmp_path, "`high/pictures` is no finite number")


def test_what_is_checked_is_what_is_kept(good, strange, tmp_path, monkeypatch):
    """A folder of the team may be replaced while it is copied."""
    from translate.jobs import share as module

    real = module.copy_files

    def late(*arguments):
        changed(mean=[np.nan] * 12)(strange / "statistics.safetensors")
        real(*arguments)

    monkeypatch.setattr(module, "copy_files", late)
    shutil.copytree(good, tmp_path / "copy")
    refuse("pull", strange, tmp_path, f"{strange}/statistics.safetensors: `low/mean` is no finite number")
