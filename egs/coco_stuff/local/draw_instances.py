"""Instance maps of COCO-Stuff: the label map, with every thing that COCO outlines as a number of its own from 256 up.

    python local/draw_instances.py ANNOTATIONS.json LABEL_FOLDER OUT_FOLDER

Crowds, which COCO does not outline one by one, keep their label. OUT_FOLDER appears whole or not at all.
"""

import json
import shutil
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from translate.images.decoding import open_picture


def draw_instances(labels: np.ndarray, things: list[dict]) -> np.ndarray:
    """Number the pixels (H, W) by object: uint16; the label where there is no outlined thing."""
    instances = Image.fromarray(labels.astype(np.int32))
    pen = ImageDraw.Draw(instances)
    for number, thing in enumerate(sorted(things, key=lambda thing: -thing["area"]), 256):  # the small ones on top
        for outline in thing["segmentation"]:
            if len(outline) >= 6:
                pen.polygon(outline, fill=number)
    return np.asarray(instances).astype(np.uint16)


def main(annotations: str, labels: str, out: str) -> None:
    things = defaultdict(list)
    for thing in json.loads(Path(annotations).read_text())["annotations"]:
        if not thing["iscrowd"]:
            things[thing["image_id"]].append(thing)
    draft = Path(out + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for path in sorted(Path(labels).glob("*.png")):
        instances = draw_instances(np.asarray(open_picture(path)), things[int(path.stem)])
        Image.fromarray(instances).save(draft / path.name)
    draft.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
