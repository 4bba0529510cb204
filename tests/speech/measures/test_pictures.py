import json
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from translate.errors import UserError
from translate.speech.measures.figures import draw_triple
from translate.training.curves import draw_losses


def test_triple_of_waves_of_different_lengths(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    time = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 2000 * time)
    draw_triple(tmp_path / "triple.png", tone, tone[:50], 0 * tone, 16000)
    picture = imread(tmp_path / "triple.png")
    assert picture.shape[0] > 500
    assert picture.std() > 0.1
    assert "matplotlib.pyplot" not in sys.modules                   # no global state, no display
    assert [path.name for path in tmp_path.iterdir()] == ["triple.png"]


def test_losses(tmp_path):
    lines = [
        {"step": step, "generator/cycle": 1 / step, "discriminator/adversarial": 0.5, "seconds": 3}
        for step in range(1, 300)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    draw_losses(tmp_path / "losses.png", log)
    assert imread(tmp_path / "losses.png").shape[1] > 1000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"step": 1, "generator/cycle": 1}\n{"st', r"log\.jsonl:2: expected a JSON object"),
        ('{"generator/cycle": 1}', r"log\.jsonl:1: expected a JSON object with `step`"),
        ('{"step": 1}', r"no loss in the log"),
        (None, r"log\.jsonl: cannot read"),
    ],
)
def test_bad_logs(tmp_path, content, message):
    if content is not None:
        (tmp_path / "log.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        draw_losses(tmp_path / "losses.png", tmp_path / "log.jsonl")
    assert not (tmp_path / "losses.png").exists()
