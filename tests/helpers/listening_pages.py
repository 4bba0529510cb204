"""What pages to listen with hold, for tests of them."""

import json
import re

import numpy as np

BASELINES = ["source", "source through the vocoder", "mean-variance", "linear map"]
MODELS = ["secret-one", "secret-two"]                               # names of runs, which a blind page does not have
FEATURES = {"sample_rate": 16000, "f0": "dio", "codec": "sptk", "dimensions": 25}
SYSTEMS = [*BASELINES, *MODELS, "natural target"]


def read_content(page):
    """What the script of a page is given."""
    text = (page / "index.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="content">(.*?)</script>', text, re.DOTALL)[1])


def list_files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def resemble(one, other):
    """Whether two waves differ by their gain alone."""
    return len(one) == len(other) and np.corrcoef(one, other)[0, 1] > 0.999
