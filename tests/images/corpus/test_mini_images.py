"""The built-in pictures: the same every time, in layouts that are recognised, nothing shared by train and test."""

import numpy as np
import pytest

from translate.images.arrays import find_boundaries, read_image, read_labels
from translate.images.corpus.doctor import examine_images
from translate.images.corpus.layouts import find_layout, scan_images
from translate.images.corpus.mini import CLASSES, PHOTOGRAPHS, TILE, TRAINING, _read, make_images

LAYOUTS = {"unpaired": "unpaired", "domains": "folders", "pairs": "pairs", "labels": "labels", "high": "high"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    make_images(folder)
    return folder


def read_bytes(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_files_every_time(corpus, tmp_path):
    make_images(tmp_path)
    assert read_bytes(tmp_path) == read_bytes(corpus)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_recognised_and_sound(corpus, name):
    assert find_layout(corpus / name) == LAYOUTS[name]
    report = examine_images(corpus / name, jobs=1)
    assert report.errors == []
    assert all(row.smallest == row.largest == (TILE, TILE) for row in report.rows)
    entries = scan_images(corpus / name)
    for domain in {entry.domain for entry in entries}:
        counts = [sum(e.domain == domain and e.split == split for e in entries) for split in ("train", "eval")]
        assert counts[0] >= 12
        assert counts[1] >= 4


def test_training_and_evaluation_do_not_overlap(corpus):
    for path in (corpus / "high").rglob("*.png"):
        name, y, x = path.stem.split("_")
        picture = _read(name)
        y, x = int(y), int(x)
        assert np.array_equal(read_image(path), picture[y : y + TILE, x : x + TILE])
        border = TRAINING * picture.shape[1]
        assert x + TILE <= border if path.parent.name == "train" else x >= int(border)
    assert {path.stem.split("_")[0] for path in (corpus / "high").rglob("*.png")} == set(PHOTOGRAPHS)


def test_edges_lie_beside_their_photograph(corpus):
    """Dark where the photograph is steep."""
    agreements = []
    for path in (corpus / "pairs").rglob("*.png"):
        edges, photo = read_image(path, "left"), read_image(path, "right")
        assert (edges[..., :1] == edges).all()
        assert (edges > 128).mean() > 0.5                            # mostly paper
        steepness = np.hypot(*np.gradient(photo.mean(axis=2)))
        agreements.append(np.corrcoef(steepness.ravel(), 255.0 - edges[..., 0].ravel())[0, 1])
    assert min(agreements) > 0.2
    assert np.mean(agreements) > 0.6


def test_labels_follow_the_colours(corpus):
    spread, total = 0.0, 0.0
    seen = set()
    for path in (corpus / "labels" / "train_label").iterdir():
        labels = read_labels(path)
        photo = read_image(corpus / "labels" / "train_img" / path.name).astype(float)
        instances = read_labels(corpus / "labels" / "train_inst" / path.name)
        seen |= set(np.unique(labels))
        assert np.array_equal(instances // 1000, labels)
        assert 0 < find_boundaries(instances).mean() < 0.3 or len(np.unique(instances)) == 1
        total += ((photo - photo.mean((0, 1))) ** 2).sum()
        spread += sum(((photo[labels == v] - photo[labels == v].mean(0)) ** 2).sum() for v in np.unique(labels))
    assert seen == set(range(CLASSES))
    assert spread < 0.4 * total
