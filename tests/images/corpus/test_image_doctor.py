"""The doctor names every file that would stop or spoil a training, and keeps quiet about good corpora."""

import io

import numpy as np
import pytest
from rich.console import Console

from translate.corpus.manifest import write_manifest
from translate.errors import UserError
from translate.images.arrays import write_image
from translate.images.corpus.doctor import examine_images, print_image_report
from translate.images.corpus.layouts import scan_images

RANDOM = np.random.default_rng(0)


def noise(*shape):
    return RANDOM.integers(0, 256, shape).astype(np.uint8)


def draw(path, *shape):
    write_image(path, noise(*(shape or (40, 48, 3))))


@pytest.fixture
def corpus(tmp_path):
    """Pairs in folders of their own, and nothing wrong with them."""
    for side in "AB":
        for number in range(12):
            draw(tmp_path / side / "train" / f"{number}.png")
            draw(tmp_path / side / "test" / f"{number}.png")
    return tmp_path


def problems(folder):
    report = examine_images(folder, jobs=1)
    below = f"{folder}/"
    return [(p.severity, p.subject.removeprefix(below), p.what.replace(below, "")) for p in report.problems]


def test_a_good_corpus_has_no_problems(corpus):
    report = examine_images(corpus, jobs=1)
    assert report.problems == []
    row = report.rows[0]
    assert (row.domain, row.files, row.training) == ("A", 24, 12)
    assert (row.smallest, row.largest, row.channels, row.bits, row.values) == ((48, 40), (48, 40), (3,), (8,), ())
    write_manifest(corpus / "m.jsonl", scan_images(corpus))
    assert examine_images(corpus / "m.jsonl", jobs=1).rows == report.rows


def test_files_that_stop_a_training(corpus):
    (corpus / "A/train/0.png").write_bytes(b"x")
    draw(corpus / "A/train/1.png", 48, 40, 3)
    (corpus / "B/train/2.png").unlink()
    assert problems(corpus) == [
        ("error", "A/train/0.png", "cannot read as a picture (cannot identify image file)"),
        ("error", "A/train/2.png", "no partner of the same name in `B`"),
        ("error", "A/train/1.png", "40 x 48, its partner B/train/1.png 48 x 40 pixels"),
    ]


def test_files_that_may_spoil_a_training(corpus):
    for side in "AB":
        draw(corpus / side / "train/0.png", 20, 24, 3)
    draw(corpus / "A/train/1.png", 80, 96, 3)
    draw(corpus / "B/train/2.png", 40, 48, 1)
    (corpus / "A/test/5.png").write_bytes((corpus / "A/train/4.png").read_bytes())
    write_image(corpus / "B/train/3.png", noise(40, 48).astype(np.uint16) * 257)
    found = problems(corpus)
    assert {severity for severity, _, _ in found} == {"warning"}
    assert {(subject, what) for _, subject, what in found} == {
        ("A/train/0.png", "tiny, 24 x 20 pixels"),
        ("B/train/0.png", "tiny, 24 x 20 pixels"),
        ("A/train/1.png", "96 x 80, its partner B/train/1.png 48 x 40 pixels"),
        ("B", "mixed pictures of 1 and 3 channels"),
        ("B", "mixed pictures of 8 and 16 bits"),
        ("A/test/5.png", "same picture as A/train/4.png (A/train and A/eval)"),
    }


def test_label_values_are_reported(tmp_path):
    for number in range(12):
        draw(tmp_path / "train_img" / f"{number}.jpg")
        write_image(tmp_path / "train_label" / f"{number}.png", np.array([[0, 1, 2, 255]] * 40).repeat(12, 1))
        write_image(tmp_path / "train_inst" / f"{number}.png", np.array([[0, 26000 + number]] * 40).repeat(24, 1))
    write_image(tmp_path / "test_label" / "a.png", np.array([[0, 7, 8, 255]] * 40).repeat(12, 1))
    report = examine_images(tmp_path, jobs=1)
    values = {row.domain: row.values for row in report.rows}
    assert values == {"label": (0, 1, 2, 7, 8, 255), "instance": (0, *range(26000, 26012)), "photo": ()}
    assert [(p.subject, p.what) for p in report.problems] == [("label", "label(s) 7-8 only outside the training set")]
    output = io.StringIO()
    print_image_report(report, Console(file=output, width=100))
    assert "label: 6 values, 0-2, 7-8, 255" in output.getvalue()
    assert "instance: 13 values, 0, 26000-26011" in output.getvalue()
    assert "0 error(s), 1 warning(s)" in output.getvalue()


def test_the_report_shows_some_of_many_problems(corpus):
    for path in (corpus / "A" / "train").iterdir():
        path.write_bytes(b"x")
    output = io.StringIO()
    print_image_report(examine_images(corpus, jobs=1), Console(file=output, width=200))
    text = output.getvalue()
    assert text.count("cannot read as a picture") == 5
    assert "and 7 more like these" in text
    assert "12 error(s)" in text


def test_a_domain_without_pictures_and_few_pictures(tmp_path):
    for side in "AB":
        for number in range(3):
            draw(tmp_path / f"train{side}" / f"{number}.png")
    for path in (tmp_path / "trainA").iterdir():
        path.write_bytes(b"x")
    found = problems(tmp_path)
    assert ("error", "A", "no usable picture") in found
    assert any(s == "warning" and subject == "B" and "to train on" in what for s, subject, what in found)
    with pytest.raises(UserError, match=r"no such folder|cannot read the manifest"):
        examine_images(tmp_path / "absent")


def test_real_corpora(real_data):
    report = examine_images(real_data / "coco_stuff", jobs=1)
    rows = {row.domain: row for row in report.rows}
    assert rows["label"].values[-1] == 255
    assert rows["photo"].values == ()
    assert report.errors == []
    copies = [problem.what for problem in examine_images(real_data / "day2night", jobs=1).problems]
    assert len(copies) == 1
    assert copies[0].endswith("trainA/20151102_224922.jpg (A/train and A/eval)")
