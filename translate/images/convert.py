"""Convert images with a checkpoint."""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from translate.corpus.manifest import Entry, read_manifest
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
    **options: Any,
) -> dict[str, float]:
    """Convert an image, a folder of images or the source's entries of a manifest.

    Args:
        converter: converter from `translate.load`.
        given, out: input and output, see `find_tasks`; unless `given` is one image, `out` also gets `conversion.json`:
            the number of images and the seconds spent.
        source, target: domains; may be left out where there is no choice.
        options: options, see `ImageConversion`.

    Returns:
        The content of conversion.json.

    Raises:
        UserError: nothing to convert, an output that would overwrite an image; or files that cannot be converted,
            all named at the end (the others are done).
    """
    order = converter.order(source, target, **options)
    manifest = read_manifest(given) if given.suffix.lower() == ".jsonl" else []
    domains = _choose_domains(converter, manifest, order.source, order.target)
    tasks, single = find_tasks(given, out, PICTURES, domains, manifest)
    maps, instances = [entry for entry in manifest if entry.domain == INSTANCE], order.options.instances
    shared = order.options.model_copy(update={"style": _read_style(order.options.style)})
    failed, spent = [], 0.0
    for entry, destination in tasks:
        try:
            picture, condition = read_source(entry, maps, converter.config)
            if instances:
                condition["instances"] = _find_instances(Path(instances), entry.path)
            if shared.attributes is not None:
                condition["attributes"] = shared.attributes
            begin = time.perf_counter()
            own = order._replace(options=shared.model_copy(update=condition))
            output = converter.convert_whole(picture, own, entry.path)
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


def _choose_domains(
    converter: ImageConverter, manifest: Sequence[Entry], source: str, target: str
) -> list[str]:
    """List the domains of a manifest's entries that are to be converted."""
    if source not in converter.domains:
        return [ANY, *converter.domains]
    if converter.images.scale > 1 and manifest:
        known = {entry.domain for entry in manifest}
        return [source] if source in known else [target]            # high resolution only: it is shrunk
    return [source]


def _read_style(style: Any) -> Any:
    """Return a seed unchanged, or read the image of a file."""
    if isinstance(style, str | Path):
        return int(str(style)) if str(style).lstrip("-").isdigit() else read_image(Path(style))
    return style


def _find_instances(instances: Path, picture: Path) -> np.ndarray:
    """Read the instance map of a label map: the file `instances`, or the file of the same name in that folder."""
    if instances.is_dir():
        found = sorted(instances.glob(f"{picture.stem}.*"))
        if not found:
            raise UserError(f"{instances}: no instance map called {picture.stem}.*")
        instances = found[0]
    return read_labels(instances)
