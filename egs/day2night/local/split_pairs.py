"""Take pairs of views apart: the brighter half over all pairs is the day.

    python local/split_pairs.py PAIRS OUT

PAIRS holds train/ and val/ with two views side by side in each file; OUT gets trainA/ testA/ (day) and trainB/ testB/
(night), and appears whole or not at all.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from translate.images.decoding import open_picture


def halve(path: Path) -> tuple[Image.Image, Image.Image]:
    picture = open_picture(path).convert("RGB")
    width, height = picture.size
    return picture.crop((0, 0, width // 2, height)), picture.crop((width // 2, 0, width, height))


def is_left_day(pairs: list[Path]) -> bool:
    """Whether the left halves are the brighter ones, on average over at most 200 pairs."""
    chosen = pairs[:: max(1, len(pairs) // 200)]
    left, right = np.mean([[np.asarray(half).mean() for half in halve(path)] for path in chosen], axis=0)
    return bool(left > right)


def main(pairs: str, out: str) -> None:
    draft = Path(out + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    left_day = is_left_day(sorted(Path(pairs, "train").glob("*.jpg")))
    for source, split in (("train", "train"), ("val", "test")):
        for letter in "AB":
            (draft / (split + letter)).mkdir(parents=True)
        for path in sorted(Path(pairs, source).glob("*.jpg")):
            left, right = halve(path)
            for letter, view in zip("AB", (left, right) if left_day else (right, left), strict=True):
                view.save(draft / (split + letter) / path.name, quality=95)
    draft.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
