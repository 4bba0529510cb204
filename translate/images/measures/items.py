"""What a run converted, and the entries of the manifest that explain it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from translate.corpus.directions import read_direction
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.models.base import Model
from translate.names import ANY


@dataclass(frozen=True)
class Item:
    """One converted picture."""

    id: str
    source: Entry                                                   # what was converted
    target: Entry | None                                            # what should have come out, where that is known
    converted: Path


@dataclass(frozen=True)
class Task:
    """Everything converted from one domain to another; of super-resolution, of one test set."""

    source: str
    target: str
    items: Sequence[Item]
    set: str | None = None                                          # folder in front of the ids

    @property
    def name(self) -> str:
        return f"{self.source} → {self.target}" if self.set is None else self.set


def explain_conversions(run: Path, config: Model, evaluation: Sequence[Entry]) -> list[Task]:
    """Explain every `run/converted/<source>-<target>/<id>.png` by the manifest of the evaluation.

    Pictures converted from `all` have the id, or `<domain>/<id>`, of a picture of any domain; those that are of the
    target domain already are left out. Super-resolution makes one task per folder in front of the ids; its source may
    be the entry of the target that was made small.

    Raises:
        UserError: nothing converted, a folder or a picture that the manifest does not explain.
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
    """Whether a picture with attributes has all those of `target`, which are joined by "+"."""
    if entry.attributes is None:
        return False
    return all(entry.attributes.get(name) == 1 for name in _names(target, entry.attributes))


def belongs(entry: Entry, target: str) -> bool:
    """Whether a real picture is an example of the domain, or of the attributes, `target`."""
    return entry.domain == target or has_attributes(entry, target)


def _index(entries: Iterable[Entry], source: str, target: str, config: Model) -> dict[str, Entry]:
    """The entries that may have been converted, by id; with a domain in front where ids are there twice."""
    if source != ANY:
        found = {e.id: e for e in entries if _scale(config) > 1 and e.domain == target}
        return found | {e.id: e for e in entries if e.domain == source}
    everything = [e for e in entries if e.domain in (*config.data.domains, ANY)]
    return {e.id: e for e in everything} | {f"{e.domain}/{e.id}": e for e in everything}


def _names(target: str, known: Mapping[str, int]) -> list[str]:
    return [target] if target in known else target.split("+")


def _scale(config: Model) -> int:
    return config.images.scale  # type: ignore[attr-defined]
