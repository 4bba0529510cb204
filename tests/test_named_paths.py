"""What is written under names from files stays below its folder, and no two results are one file."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from translate.config import WaveConfig, write_yaml
from translate.corpus.manifest import AUDIO, Entry, write_manifest
from translate.corpus.tasks import Kind, find_tasks
from translate.errors import UserError
from translate.images.evaluate import evaluate_pictures
from translate.jobs.convert import convert_files
from translate.jobs.export import export_run
from translate.jobs.load import load
from translate.jobs.share import pull
from translate.speech.analysis.wave import write_wave
from translate.speech.corpus.features import FeatureStore, extract
from translate.speech.shards.reading import ShardStore
from translate.speech.shards.writing import write_shards
from translate.speech.synthesise import synthesise

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "pretrained" / "cyclegan-textures"
RECORDINGS = Kind("recording", AUDIO, ".wav")


def list_files(folder: Path) -> dict[str, bytes]:
    paths = [Path(root, name) for root, _, names in os.walk(folder) for name in names]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


def write_lines(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_clip(path: Path, seconds: float = 0.3) -> Path:
    write_wave(path, 0.1 * np.sin(np.arange(int(8000 * seconds)) / 5), 8000)
    return path


@pytest.mark.parametrize("bad", ["../escaped", "{outside}/victim", "a/../../victim", ".hidden"])
def test_nothing_is_converted_from_a_hostile_manifest(tmp_path, bad):
    picture, outside = tmp_path / "in.png", tmp_path / "outside"
    outside.mkdir()
    (outside / "victim.png").write_bytes(b"mine")
    Image.new("RGB", (32, 32)).save(picture)
    source = load(MODEL).domains[0]
    row = {"id": "good", "path": str(picture), "domain": source, "split": "eval"}
    given = write_lines(tmp_path / "m.jsonl", row, row | {"id": bad.format(outside=outside)})
    before = list_files(tmp_path)
    with pytest.raises(UserError, match=r"m\.jsonl:2: `id` is "):
        convert_files(MODEL, given, tmp_path / "out", source)
    assert list_files(tmp_path) == before


def test_conversions_do_not_follow_links_out(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "outside")
    (tmp_path / "out" / "one.wav").symlink_to(tmp_path / "outside" / "one.wav")
    make_clip(tmp_path / "given" / "sub" / "a.wav")
    row = {"path": str(tmp_path / "given" / "sub" / "a.wav"), "domain": "A", "split": "eval"}
    manifest = write_lines(tmp_path / "m.jsonl", row | {"id": "sub/a"})
    one = make_clip(tmp_path / "one.wav")
    for given in (tmp_path / "given", manifest, one):
        with pytest.raises(UserError, match=r"leads out of .*out, to .*outside"):
            find_tasks(given, tmp_path / "out", RECORDINGS, ["A"])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (("a", "A", "eval"), ("a", "A", "train"), "a.wav: would be written for both"),
        (("a", "A", "eval"), ("a.wav/b", "A", "eval"), "a.wav: would be a file for .* and a folder for"),
        (("a", "A", "eval"), ("a", "conversion.json", "eval"), "conversion.json: would be a file for the summary"),
    ],
)
def test_conversions_of_one_name(tmp_path, first, second, message):
    path = str(make_clip(tmp_path / "clip.wav"))
    rows = [dict(zip(("id", "domain", "split"), names, strict=True), path=path) for names in (first, second)]
    with pytest.raises(UserError, match=message):
        find_tasks(write_lines(tmp_path / "m.jsonl", *rows), tmp_path / "out", RECORDINGS, ["A", "conversion.json"])


def test_lists_of_files(tmp_path):
    (tmp_path / "list.txt").write_text("clips/ok.wav\n\nclips/..wav\n")
    with pytest.raises(UserError, match=r"list\.txt:3: `name` is "):
        find_tasks(tmp_path / "list.txt", tmp_path / "out", RECORDINGS, [])


def make_foreign(folder: Path, *domains: str) -> Path:
    """The shipped model of two textures under other names of its domains."""
    shutil.copytree(MODEL, folder)
    config = load(MODEL).config
    config.data.domains[:] = domains
    write_yaml(folder / "config.yaml", config)
    return folder


@pytest.mark.parametrize("domain", ["../../escaped", "/absolute", ".hidden", "a/b"])
def test_a_pulled_model_cannot_name_folders_elsewhere(tmp_path, domain):
    foreign = make_foreign(tmp_path / "foreign", domain, "b")
    before = list_files(tmp_path)
    for use in (
        lambda: pull(f"{foreign}", str(tmp_path / "pulled")),
        lambda: export_run(foreign, tmp_path / "out"),
        lambda: load(foreign),
    ):
        with pytest.raises(UserError, match=r"config\.yaml: `data\.domains\.0` is "):
            use()
    assert list_files(tmp_path) == before


def test_two_graphs_of_one_name_are_not_exported(tmp_path):
    pytest.importorskip("onnxscript")
    with pytest.raises(UserError, match=r"a-a-a\.onnx: would be written for both"):
        export_run(make_foreign(tmp_path / "foreign", "a", "a-a"), tmp_path / "out")


def test_graphs_do_not_follow_links_out(tmp_path):
    pytest.importorskip("onnxscript")
    source, target = load(MODEL).domains
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{source}-{target}.onnx").symlink_to(tmp_path / "outside.onnx")
    with pytest.raises(UserError, match="leads out of"):
        export_run(MODEL, tmp_path / "out", source, target)
    assert not (tmp_path / "outside.onnx").exists()


def test_sheets_do_not_follow_links_out(tmp_path):
    source, target = load(MODEL).domains
    rows = [Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)) for _ in range(2)]
    folder = tmp_path / "converted" / f"{source}-{target}"
    folder.mkdir(parents=True)
    for name, picture in zip("xy", rows, strict=True):
        picture.save(tmp_path / f"{name}.png")
        picture.save(folder / f"{name}.png")
    entries = [Entry(name, tmp_path / f"{name}.png", domain, "eval") for name in "xy" for domain in (source, target)]
    write_manifest(tmp_path / "eval.jsonl", entries)
    (tmp_path / "outside").mkdir()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / f"sheet_{source}-{target}.png").symlink_to(tmp_path / "outside" / "sheet.png")
    manifest = tmp_path / "eval.jsonl"
    with pytest.raises(UserError, match="leads out of"):
        evaluate_pictures(tmp_path, load(MODEL).config, manifest, manifest)
    assert not list_files(tmp_path / "outside")


@pytest.mark.parametrize("domain", ["A", "B"])
def test_features_do_not_follow_links_out(tmp_path, domain):
    entries = [Entry("1", make_clip(tmp_path / f"{d}.wav"), d, "train") for d in "AB"]
    (tmp_path / "outside").mkdir()
    (tmp_path / "dump" / "train").mkdir(parents=True)
    (tmp_path / "dump" / "train" / domain).symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="leads out of"):
        extract(entries, WaveConfig(sample_rate=8000), tmp_path / "dump", jobs=1, progress=False)
    assert not list_files(tmp_path / "outside")


def test_a_split_that_is_a_file_of_the_features(tmp_path):
    entry = Entry("1", make_clip(tmp_path / "a.wav"), "A", "features.json")
    with pytest.raises(UserError, match=r"features\.json: is a file; .* needs a folder there"):
        extract([entry], WaveConfig(sample_rate=8000), tmp_path / "dump", jobs=1, progress=False)


def test_ids_in_the_index_of_features(tmp_path):
    entry = Entry("1", make_clip(tmp_path / "a.wav"), "A", "train")
    extract([entry], WaveConfig(sample_rate=8000), tmp_path / "dump", jobs=1, progress=False)
    index = tmp_path / "dump" / "train" / "A" / "index.json"
    index.write_text(index.read_text().replace('"1"', '"../1"', 1))
    with pytest.raises(UserError, match=r"index\.json: `id` is '\.\./1'"):
        FeatureStore(tmp_path / "dump").open("train", "A")


def test_shards_of_one_name(tmp_path):
    groups = [("c", "a-b"), ("b-c", "a")]
    entries = [Entry("1", make_clip(tmp_path / "a.wav"), domain, split) for split, domain in groups]
    extract(entries, WaveConfig(sample_rate=8000), tmp_path / "dump", jobs=1, progress=False)
    with pytest.raises(UserError, match="a-b-c: would be written for both"):
        write_shards(FeatureStore(tmp_path / "dump"), tmp_path / "shards", 1, progress=False)
    assert not (tmp_path / "shards").exists()


def test_shards_elsewhere_are_not_read(tmp_path):
    entry = Entry("1", make_clip(tmp_path / "a.wav"), "A", "train")
    extract([entry], WaveConfig(sample_rate=8000), tmp_path / "dump", jobs=1, progress=False)
    write_shards(FeatureStore(tmp_path / "dump"), tmp_path / "shards", 1, progress=False)
    index = tmp_path / "shards" / "shards.json"
    index.write_text(index.read_text().replace("A-train-000000.tar", "../A-train-000000.tar"))
    with pytest.raises(UserError, match="leads out of"):
        ShardStore(tmp_path / "shards").open_shards("train", "A")


def test_two_recordings_for_one_synthetic_wave(tmp_path):
    row = {"id": "1", "path": str(make_clip(tmp_path / "a.wav")), "domain": "A", "split": "train"}
    manifests = [write_lines(tmp_path / f"{name}.jsonl", row) for name in "xy"]
    with pytest.raises(UserError, match=r"synthetic/train/1\.wav: would be written for both"):
        synthesise(manifests, tmp_path / "out", "A")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "synthetic").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out of"):
        synthesise(manifests[:1], tmp_path / "out", "A")
    assert os.listdir(tmp_path / "out") == ["synthetic"]
