"""Every published layout gives the same kind of entries, and is recognised."""

from collections import Counter

import numpy as np
import pytest

from translate.errors import UserError
from translate.images.arrays import write_image
from translate.images.corpus.layouts import LAYOUTS, find_layout, scan_images


def draw(root, *paths, shape=(8, 8, 3)):
    for path in paths:
        write_image(root / path, np.zeros(shape, np.uint8))
    return root


def count(entries):
    return Counter((entry.split, entry.domain) for entry in entries)


def pairs_of(entries, split="train"):
    found = {}
    for entry in entries:
        if entry.split == split and entry.pair:
            found.setdefault(entry.pair, set()).add(entry.domain)
    return list(found.values())


def test_pictures_side_by_side_in_one_file(tmp_path):
    root = draw(tmp_path, "train/1.png", "train/2.png", "val/1.png", "test/7.png", shape=(8, 16, 3))
    assert find_layout(root) == "pairs"
    entries = scan_images(root)
    assert count(entries) == {(s, d): n for s, n in (("train", 2), ("eval", 1)) for d in ("left", "right")}
    assert all(entry.part == entry.domain for entry in entries)
    assert pairs_of(entries) == [{"left", "right"}] * 2
    assert len({entry.pair for entry in entries}) == 3, "the same name in two splits is no pair"
    assert {e.path.parent.name for e in entries if e.split == "eval"} == {"val"}, "val wins over test"
    named = scan_images(root, "pairs", ["photo", "labels"])
    assert {(entry.domain, entry.part) for entry in named} == {("photo", "left"), ("labels", "right")}


def test_pictures_of_the_same_name_in_two_folders(tmp_path):
    draw(tmp_path, *(f"{side}/{split}/{n}.png" for side in "AB" for split in ("train", "test") for n in range(3)))
    assert find_layout(tmp_path) == "sides"
    entries = scan_images(tmp_path)
    assert count(entries) == {(split, side): 3 for split in ("train", "eval") for side in "AB"}
    assert all(len(domains) == 2 for domains in pairs_of(entries))
    (tmp_path / "A" / "train" / "2.png").unlink()
    lonely = [e for e in scan_images(tmp_path, domains=["winter", "summer"]) if e.split == "train" and not e.pair]
    assert [(e.domain, e.id) for e in lonely] == [("summer", "2")]


def test_sides_without_splits_hold_out_the_same_names(tmp_path):
    draw(tmp_path, *(f"{side}/{n:02d}.png" for side in ("day", "night") for n in range(10)))
    entries = scan_images(tmp_path, "sides", ["day", "night"], share=0.2)
    assert {(e.domain, e.id) for e in entries if e.split == "eval"} == {
        (d, i) for d in ("day", "night") for i in ("08", "09")
    }
    assert len(pairs_of(entries)) == 8
    for n in range(10):
        (tmp_path / "night" / f"{n:02d}.png").rename(tmp_path / "night" / f"n{n}.png")
    with pytest.raises(UserError, match=r"no picture of `day` has a partner of the same name in `night` .*rename"):
        scan_images(tmp_path, "sides", ["day", "night"])


def test_unpaired_domains(tmp_path):
    root = draw(tmp_path, "trainA/1.png", "trainA/2.png", "trainB/1.png", "testA/3.png", "testB/1.png")
    assert find_layout(root) == "unpaired"
    entries = scan_images(root, domains=["horse", "zebra"])
    assert count(entries) == {
        ("train", "horse"): 2, ("train", "zebra"): 1, ("eval", "horse"): 1, ("eval", "zebra"): 1,
    }  # fmt: skip
    assert pairs_of(entries) == []


@pytest.mark.parametrize("pattern", ["{domain}/{split}/{n}.png", "{split}/{domain}/{n}.png"])
def test_a_folder_per_domain(tmp_path, pattern):
    for domain in ("angry", "happy", "sad"):
        for split in ("train", "test"):
            draw(tmp_path, *(pattern.format(domain=domain, split=split, n=n) for n in range(2)))
    assert find_layout(tmp_path) == "folders"
    entries = scan_images(tmp_path)
    assert count(entries) == {(s, d): 2 for s in ("train", "eval") for d in ("angry", "happy", "sad")}
    assert {entry.domain for entry in scan_images(tmp_path, domains=["sad", "angry"])} == {"sad", "angry"}
    with pytest.raises(UserError, match=r"no pictures of domain `bored`; found: angry, happy, sad"):
        scan_images(tmp_path, domains=["sad", "bored"])


