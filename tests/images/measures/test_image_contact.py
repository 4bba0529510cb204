import numpy as np
import pytest

from translate.images.arrays import read_image
from translate.images.measures.contact import BACKGROUND, GAP, TITLE, colour_labels, draw_sheet


def test_sheet_of_all_kinds(tmp_path):
    red = np.zeros((100, 80, 3), np.uint8) + np.array([255, 0, 0], np.uint8)
    rows = [
        [red, np.ones((50, 40), np.float32), None],
        [np.zeros((600, 300, 1), np.uint16), red, np.concatenate([red, red[..., :1]], axis=2)],
        [np.zeros((8, 8, 3), np.uint8), red[:8, :8], red[:8, :8]],
    ]
    draw_sheet(tmp_path / "a" / "sheet.png", rows, ["in", "converted to something", "out"])
    sheet = read_image(tmp_path / "a" / "sheet.png")
    assert sheet.shape[0] == TITLE + GAP + (100 + GAP) + (256 + GAP) + (64 + GAP)
    column = (sheet.shape[1] - GAP) // 3
    assert column >= 128 + GAP
    top = TITLE + GAP
    assert (sheet[top : top + 100, GAP : GAP + 80] == [255, 0, 0]).all()
    assert (sheet[top : top + 100, GAP + 2 * column :] == BACKGROUND).all()
    assert (sheet[top + 100 + GAP : top + 100 + GAP + 256, GAP : GAP + 128] == 0).all()
    assert sheet[:TITLE].min() < 120                                # titles
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["sheet.png"]


def test_bad_sheets(tmp_path):
    picture = np.zeros((8, 8, 3), np.uint8)
    for rows in ([], [[picture, picture]], [[None]]):
        with pytest.raises(ValueError, match="expected"):
            draw_sheet(tmp_path / "sheet.png", rows, ["one"])
    assert not list(tmp_path.iterdir())


def test_colours_of_labels():
    labels = np.arange(200).reshape(10, 20)
    coloured = colour_labels(labels)
    assert len(np.unique(coloured.reshape(-1, 3), axis=0)) > 150
    palette = [[1, 2, 3], [4, 5, 6]]
    assert colour_labels(np.array([[0, 1, 2]]), palette)[0, :2].tolist() == palette
    assert colour_labels(np.array([[1, 0]]), palette).tolist() == [[[4, 5, 6], [1, 2, 3]]]
