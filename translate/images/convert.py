"""Convert pictures with a checkpoint."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np

from translate.corpus.manifest import read_manifest
from translate.corpus.tasks import Kind, find_tasks
from translate.errors import UserError
from translate.files import replacing
from translate.images.arrays import IMAGES, read_image, read_labels
from translate.images.conversion.converter import ImageConverter
from translate.images.conversion.entries import read_source
from translate.images.corpus.groups import INSTANCE
from translate.names import ANY

log = logging.getLogger("translate")

PICTURES = Kind("picture", IMAGES, ".png")


def convert_pictures(
    converter: ImageConverter,
    given: Path,
    out: Path,
    source: str | None = None,
    target: str | None = None,
    style: str | None = None,
    instances: Path | None = None,
    tile: int | None = None,
    grid: bool = False,
) -> dict[str, float]:
    """Convert a picture, a folder of pictures or the source's entries of a manifest.

    Args:
        converter: as `translate.load` gives it.
        given, out: see `find_tasks`; unless `given` is one picture, `out` also gets `conversion.json`: the number of
            images and the seconds spent.
        source, target: domains; may be left out where there is no choice.
        style: a number (seed), or a picture whose style is taken; systems with styles only.
        instances: instance map of one label map, or a folder with maps of the same names.
        tile: pixels; larger pictures go through in overlapping tiles of this size.
        grid: one picture of all domains instead of one translation; many-domain systems only.

    Returns:
        What conversion.json holds.

    Raises:
        UserError: nothing to convert, an output that would overwrite a picture; or files that cannot be converted,
            all named at the end (the others are done).
    """
    if not grid:
        source, target = converter.name_domains(source, target)
    tasks, single = find_tasks(given, out, PICTURES, _choose_domains(converter, given, source, target))
    manifest = read_manifest(given) if given.suffix.lower() == ".jsonl" else []
    maps = [entry for entry in manifest if entry.domain == INSTANCE]
    options: dict[str, Any] = {"tile": tile} if tile else {}
    if style is not None:
        options["style"] = _read_style(style)
    failed, spent = [], 0.0
    for entry, destination in tasks:
        try:
            picture, condition = read_source(entry, maps, converter.config)
            if instances:
                condition["instances"] = _find_instances(instances, entry.path)
            begin = time.perf_counter()
            if grid:
                output = converter.grid(picture, condition.get("attributes"))
            else:
                output = converter.convert(picture, source, target, name=entry.path, **condition, **options)
            spent += time.perf_counter() - begin
            converter.write_output(destination, output)
        except UserError as error:
            failed.append(str(error))
            continue
        if single:
            log.info("%s -> %s", entry.path, destination)
    seconds = {"images": float(len(tasks) - len(failed)), "network": spent}
    if not single:
        with replacing(out / "conversion.json") as temporary:
            temporary.write_text(json.dumps(seconds, indent=2) + "\n", encoding="utf-8")
        log.info("%s: %d pictures", out, len(tasks) - len(failed))
    if failed:
        raise UserError(f"{len(failed)} of {len(tasks)} files were not converted: {'; '.join(failed)}")
    return seconds


def _choose_domains(converter: ImageConverter, given: Path, source: str | None, target: str | None) -> list[str]:
    """The domains of a manifest's entries that are to be converted."""
    if source not in converter.domains:
        return [ANY, *converter.domains]
    if converter.images.scale > 1 and target and given.suffix.lower() == ".jsonl":
        known = {entry.domain for entry in read_manifest(given)}
        return [source] if source in known else [target]            # high resolution only: it is made small
    return [source]


def _read_style(style: str) -> Any:
    """A seed, or a picture."""
    if style.lstrip("-").isdigit():
        return int(style)
    return read_image(Path(style))


def _find_instances(instances: Path, picture: Path) -> np.ndarray:
    """The instance map of a label map: the file given, or the file of its name in the folder given."""
    if instances.is_dir():
        found = sorted(instances.glob(f"{picture.stem}.*"))
        if not found:
            raise UserError(f"{instances}: no instance map called {picture.stem}.*")
        instances = found[0]
    return read_labels(instances)