def test_folders_without_splits_hold_out_a_share(tmp_path):
    draw(tmp_path, *(f"{domain}/{domain}{n:02d}.jpg" for domain in ("x", "y") for n in range(20)))
    entries = scan_images(tmp_path, share=0.1)
    assert count(entries) == {("train", "x"): 18, ("train", "y"): 18, ("eval", "x"): 2, ("eval", "y"): 2}


TABLE = "3\nMale Young Blond_Hair\na.jpg  1 -1 -1\nb.jpg -1  1 -1\nc.jpg  1  1  1\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list_attr_x.txt", TABLE),
        ("list_attr_x.csv", "image_id,Male,Young,Blond_Hair\na.jpg,1,-1,-1\nb.jpg,-1,1,-1\nc.jpg,1,1,1\n"),
    ],
)
def test_attributes(tmp_path, name, text):
    draw(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg", "images/unlisted.jpg")
    (tmp_path / name).write_text(text)
    assert find_layout(tmp_path) == "attributes"
    entries = scan_images(tmp_path, domains=["Young", "Male"])
    assert [(e.domain, e.split, e.id, e.attributes) for e in entries] == [
        ("all", "train", "a", {"Young": 0, "Male": 1}),
        ("all", "train", "b", {"Young": 1, "Male": 0}),
        ("all", "eval", "c", {"Young": 1, "Male": 1}),
    ]
    assert set(scan_images(tmp_path)[0].attributes) == {"Male", "Young", "Blond_Hair"}
    with pytest.raises(UserError, match=r"no attribute `Blonde_Hair`; did you mean `Blond_Hair`\?"):
        scan_images(tmp_path, domains=["Blonde_Hair"])


@pytest.mark.parametrize("line", ["d.jpg 1 -1", "d.jpg 1 -1 2"])
def test_broken_attribute_lines_are_named(tmp_path, line):
    (tmp_path / "list_attr_x.txt").write_text(TABLE + line)
    with pytest.raises(UserError, match=r"list_attr_x.txt:6: expected a file and 3 values of 1 or -1"):
        scan_images(tmp_path)


def test_label_folders(tmp_path):
    draw(tmp_path, "train_label/1.png", "train_inst/1.png", "train_img/1.jpg", "test_label/2.png", "test_inst/2.png")
    assert find_layout(tmp_path) == "labels"
    entries = scan_images(tmp_path)
    assert pairs_of(entries) == [{"label", "photo", "instance"}]
    assert pairs_of(entries, "eval") == [{"label", "instance"}]
    named = scan_images(tmp_path, domains=["map", "street"])
    assert {entry.domain for entry in named} == {"map", "street", "instance"}


def test_cityscapes_as_published(tmp_path):
    for split in ("train", "val", "test"):
        name = f"{split}/bonn/bonn_000001_000019"
        draw(tmp_path, f"leftImg8bit/{name}_leftImg8bit.png")
        draw(tmp_path, *(f"gtFine/{name}_gtFine_{kind}.png" for kind in ("labelIds", "instanceIds", "color")))
    assert find_layout(tmp_path) == "labels"
    entries = scan_images(tmp_path)
    assert {entry.id for entry in entries} == {"bonn/bonn_000001_000019"}
    assert len(entries) == 6
    assert pairs_of(entries) == pairs_of(entries, "eval") == [{"label", "photo", "instance"}]
    kinds = {entry.domain: entry.path.stem.rpartition("_")[2] for entry in entries}
    assert kinds == {"label": "labelIds", "instance": "instanceIds", "photo": "leftImg8bit"}
    assert {entry.path.parts[-3] for entry in entries if entry.split == "eval"} == {"val"}


def test_coco_stuff_as_published(tmp_path):
    for split in ("train2017", "val2017"):
        draw(tmp_path, f"images/{split}/1.jpg", f"stuffthingmaps/{split}/1.png")
    assert find_layout(tmp_path) == "labels"
    assert count(scan_images(tmp_path)) == {(s, d): 1 for s in ("train", "eval") for d in ("label", "photo")}


@pytest.mark.parametrize("split", ["train/", ""])
def test_one_folder_without_labels(tmp_path, split):
    """Only where the layout is named: alone, such pictures are taken for super-resolution, or for pairs."""
    root = draw(tmp_path, *(f"{split}{n}.png" for n in range(10)), shape=(8, 16, 3))
    assert find_layout(root) == "pairs"
    entries = scan_images(root, "flat")
    expected = {("train", "picture"): 9, ("eval", "picture"): 1}
    assert count(entries) == expected
    assert {entry.domain for entry in scan_images(root, "flat", ["face"])} == {"face"}
    with pytest.raises(UserError, match="--domains a,b: the layout `flat` has one; give one name"):
        scan_images(root, "flat", ["a", "b"])


def test_high_resolution(tmp_path):
    draw(tmp_path, *(f"train/{n}.png" for n in range(3)), "test/9.png")
    assert find_layout(tmp_path) == "high"
    assert count(scan_images(tmp_path)) == {("train", "high"): 3, ("eval", "high"): 1}
    draw(tmp_path, "sets/yang/1.png", "sets/set5/a_HR.png", "sets/set5/a_LR.png", "sets/test/3.png")
    entries = scan_images(tmp_path / "sets", domains=["small", "large"])
    assert [(e.split, e.domain, e.id) for e in entries] == [
        ("train", "large", "yang/1"), ("eval", "large", "set5/a"), ("eval", "large", "test/3"),
        ("eval", "small", "set5/a"),
    ]  # fmt: skip
    assert pairs_of(entries, "eval") == [{"small", "large"}]


def test_what_has_no_layout(tmp_path):
    with pytest.raises(UserError, match=r"no known layout of pictures \(found: no folders\); expected pairs, sides"):
        scan_images(tmp_path)
    with pytest.raises(UserError, match=r"absent: no such folder"):
        scan_images(tmp_path / "absent")
    with pytest.raises(UserError, match=r"layout `piars` is unknown; expected auto, pairs"):
        scan_images(tmp_path, "piars")
    for layout in LAYOUTS:
        with pytest.raises(UserError, match=str(tmp_path)):
            scan_images(tmp_path, layout)
    with pytest.raises(UserError, match=r"--domains a,a: the layout `pairs` has two"):
        scan_images(tmp_path, "pairs", ["a", "a"])


REAL = {
    "facades": ("pairs", {"left": 320, "right": 320}, {"left": 80, "right": 80}),
    "maps": ("pairs", {"left": 200, "right": 200}, {"left": 50, "right": 50}),
    "day2night": ("unpaired", {"A": 120, "B": 120}, {"A": 80, "B": 80}),
    "celeba": ("attributes", {"all": 5400}, {"all": 600}),
    "cityscapes": ("labels", {"label": 4, "photo": 4, "instance": 4}, {"label": 5, "instance": 5}),
    "coco_stuff": ("labels", *(dict.fromkeys(("label", "photo", "instance"), n) for n in (13, 8))),
    "super_resolution": ("high", {"high": 211}, {"high": 19, "low": 19}),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_corpora_are_recognised(real_data, name):
    layout, training, evaluation = REAL[name]
    assert find_layout(real_data / name) == layout
    entries = scan_images(real_data / name)
    found = count(entries)
    assert found == {("train", d): n for d, n in training.items()} | {("eval", d): n for d, n in evaluation.items()}
    if layout in ("pairs", "labels"):
        assert all(entry.pair for entry in entries)
    if layout == "attributes":
        assert len(entries[0].attributes) == 40
    if layout == "high":
        assert {e.id.split("/")[0] for e in entries if e.split == "eval"} == {"set5", "set14"}
        assert len(pairs_of(entries, "eval")) == 19
