"""Crops lie inside their picture, parts of a pair stay together, and a position can be taken up again."""

import json
import time

import numpy as np
import pytest
import torch
from bare_models import BareImages

from translate.config import DataConfig, ImageConfig, TrainConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import encode_labels, read_image, read_labels, to_float, write_image
from translate.images.corpus import sampling as image_sampling
from translate.images.corpus.layouts import scan_images
from translate.images.corpus.sampling import make_sampler, summarise
from translate.images.resize import bicubic

SIZES = [(20, 26), (9, 14), (16, 16), (13, 30)]                     # (height, width), one smaller than a crop


def configure(batches="paired", domains=("A", "B"), crop=10, batch_size=4, seed=0, **images):
    return BareImages(
        data=DataConfig(batches=batches, domains=list(domains)),
        train=TrainConfig(crop=crop, batch_size=batch_size, seed=seed),
        images=ImageConfig(**images),
    )


def draw_picture(number, height, width):
    """Pixel (y, x) of picture n is (n, y, x), so that a crop tells where it comes from."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = number, np.arange(height)[:, None], np.arange(width)
    return picture


@pytest.fixture
def entries(tmp_path):
    """Four pairs; a picture of B has the number of its partner of A plus 100."""
    found = []
    for number, size in enumerate(SIZES):
        for domain, offset in (("A", 0), ("B", 100)):
            path = tmp_path / domain / f"{number}.png"
            write_image(path, draw_picture(number + offset, *size))
            found.append(Entry(str(number), path, domain, "train", str(number)))
    return found


@pytest.fixture(params=["resident", "streaming"])
def memory(request, monkeypatch):
    if request.param == "streaming":
        monkeypatch.setattr(image_sampling, "RESIDENT_BYTES", 0)
    return request.param


def origins(crops):
    """(picture, rows, columns) of every crop in (B, 3, h, w) of floats."""
    found = []
    for crop in ((crops + 1) * 127.5).round().int().numpy():
        assert (crop[0] == crop[0, 0, 0]).all(), "a crop mixes pictures"
        assert (crop[1] == crop[1][:, :1]).all()
        assert (crop[2] == crop[2][:1]).all()
        found.append((int(crop[0, 0, 0]), crop[1][:, 0].tolist(), crop[2][0].tolist()))
    return found


def test_crops_lie_inside_and_every_place_is_possible(entries, memory):
    sampler = make_sampler(configure(batch_size=8, aspect=1.2), entries, "cpu")
    assert (sampler.packed is None) == (memory == "streaming")
    places, mirrored = set(), 0
    for _ in range(60):
        for picture, rows, columns in origins(sampler.next()["source"]):
            height, width = SIZES[picture]
            if columns[0] > columns[-1]:
                mirrored, columns = mirrored + 1, columns[::-1]
            assert columns == list(range(columns[0], columns[0] + 12))
            assert columns[-1] < width
            if height >= 10:
                assert rows == list(range(rows[0], rows[0] + 10))
                assert rows[-1] < height
            else:
                assert rows == [*range(9), 7], "continued by reflection"
            if picture == 2:
                places.add((rows[0], columns[0]))
    assert 180 < mirrored < 300
    assert places == {(y, x) for y in range(7) for x in range(5)}


def test_pairs_stay_together_and_unpaired_domains_apart(entries, memory):
    sampler = make_sampler(configure(), entries, "cpu")
    for _ in range(10):
        batch = sampler.next()
        assert set(batch) == {"source", "target"}
        ours, theirs = origins(batch["source"]), origins(batch["target"])
        assert [(n + 100, rows, columns) for n, rows, columns in ours] == theirs
    sampler = make_sampler(configure("unpaired"), entries, "cpu")
    batches = [sampler.next() for _ in range(10)]
    ours, theirs = ([o for batch in batches for o in origins(batch[name])] for name in ("source", "target"))
    assert {n for n, _, _ in ours} == {0, 1, 2, 3}
    assert {n for n, _, _ in theirs} == {100, 101, 102, 103}
    assert sum(n + 100 == m for (n, _, _), (m, _, _) in zip(ours, theirs, strict=True)) < 25


def test_source_and_target_can_be_swapped_and_need_no_flip(entries):
    sampler = make_sampler(configure(domains=("B", "A"), flip=False), entries, "cpu")
    for _ in range(10):
        batch = sampler.next()
        assert all(n >= 100 and columns[0] <= columns[-1] for n, _, columns in origins(batch["source"]))


def test_every_picture_once_per_round_in_a_new_order(entries, memory):
    sampler = make_sampler(configure(batch_size=2), entries, "cpu")
    drawn = [n for _ in range(40) for n, _, _ in origins(sampler.next()["source"])]
    rounds = [tuple(drawn[i : i + 4]) for i in range(0, 80, 4)]
    assert all(sorted(numbers) == [0, 1, 2, 3] for numbers in rounds)
    assert len(set(rounds)) > 8


def test_memory_and_files_give_the_same(entries, monkeypatch):
    def draw(seed):
        sampler = make_sampler(configure("unpaired", seed=seed, size=18), entries, "cpu")
        return [sampler.next() for _ in range(12)]

    resident, other = draw(1), draw(2)
    monkeypatch.setattr(image_sampling, "RESIDENT_BYTES", 0)
    streamed = draw(1)
    for one, same in zip(resident, streamed, strict=True):
        assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one["source"], same["source"]) for one, same in zip(resident, other, strict=True))


@pytest.mark.parametrize("batches", ["paired", "unpaired"])
def test_a_position_is_taken_up_again(entries, memory, tmp_path, batches):
    """In the middle of a round, through a file as a checkpoint holds it, while batches are made ahead."""
    config = configure(batches, batch_size=3)
    sampler = make_sampler(config, entries, "cpu")
    for _ in range(3):
        sampler.next()
    torch.save(sampler.position(), tmp_path / "position.pt")
    held = sampler.position()
    expected = [sampler.next() for _ in range(8)]
    fresh = make_sampler(config, entries, "cpu")
    for position in (torch.load(tmp_path / "position.pt", weights_only=True), held):
        fresh.seek(position)
        assert str(fresh.position()) == str(held)
        for batch in expected:
            again = fresh.next()
            assert all(torch.equal(batch[name], again[name]) for name in batch)
    begin = make_sampler(config, entries, "cpu")
    start = begin.position()
    first = begin.next()["source"]
    begin.seek(start)
    assert torch.equal(begin.next()["source"], first)


@pytest.mark.parametrize("processes", [2, 3])
def test_shares_together_are_the_single_process_batch(entries, memory, processes):
    config = configure(batch_size=6)
    whole = make_sampler(config, entries, "cpu")
    shares = [make_sampler(config, entries, "cpu", rank, processes) for rank in range(processes)]
    for _ in range(5):
        parts = [sampler.next() for sampler in shares]
        for name, crops in whole.next().items():
            assert torch.equal(torch.cat([part[name] for part in parts]), crops)
    assert all(str(sampler.position()) == str(whole.position()) for sampler in shares)
    with pytest.raises(ValueError, match="a batch of 4 cannot be shared by 3 processes"):
        make_sampler(configure(batch_size=4), entries, "cpu", 0, 3)


def test_samples_are_floats_of_the_wanted_channels(entries, memory):
    path = entries[0].path
    deep = (np.arange(400).reshape(20, 20) * 163).astype(np.uint16)
    write_image(path, deep)
    one = [Entry("0", path, "A", "train", "0"), Entry("0", path, "B", "train", "0")]
    batch = make_sampler(configure(crop=20, batch_size=2, target_channels=1, flip=False), one, "cpu").next()
    assert batch["source"].shape == (2, 3, 20, 20)
    assert batch["target"].shape == (2, 1, 20, 20)
    expected = torch.from_numpy(to_float(deep))
    for crops in batch.values():
        assert crops.dtype == torch.float32
        assert crops.is_contiguous()
        assert torch.allclose(crops, expected.expand_as(crops), atol=1e-6)


def test_depths_mix(entries, memory):
    """A 16-bit picture among 8-bit ones; all keep their values."""
    write_image(entries[0].path, np.full((20, 26), 65535, np.uint16))
    sampler = make_sampler(configure("unpaired", batch_size=4), entries, "cpu")
    crops = sampler.next()["source"]
    white = (crops == 1).flatten(1).all(1)
    assert white.sum() == 1
    assert {n for n, _, _ in origins(crops[~white])} == {1, 2, 3}


def test_low_resolution_is_the_bicubic_of_the_crop(entries, memory):
    noise = np.random.default_rng(0).integers(0, 256, (40, 44, 3)).astype(np.uint8)
    write_image(entries[1].path, noise)
    sampler = make_sampler(configure(crop=12, scale=4, domains=("low", "B")), entries[1:2], "cpu")
    batch = sampler.next()
    assert batch["source"].shape == (4, 3, 3, 3)
    for low, high in zip(batch["source"], batch["target"], strict=True):
        crop = ((high + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        assert torch.equal(low, torch.from_numpy(bicubic(crop, 1 / 4) / np.float32(255)).permute(2, 0, 1))
    with pytest.raises(UserError, match=r"train.crop=10: a crop of 10 x 10 pixels is no multiple of images.scale=4"):
        make_sampler(configure(crop=10, scale=4, domains=("low", "B")), entries, "cpu")


@pytest.fixture
def label_entries(tmp_path):
    random = np.random.default_rng(0)
    found = []
    for number in range(3):
        labels = random.choice([0, 1, 2, 255], (12, 14))
        maps = {"label": labels, "instance": labels * 100 + random.integers(0, 2, (12, 14)),
                "photo": np.repeat(labels[..., None], 3, 2)}  # fmt: skip
        for domain, content in maps.items():
            write_image(tmp_path / domain / f"{number}.png", content)
            found.append(Entry(str(number), tmp_path / domain / f"{number}.png", domain, "train", str(number)))
    return found


LABELS = {"labels": 3, "unknown": 255, "instances": True}


def test_label_maps_become_planes(label_entries, memory):
    config = configure(domains=("label", "photo"), crop=8, **LABELS)
    batch = make_sampler(config, label_entries, "cpu").next()
    assert set(batch) == {"source", "target", "instances"}
    assert batch["source"].shape == (4, config.images.source_planes, 8, 8)
    assert batch["instances"].shape == (4, 1, 8, 8)
    values = torch.tensor([0, 1, 2, 255])[batch["source"][:, :4].argmax(1)]
    assert torch.equal(values, ((batch["target"][:, 0] + 1) * 127.5).round().long())
    assert torch.equal(values, batch["instances"][:, 0].long() // 100)
    assert (batch["source"][:, :4].sum(1) == 1).all()


def test_whole_label_maps_are_as_encode_labels_gives_them(label_entries):
    config = configure(domains=("label", "photo"), crop=12, aspect=14 / 12, batch_size=3, flip=False, **LABELS)
    batch = make_sampler(config, label_entries, "cpu").next()
    for planes, ids in zip(batch["source"], batch["instances"], strict=True):
        maps = [[read_labels(e.path) for e in label_entries[i : i + 2]] for i in (0, 3, 6)]
        labels, instances = next(m for m in maps if np.array_equal(m[1], ids[0].numpy()))
        assert np.array_equal(planes.numpy(), encode_labels(labels, config.images, instances))


def test_label_maps_that_cannot_be_used_are_named(label_entries):
    with pytest.raises(UserError, match=r"label/0.png: label 255 is out of range; expected 0 to 2"):
        make_sampler(configure(domains=("label", "photo"), labels=3), label_entries, "cpu")
    without = [entry for entry in label_entries if entry.domain != "instance"]
    with pytest.raises(UserError, match=r"of domain `instance` .*images\.instances=false\)"):
        make_sampler(configure(domains=("label", "photo"), **LABELS), without, "cpu")
    write_image(label_entries[1].path, np.zeros((12, 13), np.uint8))
    with pytest.raises(UserError, match=r"instance/0.png: is not as large as its label map .*label/0.png"):
        make_sampler(configure(domains=("label", "photo"), **LABELS), label_entries, "cpu")


def test_attributes_become_vectors(entries, memory):
    table = [{"X": 1, "Y": 0}, {"X": 0, "Y": 1}, {"X": 1, "Y": 1}, {"X": 0}]
    labelled = [Entry(str(i), entries[2 * i].path, "all", "train", attributes=a) for i, a in enumerate(table)]
    batch = make_sampler(configure("labelled", ("Y", "X")), labelled, "cpu").next()
    assert set(batch) == {"source", "domain", "mask"}
    pictures = [n for n, _, _ in origins(batch["source"])]
    assert batch["domain"].tolist() == [[table[n].get("Y", 0), table[n]["X"]] for n in pictures]
    assert batch["mask"].tolist() == [[float("Y" in table[n]), 1] for n in pictures]
    with pytest.raises(UserError, match=r"no training picture of domain `Z`; .* all \(4\) with the attributes X, Y"):
        make_sampler(configure("labelled", ("X", "Z")), labelled, "cpu")


def test_folders_become_one_hot_vectors_and_mix_with_attributes(entries):
    batch = make_sampler(configure("labelled", ("B", "A"), batch_size=8), entries, "cpu").next()
    expected = [[1, 0] if n >= 100 else [0, 1] for n, _, _ in origins(batch["source"])]
    assert batch["domain"].tolist() == expected
    assert (batch["mask"] == 1).all()
    mixed = [*entries, Entry("x", entries[0].path, "all", "train", attributes={"Male": 1})]
    batch = make_sampler(configure("labelled", ("Male", "A"), batch_size=5), mixed, "cpu").next()
    rows = sorted(torch.cat([batch["domain"], batch["mask"]], 1).tolist())
    assert rows == [[0, 1, 0, 1]] * 4 + [[1, 0, 1, 0]], "B is none of the domains"


def test_what_does_not_fit_together_is_named(entries, memory):
    with pytest.raises(UserError, match=r"no training picture of domain `C`; the manifest has A \(4\), B \(4\)"):
        make_sampler(configure(domains=("A", "C")), entries, "cpu")
    with pytest.raises(UserError, match=r"B/3.png: has no partner in the domain `A` \(pair 3\)"):
        make_sampler(configure(), [e for e in entries if (e.domain, e.id) != ("A", "3")], "cpu")
    write_image(entries[1].path, draw_picture(100, 20, 27))
    with pytest.raises(UserError, match=r"B/0.png: is 27 x 20 pixels, its partner .*A/0.png 26 x 20"):
        make_sampler(configure(), entries, "cpu").next()
    assert make_sampler(configure(size=[16, 16]), entries, "cpu").next()["source"].shape == (4, 3, 10, 10)
    entries[0].path.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"A/0.png: cannot read as a picture"):
        make_sampler(configure(size=[16, 16]), entries, "cpu").next()


def test_the_summary_notices_other_data(entries):
    summary = summarise(entries)
    assert set(summary) == {"A/pictures", "A/names", "B/pictures", "B/names"}
    assert summary["A/pictures"] == 4
    same = summarise(entries[::-1])
    assert all(np.array_equal(summary[key], same[key]) for key in summary)
    other = summarise([*entries[1:], Entry("9", entries[0].path, "A", "train", "0")])
    assert [key for key in summary if not np.array_equal(summary[key], other[key])] == ["A/names"]
    json.dumps({key: value.tolist() for key, value in summary.items()})


REAL = {
    "facades": {"domains": ("right", "left"), "size": 72},
    "maps": {"domains": ("right", "left"), "size": 72},
    "day2night": {"batches": "unpaired", "size": 72},
    "celeba": {"batches": "labelled", "domains": ("Male", "Young"), "size": 72},
    "cityscapes": {"domains": ("label", "photo"), "size": [72, 144], "labels": 34, "instances": True},
    "coco_stuff": {"domains": ("label", "photo"), "size": 72, "labels": 182, "unknown": 255, "instances": True},
    "super_resolution": {"domains": ("low", "high"), "scale": 4},
}


@pytest.mark.parametrize("name", REAL)
def test_real_corpora_are_sampled_fast(real_data, name):
    entries = [entry for entry in scan_images(real_data / name) if entry.split == "train"]
    some = sorted({entry.id for entry in entries})[:40]
    config = configure(crop=64, batch_size=4 if name == "coco_stuff" else 16, **REAL[name])
    sampler = make_sampler(config, [entry for entry in entries if entry.id in some], "cpu")
    batch = sampler.next()
    seconds = []
    for _ in range(10):
        begin = time.process_time()                                 # whatever else the machine does
        batch = sampler.next()
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 0.1                                       # some milliseconds
    pictures = batch.get("target", batch["source"])
    assert pictures.shape[1:] == (3, 64, 64)
    assert pictures.std() > 0.1
    assert pictures.abs().max() <= 1


def test_real_pairs_are_what_the_files_hold(real_data):
    path = scan_images(real_data / "facades")[0].path
    entries = [Entry("1", path, side, "train", "1", side) for side in ("left", "right")]
    config = configure(domains=("right", "left"), crop=256, batch_size=1, flip=False)
    batch = make_sampler(config, entries, "cpu").next()
    whole = torch.from_numpy(to_float(read_image(path))).permute(2, 0, 1)
    assert torch.equal(torch.cat([batch["target"][0], batch["source"][0]], dim=2), whole)
