"""The converted images of a run, matched with the entries of the manifest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate.corpus.directions import read_direction
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.models.base import ImageModel
from translate.names import ANY


@dataclass(frozen=True)
class Item:
    """One converted image."""

    id: str
    source: Entry                                                   # entry that was converted
    target: Entry | None                                            # entry of the expected result, if known
    converted: Path


@dataclass(frozen=True)
class Task:
    """All images converted from one domain to another; for super-resolution, those of one test set."""

    source: str
    target: str
    items: Sequence[Item]
    set: str | None = None                                          # test set: folder in front of the ids

    @property
    def name(self) -> str:
        return f"{self.source} → {self.target}" if self.set is None else self.set


def explain_conversions(run: Path, config: ImageModel, evaluation: Sequence[Entry]) -> list[Task]:
    """Match every `run/converted/<source>-<target>/<id>.png` with the manifest of the evaluation.

    Images converted from `all` have the id, or `<domain>/<id>`, of an image of any domain; those already of the target
    domain are left out. Super-resolution makes one task per folder in front of the ids; its source may be an entry of
    the target that was shrunk.

    Raises:
        UserError: nothing converted, or a folder or an image that the manifest does not list.
    """
    folders = sorted(path for path in (run / "converted").glob("*-*") if path.is_dir())
    domains = {*config.data.domains, *(entry.domain for entry in evaluation), ANY}
    tasks = []
    for folder in folders:
        source, target = read_direction(folder, domains, attributes=True)
        entries = _index(evaluation, source, target, config)
        partners = {(e.domain, e.pair): e for e in evaluation if e.pair is not None}
        items: dict[str | None, list[Item]] = {}
        for path in sorted(folder.rglob("*.png")):
            id = path.relative_to(folder).with_suffix("").as_posix()
            if id not in entries:
                raise UserError(f"{path}: the manifest of the evaluation has no picture `{id}` of {source}")
            entry = entries[id]
            if (entry.domain == target and _scale(config) == 1) or has_attributes(entry, target):
                continue
            partner = partners.get((target, entry.pair)) if entry.pair is not None else None
            reference = entry if entry.domain == target else partner
            group = id.partition("/")[0] if _scale(config) > 1 and "/" in id else None
            items.setdefault(group, []).append(Item(id, entry, reference, path))
        tasks += [Task(source, target, found, group) for group, found in items.items()]
    if not tasks:
        raise UserError(f"{run / 'converted'}: no picture in <source>-<target>; run `translate convert` first")
    return tasks


def has_attributes(entry: Entry, target: str) -> bool:
    """Return whether an image with attributes has all those of `target`, joined by "+"."""
    if entry.attributes is None:
        return False
    return all(entry.attributes.get(name) == 1 for name in _names(target, entry.attributes))


def belongs(entry: Entry, target: str) -> bool:
    """Return whether a real image is an example of the domain, or of the attributes, `target`."""
    return entry.domain == target or has_attributes(entry, target)


def _index(entries: Iterable[Entry], source: str, target: str, config: ImageModel) -> dict[str, Entry]:
    """Index the entries that may have been converted, by id; by `<domain>/<id>` where ids occur twice."""
    if source != ANY:
        found = {e.id: e for e in entries if _scale(config) > 1 and e.domain == target}
        return found | {e.id: e for e in entries if e.domain == source}
    everything = [e for e in entries if e.domain in (*config.data.domains, ANY)]
    return {e.id: e for e in everything} | {f"{e.domain}/{e.id}": e for e in everything}


def _names(target: str, known: Mapping[str, int]) -> list[str]:
    return [target] if target in known else target.split("+")


def _scale(config: ImageModel) -> int:
    return config.images.scale
