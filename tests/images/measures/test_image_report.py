"""Whole evaluations of every kind of model, on pictures whose numbers are known beforehand."""

import json

import numpy as np
import pytest
from bare_models import BareImages

from translate.config import DataConfig, ImageConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.arrays import read_image, write_image
from translate.images.measures import classifier as image_classifier
from translate.images.measures import deep as deep_images
from translate.images.measures import report as image_report
from translate.images.measures.report import evaluate_images, headline
from translate.images.resize import bicubic

PALETTE = [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(image_classifier, "STEPS", 25)


class Corpus:
    """Pictures in a folder, their entries, and a run that converted some."""

    def __init__(self, folder, domains, batches="paired", **images):
        self.folder, self.run, self.entries = folder, folder / "run", []
        self.config = BareImages(data=DataConfig(domains=domains, batches=batches), images=ImageConfig(**images))

    def add(self, id, domain, picture, split="eval", pair=None, **more):
        path = self.folder / split / domain / f"{id}.png"
        write_image(path, picture)
        self.entries.append(Entry(id, path, domain, split, pair, **more))

    def convert(self, folder, id, picture):
        write_image(self.run / "converted" / folder / f"{id}.png", picture)

    def evaluate(self, **options):
        evaluation = [entry for entry in self.entries if entry.split == "eval"]
        training = [entry for entry in self.entries if entry.split == "train"]
        results = evaluate_images(self.run, self.config, evaluation, training, **options)
        assert json.loads((self.run / "results.json").read_text(encoding="utf-8")) == results
        text = (self.run / "results.md").read_text(encoding="utf-8")
        assert headline(results) in text
        return results, text


def flat(level, size=(24, 32)):
    return np.full((*size, 3), level, np.uint8)


def noise(seed, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


# --- paired -----------------------------------------------------------------------------------------------


def test_without_targets_that_is_said(tmp_path):
    corpus = Corpus(tmp_path, ["a", "b"])
    corpus.add("t", "b", flat(40), "train", "t")
    corpus.add("s", "a", flat(100))
    corpus.convert("a-b", "s", flat(50))
    results, text = corpus.evaluate()
    assert "Not measured: a → b: the manifest has no targets; see the sheets in pictures/." in text
    assert set(results["tasks"][0]["rows"]["converted"]) <= {"n", "l1", "psnr", "ssim"}


def test_paired(tmp_path):
    corpus = Corpus(tmp_path, ["a", "b"])
    for number, level in enumerate((40, 60)):
        corpus.add(f"t{number}", "b", flat(level), "train", f"t{number}")
    for number in range(3):
        corpus.add(f"s/{number}", "a", flat(100 + number), pair=f"p{number}")
        if number < 2:
            corpus.add(f"s/{number}", "b", flat(80), pair=f"p{number}")
        corpus.convert("a-b", f"s/{number}", flat(90))
    results, text = corpus.evaluate()
    (task,) = results["tasks"]
    assert (results["kind"], task["name"], task["n"]) == ("paired", "a → b", 3)
    assert list(task["rows"]) == ["converted", "input", "mean target"]
    assert {row: values["l1"] for row, values in task["rows"].items()} == {
        "converted": 10, "input": 20.5, "mean target": 30
    }  # fmt: skip
    assert task["rows"]["converted"]["n"] == 2                      # of the three, two have a target
    assert task["images"]["s/1"]["input"] == {"l1": 21, "psnr": pytest.approx(20 * np.log10(255 / 21)), "ssim": ANY}
    assert "Targets: 2 of 3 pictures have one" in text
    assert "L1: mean absolute difference to the target, 0 to 255" in text
    assert read_image(corpus.run / "pictures" / "sheet_a-b.png").shape[0] > 3 * 24
    assert not list(corpus.run.rglob("*.tmp"))


ANY = pytest.approx(0.5, abs=0.51)


def test_targets_of_another_size(tmp_path):
    corpus = Corpus(tmp_path, ["a", "b"])
    corpus.add("0", "a", flat(10, (48, 64)), pair="0")
    corpus.add("0", "b", flat(80, (48, 64)), pair="0")
    corpus.convert("a-b", "0", flat(90))
    results, text = corpus.evaluate()
    assert {row: values["l1"] for row, values in results["tasks"][0]["rows"].items()} == {"converted": 10, "input": 70}
    assert "1 targets were resized" in text
    corpus.convert("a-b", "0", flat(90, (24, 24)))
    with pytest.raises(UserError, match=r"0\.png: 24 x 24 pixels, its target .*0\.png 64 x 48; convert"):
        corpus.evaluate()


def paint(labels):
    return np.array(PALETTE, np.uint8)[labels]


def test_label_maps_come_out(tmp_path):
    """Nearest neighbours: inputs of brightness 50 k have class k; the evaluation's input looks like k = 2."""
    corpus = Corpus(tmp_path, ["photo", "labels"], palette=PALETTE)
    for number, label in enumerate((1, 1, 2, 3)):
        corpus.add(f"t{number}", "photo", flat(50 * label), "train", f"t{number}")
        corpus.add(f"t{number}", "labels", paint(np.full((24, 32), label)), "train", f"t{number}")
    truth = np.full((24, 32), 2)
    truth[:12] = 1
    corpus.add("0", "photo", flat(95), pair="p")
    corpus.add("0", "labels", paint(truth), pair="p")
    guess = truth.copy()
    guess[:6] = 3
    blurred = (0.8 * paint(guess) + 20).astype(np.uint8)
    corpus.convert("photo-labels", "0", blurred)
    rows = corpus.evaluate()[0]["tasks"][0]["rows"]
    assert list(rows) == ["converted", "input", "nearest neighbour", "constant class", "mean target"]
    assert (rows["converted"]["pixel_accuracy"], rows["converted"]["mean_iou"]) == (0.75, 0.5)
    assert (rows["constant class"]["pixel_accuracy"], rows["constant class"]["mean_iou"]) == (0.5, 0.25)
    assert rows["nearest neighbour"]["pixel_accuracy"] == 0.5
    assert rows["nearest neighbour"]["l1"] == pytest.approx(85)     # half of the pixels red for green


def test_label_maps_go_in(tmp_path):
    """No input to compare with; the palette colours the source, so nothing is measured in classes."""
    corpus = Corpus(tmp_path, ["labels", "photo"], labels=4, palette=PALETTE)
    corpus.add("0", "labels", paint(np.arange(24 * 32).reshape(24, 32) % 4), pair="p")
    corpus.add("0", "photo", noise(0), pair="p")
    corpus.add("t", "photo", noise(1), "train")
    corpus.convert("labels-photo", "0", noise(2))
    rows = corpus.evaluate()[0]["tasks"][0]["rows"]
    assert list(rows) == ["converted", "mean target"]
    assert "pixel_accuracy" not in rows["converted"]


# --- unpaired, many domains -------------------------------------------------------------------------------


@pytest.fixture
def dark_and_bright(tmp_path):
    corpus = Corpus(tmp_path, ["dark", "bright"], batches="unpaired")
    for number in range(10):
        corpus.add(f"t{number}", "dark", noise(number) // 4, "train")
        corpus.add(f"t{number}", "bright", 255 - noise(number) // 4, "train")
    for number in range(4):
        picture = noise(20 + number) // 4
        corpus.add(str(number), "dark", picture, pair=f"p{number}" if number < 2 else None)
        corpus.add(str(number), "bright", 255 - picture, pair=f"p{number}" if number < 2 else None)
        corpus.convert("dark-bright", str(number), 250 - picture if number else picture)
    return corpus


def test_unpaired(dark_and_bright):
    results, text = dark_and_bright.evaluate()
    rows = results["tasks"][0]["rows"]
    assert list(rows) == ["converted", "input", "mean target", "real target"]
    accuracy = {row: values["domain_accuracy"] for row, values in rows.items()}
    assert accuracy == {"converted": 0.75, "input": 0, "mean target": 1, "real target": 1}
    assert rows["input"]["change"] == 0
    assert rows["converted"]["change"] > 100
    images = results["tasks"][0]["images"]
    assert images["1"]["converted"]["l1"] == 5                      # only where the corpus has pairs
    assert "l1" not in images["3"]["converted"]
    assert "100.0 % right on 4 held-out ones" in text


def test_deep_without_weights(dark_and_bright, monkeypatch):
    def fail(*args):
        raise UserError("KID: weights not available (no network); connect once, or leave out --deep")

    monkeypatch.setattr(deep_images, "measure_kid", fail)
    results, text = dark_and_bright.evaluate(deep=True)
    assert len(results["notes"]) == 1
    assert "- Not measured: KID and FID: weights not available (no network)" in text
    assert results["tasks"][0]["rows"]["converted"]["domain_accuracy"] == 0.75


def test_deep(dark_and_bright, monkeypatch):
    monkeypatch.setattr(deep_images, "measure_kid", lambda ours, real: len(list(ours)) + len(list(real)))
    monkeypatch.setattr(deep_images, "measure_fid", lambda ours, real: float(np.mean([p.mean() for p in ours])))
    results, text = dark_and_bright.evaluate(deep=True)
    rows = results["tasks"][0]["rows"]
    assert rows["converted"]["kid"] == rows["input"]["kid"] == 8
    assert rows["converted"]["fid"] > rows["input"]["fid"]
    assert "fid" not in rows["mean target"]
    assert "prefer KID" in text


def test_lpips(tmp_path, monkeypatch):
    corpus = Corpus(tmp_path, ["a", "b"])
    corpus.add("0", "a", flat(10), pair="0")
    corpus.add("0", "b", flat(80), pair="0")
    corpus.convert("a-b", "0", flat(90))
    monkeypatch.setattr(image_report, "Lpips", lambda: lambda one, other: float(one.mean() - other.mean()))
    monkeypatch.setattr(deep_images, "measure_kid", lambda ours, real: 0.0)
    results, _ = corpus.evaluate(deep=True)
    assert results["tasks"][0]["rows"]["converted"]["lpips"] == 10
    assert results["notes"] == ["KID and FID of a → b: fewer than two pictures"]


def test_many_domains(tmp_path):
    """Pictures of all domains share their ids; those of the target's domain do not count."""
    corpus = Corpus(tmp_path, ["red", "green"], batches="labelled")
    for place, domain in enumerate(corpus.config.data.domains):
        for number in range(8):
            picture = noise(number) // 3
            picture[..., place] = 255 - picture[..., place]
            corpus.add(str(number), domain, picture, "train" if number < 6 else "eval")
    red = read_image(corpus.entries[0].path)
    for domain in ("red", "green"):
        for id in ("red/6", "red/7", "green/6", "green/7"):
            corpus.convert(f"all-{domain}", id, red)
    results, text = corpus.evaluate()
    green, red = results["tasks"]
    assert (green["target"], red["target"]) == ("green", "red")
    assert list(green["images"]) == ["red/6", "red/7"]
    assert green["rows"]["converted"]["domain_accuracy"] == 0
    assert red["rows"]["converted"]["domain_accuracy"] == 1
    assert red["rows"]["converted"]["n"] == 2
    assert results["overall"]["rows"]["converted"]["domain_accuracy"] == 0.5
    assert results["overall"]["rows"]["converted"]["n"] == 4
    assert "mean over domains" in text
    assert [path.name for path in (corpus.run / "pictures").iterdir()] == ["sheet_all.png"]


def test_attributes(tmp_path):
    corpus = Corpus(tmp_path, ["red", "bright"], batches="labelled")
    for number in range(40):
        has = {"red": number % 2, "bright": number // 2 % 2}
        picture = noise(number) // 4 + 100 * np.uint8(has["bright"])
        picture[..., 0] += np.uint8(90 * has["red"])
        corpus.add(str(number), "all", picture, "train" if number < 32 else "eval", attributes=has)
        if number >= 32:
            corpus.convert("all-red+bright", str(number), 255 - noise(number) // 4)
    results, _ = corpus.evaluate()
    (task,) = results["tasks"]
    assert (task["target"], task["n"]) == ("red+bright", 6)         # two have both already
    assert task["rows"]["real target"]["n"] == 2
    assert set(task["rows"]) == {"converted", "input", "mean target", "real target"}


# --- super-resolution -------------------------------------------------------------------------------------


def test_super_resolution(tmp_path):
    corpus = Corpus(tmp_path, ["low", "high"], scale=4)
    for set_name, sizes in {"set5": [(48, 64), (64, 48)], "set14": [(41, 50)]}.items():
        for number, size in enumerate(sizes):
            high = bicubic(noise(number, (12, 16)), 4.3)[: size[0], : size[1]]
            high = high if set_name == "set5" else noise(9, size)
            corpus.add(f"{set_name}/{number}", "high", high, pair=f"{set_name}{number}")
            cut = high[: size[0] // 4 * 4, : size[1] // 4 * 4]
            if set_name == "set5":                                  # of the other only the high resolution is there
                corpus.add(f"{set_name}/{number}", "low", bicubic(cut, 0.25), pair=f"{set_name}{number}")
            corpus.convert("low-high", f"{set_name}/{number}", cut)
    results, text = corpus.evaluate()
    tasks = {task["name"]: task for task in results["tasks"]}
    assert {name: task["n"] for name, task in tasks.items()} == {"set5": 2, "set14": 1}
    for task in tasks.values():
        assert list(task["rows"]) == ["converted", "bicubic"]
        assert task["rows"]["converted"]["psnr_y"] == task["rows"]["converted"]["psnr"] == 100
        assert task["rows"]["bicubic"]["psnr_y"] < 40
        assert task["rows"]["bicubic"]["sharpness"] < 1
    assert "without 4 pixels at each border" in text
    assert {path.name for path in (corpus.run / "pictures").iterdir()} == {
        "sheet_low-high_set5.png", "sheet_low-high_set14.png"
    }  # fmt: skip


def test_bicubic_through_the_report(tmp_path, real_data):
    corpus = Corpus(tmp_path, ["low", "high"], scale=4)
    for path in sorted((real_data / "super_resolution" / "set5").glob("*.png")):
        id = "set5/" + path.stem[:-3]
        corpus.entries.append(Entry(id, path, "low" if path.stem.endswith("LR") else "high", "eval", id))
        if path.stem.endswith("LR"):
            corpus.convert("low-high", id, bicubic(read_image(path), 4))
    (task,) = corpus.evaluate()[0]["tasks"]
    assert task["rows"]["converted"] == task["rows"]["bicubic"]
    assert task["rows"]["bicubic"]["psnr_y"] == pytest.approx(28.43, abs=0.005)


# --- errors -----------------------------------------------------------------------------------------------


def test_errors(tmp_path):
    corpus = Corpus(tmp_path, ["a", "b"])
    with pytest.raises(UserError, match="converted: no picture in <source>-<target>; run `translate convert` first"):
        corpus.evaluate()
    corpus.add("0", "a", flat(1))
    corpus.convert("a-b", "1", flat(1))
    with pytest.raises(UserError, match=r"1\.png: the manifest of the evaluation has no picture `1` of a"):
        corpus.evaluate()
    (corpus.run / "converted" / "a-b" / "1.png").rename(corpus.run / "converted" / "a-b" / "0.png")
    corpus.convert("a-c", "0", flat(1))
    with pytest.raises(UserError, match="a-c: expected a name <source>-<target>; the domains are a, b"):
        corpus.evaluate()
    assert not (corpus.run / "results.json").exists()
