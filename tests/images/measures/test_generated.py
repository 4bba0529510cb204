"""Measures of pictures from noise: distances with known values, and a table from files on disk."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from tiny_runs import configure

from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.measures.generated import (
    evaluate_generated,
    measure_divergence,
    measure_frechet,
    measure_nearest,
    read_real,
)


def test_frechet_distance_of_gaussians_in_closed_form():
    """Diagonal covariances: |difference of means|^2 + sum of (difference of deviations)^2."""
    random = np.random.default_rng(0)
    whole = random.normal(size=(4000, 3))
    whole = (whole - whole.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(whole, rowvar=False))).T  # exact moments
    one, other = whole * [1, 2, 0.5] + [0, 1, 0], whole * [3, 2, 1] + [2, 0, 0]
    assert measure_frechet(one, other) == pytest.approx(4 + 1 + 4 + 0 + 0.25, abs=1e-9)
    assert measure_frechet(one, one) == pytest.approx(0, abs=1e-9)
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    assert measure_frechet(one @ turn, other @ turn) == pytest.approx(9.25, abs=1e-8)
    assert measure_frechet(one[:, :1] + 3, one[:, :1]) == pytest.approx(9, abs=1e-9)


def test_divergence_of_labels():
    even = np.full(10, 0.1)
    assert measure_divergence(even, even) == 0
    assert measure_divergence(np.eye(10)[3], even) == pytest.approx(np.log(10))  # one class for all
    assert measure_divergence(np.array([0.5, 0.5]), np.array([0.75, 0.25])) == pytest.approx(0.5 * np.log(4 / 3))


def test_copies_are_near_and_new_pictures_are_as_far_as_real_ones():
    random = np.random.default_rng(0)
    known, unseen, made = (list(random.integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)) for _ in range(3))
    assert measure_nearest(known[:20], known, unseen) == 0
    assert measure_nearest(made, known, unseen) == pytest.approx(1, abs=0.05)


@pytest.fixture
def corpus(tmp_path):
    """Entries of bright and dark pictures with some noise, and a function that writes generated ones."""
    random = np.random.default_rng(0)

    def draw(mean, count):
        noise = random.normal(scale=30, size=(count, 16, 16, 3))
        return np.clip(mean + noise, 0, 255).astype(np.uint8)

    entries = []
    for split, count in (("train", 40), ("eval", 30)):
        for domain, mean in (("dark", 60), ("bright", 190)):
            for number, pixels in enumerate(draw(mean, count)):
                path = tmp_path / "corpus" / split / domain / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
                entries.append(Entry(f"{number}", path, domain, split))

    def generate(means, codes):
        folder = tmp_path / "run/generated"
        folder.mkdir(parents=True, exist_ok=True)
        for number, mean in enumerate(means):
            Image.fromarray(draw(mean, 1)[0]).save(folder / f"{number:03}.png")
        Image.new("RGB", (99, 99)).save(folder / "sheet.png")               # is none of them
        latents = np.zeros((len(means), 8), np.float32)
        save_file({"latents": latents, "labels": np.asarray(codes, np.float32)}, folder / "latents.safetensors")
        return tmp_path / "run"

    training, evaluation = ([e for e in entries if e.split == split] for split in ("train", "eval"))
    return training, evaluation, generate


SMALL = {"data": {"domains": ["dark", "bright"]}, "network": {"labels": "told", "layers": 2}, "train": {"crop": 16},
         "images": {"size": None}}  # fmt: skip


def test_a_table_of_labelled_pictures(corpus):
    """Every fourth dark one is bright, so 3 of 8 labels found too few; the real ones have the noise floor."""
    training, evaluation, generate = corpus
    means = [60, 190, 60, 190, 60, 190, 190, 190] * 6
    run = generate(means, np.eye(2)[[0, 1] * 24])
    results = evaluate_generated(run, configure("sngan", SMALL), evaluation, training)
    (task,) = results["tasks"]
    rows = task["rows"]
    assert {name: row["n"] for name, row in rows.items()} == {"generated": 48, "real training": 80}
    assert rows["generated"]["label_accuracy"] == pytest.approx(7 / 8, abs=0.03)
    assert rows["real training"]["label_accuracy"] > 0.97
    expected = 3 / 8 * np.log(3 / 4) + 5 / 8 * np.log(5 / 4)
    assert rows["generated"]["class_divergence"] == pytest.approx(expected, abs=0.02)
    assert rows["generated"]["frechet"] > 3 * rows["real training"]["frechet"] >= 0
    assert rows["generated"]["nearest"] == pytest.approx(1, abs=0.2)
    assert json.loads((run / "results.json").read_text()) == json.loads(json.dumps(results))
    text = (run / "results.md").read_text()
    assert "label found %" in text
    assert "right on" in text


def test_a_table_without_labels(corpus):
    training, evaluation, generate = corpus
    run = generate([60, 190] * 20, np.zeros((40, 0)))
    config = configure("dcgan", SMALL, {"data": {"domains": []}, "network": {"labels": "none"}})
    rows = evaluate_generated(run, config, evaluation, training)["tasks"][0]["rows"]
    assert set(rows["generated"]) == {"n", "frechet", "nearest"}
    near = rows["generated"]["frechet"]
    run = generate([120] * 40, np.zeros((40, 0)))
    assert evaluate_generated(run, config, evaluation, training)["tasks"][0]["rows"]["generated"]["frechet"] > 5 * near
    assert "thumbnails of 8 x 8" in (run / "results.md").read_text()


def test_real_pictures_are_cut_as_the_model_makes_them(tmp_path):
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[6:14, 13:17] = 255                                               # the middle 8 x 4
    Image.fromarray(pixels).save(tmp_path / "a.png")
    config = configure("gan", train={"crop": 8}, images={"aspect": 0.5, "size": None, "target_channels": 1})
    (picture,) = read_real([Entry("a", tmp_path / "a.png", "x", "eval")], config)
    assert picture.min() == 255


def test_what_is_missing_is_named(corpus, tmp_path):
    training, evaluation, generate = corpus
    config = configure("sngan", SMALL)
    with pytest.raises(UserError, match="expected two or more generated pictures; first run `translate generate"):
        evaluate_generated(tmp_path / "run", config, evaluation, training)
    run = generate([60, 190, 60], np.eye(2)[[0, 1, 0]])
    (run / "generated/001.png").unlink()
    with pytest.raises(UserError, match="2 pictures, but 3 latent vectors; generate them anew"):
        evaluate_generated(run, config, evaluation, training)
    run = generate([60, 190, 60], np.eye(2)[[0, 1, 0]])
    with pytest.raises(UserError, match="two or more real pictures in each manifest, found 1, 80"):
        evaluate_generated(run, config, evaluation[:1], training)
