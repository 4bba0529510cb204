"""Contact sheets of the converted images of a run."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from translate.corpus.manifest import Entry
from translate.images.arrays import read_image, read_labels, to_uint8
from translate.images.conversion.entries import read_source, read_target
from translate.images.measures.baselines import spread
from translate.images.measures.contact import colour_labels, draw_sheet
from translate.images.measures.items import Item, Task
from translate.images.measures.scores import name_kind
from translate.images.resize import bicubic
from translate.models.base import ImageModel
from translate.names import below, cut_name

ROWS = 8                                                            # images per sheet
DETAIL, ENLARGED = 96, 2                                            # pixels shown for super-resolution; enlargement


def draw_sheets(folder: Path, tasks: Sequence[Task], config: ImageModel) -> None:
    """Draw `folder`/sheet_<source>-<target>.png for every task: input, converted, target.

    For super-resolution, a sheet shows the middle of each image, enlarged, beside its bicubic interpolation, and has
    the test set in its name. With many domains there is one sheet per source, a column per domain.
    """
    if name_kind(config) == "domains":
        by_source = defaultdict(list)
        for task in tasks:
            by_source[task.source].append(task)
        for source, of_source in by_source.items():
            _draw_domains(below(folder, f"sheet_{source}.png"), of_source, config)
        return
    for task in tasks:
        rows, titles = [], [task.source, f"converted to {task.target}", task.target]
        if name_kind(config) == "super-resolution":
            rows, titles = [_compare(item, config) for item in spread(task.items, ROWS)], ["bicubic", *titles[1:]]
        else:
            items = spread(task.items, ROWS)
            rows = [[show_source(item.source, config), *_show_output(item, config)] for item in items]
        if all(row[-1] is None for row in rows):                    # unpaired: there is no target
            rows, titles = [row[:-1] for row in rows], titles[:-1]
        set_name = f"_{task.set}" if task.set else ""
        name = cut_name(f"sheet_{task.source}-{task.target}{set_name}", ".png")
        draw_sheet(below(folder, name), rows, titles)


def _draw_domains(path: Path, tasks: Sequence[Task], config: ImageModel) -> None:
    """Draw inputs and their translations to every domain; empty where an image is of the domain already."""
    items = {item.id: item for task in tasks for item in task.items}
    found = [{item.id: item for item in task.items} for task in tasks]
    rows: list[list[np.ndarray | None]] = []
    for id in spread(sorted(items), ROWS):
        outputs = [read_image(by_id[id].converted) if id in by_id else None for by_id in found]
        rows.append([show_source(items[id].source, config), *outputs])
    draw_sheet(path, rows, ["input", *(task.target for task in tasks)])


def show_source(entry: Entry, config: ImageModel) -> np.ndarray:
    """Read the image of `entry` for display, or its half of a file; label maps in colours."""
    images = config.images
    if images.labels is None:
        return read_source(entry, (), config)[0]
    return colour_labels(read_labels(entry.path, images.palette, entry.part), images.palette)


def _show_output(item: Item, config: ImageModel) -> list[np.ndarray | None]:
    return [read_image(item.converted), None if item.target is None else read_target(item.target, config)]


def _compare(item: Item, config: ImageModel) -> list[np.ndarray | None]:
    """Return bicubic, converted and high resolution: the middle of the image, with pixels doubled."""
    source = to_uint8(read_source(item.source, (), config)[0])
    enlarged = bicubic(source, config.images.scale)
    return [None if picture is None else _cut_middle(picture) for picture in (enlarged, *_show_output(item, config))]


def _cut_middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(0, (length - DETAIL) // 2) for length in picture.shape[:2])
    detail = picture[top : top + DETAIL, left : left + DETAIL]
    return detail.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
