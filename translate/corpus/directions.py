"""The directions in which a model translates, and which domain names may be left out."""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING

from translate.config import DataConfig
from translate.errors import UserError
from translate.names import ANY

if TYPE_CHECKING:
    from translate.models.base import Model

Direction = tuple[str, str]                                         # source and target


@dataclass(frozen=True)
class Directions:
    """The domains of a run and the directions between them; made by `Directions.of`.

    Attributes:
        data: section that names the domains.
        many: whether one network translates to any of many domains.
        one_way: whether there is one direction, from the first domain to the second.
        any_source: whether the source may be left out; it is then `all`.
        attributes: whether the domains are attributes, of which a target may have several, joined by "+".
    """

    data: DataConfig
    many: bool = False
    one_way: bool = False
    any_source: bool = False
    attributes: bool = False

    @classmethod
    def of(cls, config: "Model") -> "Directions":
        """Read the directions off a configuration."""
        batches = config.data.batches
        any_source = batches == "labelled" and config.any_source
        return cls(
            config.data,
            many=batches == "labelled",
            one_way=batches == "paired" or config.one_way,
            any_source=any_source,
            attributes=any_source and not config.exclusive,
        )

    @property
    def domains(self) -> list[str]:
        """Return the names of the domains; of two, source first."""
        return list(self.data.domains)

    @property
    def pairs(self) -> list[Direction]:
        """Return every (source, target); the source of attributes is `all`.

        Raises:
            UserError: a model of two domains whose configuration does not name two.
        """
        if self.attributes:
            return [(ANY, domain) for domain in self.domains]
        return [self.data.pair()] if self.one_way else list(permutations(self.domains, 2))

    @property
    def targets(self) -> list[str]:
        """Return every domain that is a target, in the order of the domains."""
        found = {target for _, target in self.pairs}
        return [domain for domain in self.domains if domain in found]

    def by_source(self) -> dict[str, list[str]]:
        """Return the targets of every source."""
        found: dict[str, list[str]] = {}
        for source, target in self.pairs:
            found.setdefault(source, []).append(target)
        return found

    def name(self, source: str | None, target: str | None) -> Direction:
        """Check the names, and complete them where one direction is left.

        With one direction, both names may be left out. Between two domains, one must be named. Among many domains the
        target must be named, and the source unless `any_source`.

        Raises:
            UserError: an unknown name, a direction that the model does not have, or a missing name.
        """
        known = ", ".join(self.domains)
        if not (self.any_source and source == ANY):
            self._check([] if source is None else [source])
        self._check([] if target is None else self.split(target))
        if self.any_source:
            if target is None:
                raise UserError(f"name the target domain (--to, or target=...); this model knows {known}")
            return source or ANY, target
        if source is not None and source == target:
            raise UserError(f"source and target are both `{source}`; this model knows {known}")
        fitting = [(a, b) for a, b in self.pairs if source in (None, a) and target in (None, b)]
        if not fitting:
            a, b = self.pairs[0]
            raise UserError(f"this model translates {a} to {b} only; train another for the way back")
        if len(fitting) > 1:
            needed = "the target domain (--to, or target=...)"
            if len(self.domains) > 2:
                needed = "the source and the target domain (--from and --to, or source=... and target=...)"
            raise UserError(f"name {needed}; this model knows {known}")
        return fitting[0]

    def split(self, target: str) -> list[str]:
        """Return the domains that a target names: itself, or the attributes joined by "+"."""
        if not self.attributes or target in self.domains:
            return [target]
        return [name for name in target.split("+") if name]

    def _check(self, names: list[str]) -> None:
        for name in names:
            if name not in self.domains:
                nearest = difflib.get_close_matches(name, self.domains, n=1)
                hint = f"did you mean `{nearest[0]}`?" if nearest else f"this model knows {', '.join(self.domains)}"
                raise UserError(f"unknown domain `{name}`; {hint}")


def read_direction(folder: Path, domains: Collection[str], attributes: bool = False) -> Direction:
    """Read the direction from the name of a folder, `<source>-<target>`; names of domains may hold hyphens themselves.

    Args:
        folder: folder of the conversions of one direction, see `translate.names.name_directions`.
        domains: known domains.
        attributes: whether a target may name several of them, joined by "+".

    Raises:
        UserError: no two domains fit the name, or more than one pair of them does.
    """
    parts = folder.name.split("-")
    cuts = [("-".join(parts[:cut]), "-".join(parts[cut:])) for cut in range(1, len(parts))]
    found = [
        (source, target) for source, target in cuts
        if source in domains and (target in domains or (attributes and set(target.split("+")) <= set(domains)))
    ]  # fmt: skip
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted(set(domains) - {ANY}))
    problem = "more than one pair of domains fits the name" if found else "expected a name <source>-<target>"
    raise UserError(f"{folder}: {problem}; the domains are {known}")
