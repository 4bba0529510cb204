import sys

import numpy as np
import pytest
from matplotlib.image import imread

from translate.speech.measures.trajectories import Trajectories
from translate.speech.measures.trajectory_pictures import draw_modulation, draw_variances


def make_sets(dimensions: int, *columns: str) -> dict[str, Trajectories]:
    rng = np.random.default_rng(0)
    return {
        column: Trajectories.measure([(number + 0.5) * rng.normal(size=(130, dimensions + 1))])
        for number, column in enumerate(columns)
    }


@pytest.mark.parametrize("draw", [draw_variances, draw_modulation])
@pytest.mark.parametrize("dimensions", [2, 24])
def test_pictures(tmp_path, monkeypatch, draw, dimensions):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    columns = ("natural", "source", "mean_variance", "linear", "scaled", "converted", "resynthesised")
    draw(tmp_path / "picture.png", make_sets(dimensions, *(columns if dimensions == 24 else columns[:2])))
    picture = imread(tmp_path / "picture.png")
    assert picture.shape[0] > 500
    assert picture.std() > 0.1
    assert "matplotlib.pyplot" not in sys.modules                   # no global state, no display
