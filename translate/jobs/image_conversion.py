"""Convert pictures with a checkpoint."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from translate.data.manifest import Entry, read_manifest
from translate.errors import UserError
from translate.features.image import IMAGES, read_image, read_labels
from translate.features.wave import replacing
from translate.inference.image import ANY, ImageConverter
from translate.inference.read import read_source

log = logging.getLogger("translate")


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
        given: a picture, a folder (searched through) or a `.jsonl` manifest.
        out: for one picture a `.png` file or an existing folder; else a folder that mirrors `given`, with
            `conversion.json`: the number of images and the seconds spent.
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
    single = given.is_file() and given.suffix.lower() != ".jsonl"
    if not grid:
        source, target = converter.name_domains(source, target)
    domains = [source] if source in converter.domains else converter.domains
    tasks = [_name_output(given, out)] if single else list(_list_tasks(given, out, domains))
    if not tasks and converter.images.scale > 1 and target:
        tasks = list(_list_tasks(given, out, [target]))             # high resolution only: it is made small
    entries = [entry for entry, _ in tasks]
    everything = read_manifest(given) if given.suffix.lower() == ".jsonl" else entries
    _check(tasks, given, source)
    options: dict[str, Any] = {"tile": tile} if tile else {}
    if style is not None:
        options["style"] = _read_style(style)
    failed, spent = [], 0.0
    for entry, destination in tasks:
        try:
            picture, condition = read_source(entry, everything, converter.config)
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


def _name_output(given: Path, out: Path) -> tuple[Entry, Path]:
    entry = Entry(id=given.stem, path=given, domain="", split="eval", pair=None)
    if out.is_dir():
        return entry, out / f"{given.stem}.png"
    if out.suffix.lower() != ".png":
        raise UserError(f"{out}: expected a name that ends in .png, or an existing folder")
    return entry, out


def _list_tasks(given: Path, out: Path, domains: list[str]) -> Iterator[tuple[Entry, Path]]:
    """Pairs of a picture and where its conversion goes; several domains go into folders of their own."""
    if not given.exists():
        raise UserError(f"{given}: no such file or folder")
    if out.is_file():
        raise UserError(f"{out}: is a file; {given} needs a folder for its conversions")
    if given.is_dir():
        for path in sorted(given.rglob("*")):
            inside = path.relative_to(given)
            earlier = out.resolve() != given.resolve() and path.resolve().is_relative_to(out.resolve())
            hidden = any(part.startswith(".") for part in inside.parts)
            if path.suffix.lower() in IMAGES and path.is_file() and not hidden and not earlier:
                id = inside.with_suffix("").as_posix()
                yield Entry(id=id, path=path, domain="", split="eval", pair=None), (out / inside).with_suffix(".png")
    else:
        for entry in read_manifest(given):
            if entry.domain == ANY or domains == [entry.domain]:
                yield entry, out / f"{entry.id}.png"
            elif entry.domain in domains:
                yield entry, out / entry.domain / f"{entry.id}.png"


def _check(tasks: list[tuple[Entry, Path]], given: Path, source: str | None) -> None:
    if not tasks:
        raise UserError(f"{given}: no picture to convert (for a manifest: no entry of the domain `{source}`)")
    pictures = {entry.path.resolve() for entry, _ in tasks}
    by_output: dict[Path, Path] = {}
    for entry, destination in tasks:
        if destination.resolve() in pictures:
            raise UserError(f"{destination}: the conversion would overwrite a picture; take another output")
        if other := by_output.get(destination):
            raise UserError(f"{destination}: would be the conversion of both {other} and {entry.path}; rename one")
        by_output[destination] = entry.path


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
