"""Names from files become paths: each is checked once, and what is made of it stays in its folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from translate.corpus.manifest import Entry, import_kaldi, read_manifest, write_manifest
from translate.errors import UserError
from translate.jobs.prepare import prepare_corpus
from translate.models import resolve
from translate.names import below, check_distinct, check_name, cut_name, name_directions
from translate.speech.analysis.wave import write_wave

BAD = [                                                             # as an id, domain or split
    "/absolute", "..", "../up", "a/../../up", "a/..", ".", "./a", "a/.", ".hidden", "a/.hidden", "a//b", "a/",
    "//host/a", "a\\b", "..\\up", "C:", "C:/a", "a\0b", "a\nb", "a\x1b[2J", "a\x7f", "a\x85b", "a\u2028b", "a\ud800",
    "folder /a", "folder./a", "x" * 252, "é" * 126, "/".join(["x" * 200] * 6),
]  # fmt: skip
BAD_FOLDERS = ["a/b", "a ", "a.", "...", "x" * 101, "é" * 51]       # as a domain or split


def write_lines(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_clip(path: Path, seconds: float = 0.3) -> Path:
    write_wave(path, 0.1 * np.sin(np.arange(int(8000 * seconds)) / 5), 8000)
    return path


# --- the check --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD)
def test_names_that_can_be_no_part_of_a_path(name):
    for nested in (True, False):
        with pytest.raises(UserError, match=r"^m\.jsonl:7: `id` is ") as caught:
            check_name(name, "id", "m.jsonl:7", nested=nested)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", BAD_FOLDERS)
def test_names_that_can_be_no_folder(name):
    with pytest.raises(UserError, match=r"^m\.jsonl:7: `domain` is "):
        check_name(name, "domain", "m.jsonl:7")


@pytest.mark.parametrize(
    "name",
    ["p225/p225_001", "part/00", "12:30", "a: b", "-x", "~", "名前", "a b.c", "Mr. X.", "x" * 251, "é" * 125, "a.."],
)
def test_ids_that_layouts_make(name, tmp_path):
    assert check_name(name, "id", "m.jsonl:7", nested=True) == name
    assert below(tmp_path, f"{name}.wav") == tmp_path / f"{name}.wav"
    make_clip(below(tmp_path, f"{name}.wav"))
    assert (tmp_path / f"{name}.wav").is_file()


def test_an_empty_name():
    with pytest.raises(UserError, match="expected a name"):
        check_name("", "domain", "m.jsonl:7")


# --- paths ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../a", "/a", "x/../../a", ".", "", "link/a", "link", "file/a", "x" * 256])
def test_paths_stay_below(tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "file").touch()
    with pytest.raises(UserError, match=r"^.*/out.*$"):
        below(folder, name)


def test_links_that_stay_inside_and_links_to_the_folder_itself(tmp_path):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "real" / "inside").symlink_to("sub")
    (tmp_path / "out").symlink_to("real")
    assert below(tmp_path / "out", "inside/a.wav") == tmp_path / "out" / "inside" / "a.wav"
    assert below(tmp_path / "new", "a/b.wav") == tmp_path / "new" / "a" / "b.wav"


def test_two_results_of_one_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "same").symlink_to("a")
    check_distinct([(tmp_path / "a" / "1", "x"), (tmp_path / "b" / "1", "y")])
    with pytest.raises(UserError, match="1: would be written for both x and y"):
        check_distinct([(tmp_path / "a" / "1", "x"), (tmp_path / "same" / "1", "y")])
    with pytest.raises(UserError, match="1: would be a file for x and a folder for y"):
        check_distinct([(tmp_path / "a" / "1", "x"), (tmp_path / "a" / "1" / "2", "y")])


def test_two_directions_of_one_name(tmp_path):
    with pytest.raises(UserError, match=r"a-a-a: would be written for both a to a-a and a-a to a"):
        name_directions(tmp_path, [("a", "a-a"), ("a-a", "a")])


def test_names_of_figures_are_cut():
    assert cut_name("a", ".png") == "a.png"
    assert len(cut_name("é" * 200, ".png").encode()) in (254, 255)


# --- where names come in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["id", "domain", "split"])
@pytest.mark.parametrize("name", BAD)
def test_manifests(tmp_path, key, name):
    make_clip(tmp_path / "a.wav")
    row = {"id": "1", "path": "a.wav", "domain": "A", "split": "eval"}
    with pytest.raises(UserError, match=rf"m\.jsonl:2: `{key}` is "):
        read_manifest(write_lines(tmp_path / "m.jsonl", row, row | {"id": "2", key: name}))
    entry = Entry(**{"id": "1", "domain": "A", "split": "eval", key: name}, path=tmp_path / "a.wav")
    with pytest.raises(UserError, match=rf"a\.wav: `{key}` is "):
        write_manifest(tmp_path / "written.jsonl", [entry])
    assert not (tmp_path / "written.jsonl").exists()


@pytest.mark.parametrize(
    ("utterance", "speaker", "split"), [("../a", "s", "train"), ("a", "..", "train"), ("a", "s", "../t")]
)
def test_kaldi_folders(tmp_path, utterance, speaker, split):
    make_clip(tmp_path / "a.wav")
    (tmp_path / "wav.scp").write_text(f"{utterance} {tmp_path}/a.wav\n")
    (tmp_path / "utt2spk").write_text(f"{utterance} {speaker}\n")
    with pytest.raises(UserError, match=r"wav\.scp:1: `(id|domain|split)` is '\.\."):
        import_kaldi(tmp_path, split)


def test_a_bad_file_name_leaves_no_manifest(tmp_path):
    for name in ("train_1.wav", "eval_\\.wav"):
        make_clip(tmp_path / "corpus" / "A" / name)
    with pytest.raises(UserError, match="`id` is "):
        prepare_corpus(tmp_path / "corpus", tmp_path / "data", None, ["train_*"], ["eval_*"], "train")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", [*BAD, *BAD_FOLDERS, "", "all"])
def test_configurations(name):
    with pytest.raises(UserError, match=r"^c\.yaml: `data\.domains\.1` is "):
        resolve({"model": "cyclegan", "data": {"domains": ["a", name]}}, "c.yaml")
