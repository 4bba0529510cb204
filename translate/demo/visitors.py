"""Who visits the demo: which files are whose, and how many bytes each has left here."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from translate.demo.limits import Limits, Refusal
from translate.demo.uploads import is_inside

FILES_OF_VISITOR, FILES_OF_ADDRESS = 4, 10                          # times `max_bytes`: uploads held at a time
LEAST = 2**16                                                       # bytes that the smallest file counts for


@dataclass(frozen=True)
class Visitor:
    """Who sends a request.

    Attributes:
        token: the secret of his browser, from a cookie.
        address: of his machine, or of the proxy before it.
    """

    token: str
    address: str


CURRENT: ContextVar[Visitor | None] = ContextVar("visitor", default=None)  # for whom this is computed


class Visitors:
    """Knows whose the files in the folder of uploads are; all calls come from the server's one thread of events.

    Args:
        limits: `max_bytes` of a file bounds what a visitor may leave.
    """

    def __init__(self, limits: Limits):
        self._shared: set[str] = set()                              # files of the page itself
        self._owners: dict[str, set[str]] = {}                      # by file: tokens of those who may name it
        self._uploads: dict[str, tuple[Visitor, int]] = {}          # by file: who pays for it, and how many bytes
        self._held: Counter[str] = Counter()                        # bytes by token and by address, those arriving too
        self._most = {"token": FILES_OF_VISITOR * limits.max_bytes, "address": FILES_OF_ADDRESS * limits.max_bytes}

    def share(self, paths: Iterable[Any]) -> None:
        """Let everybody name these files."""
        self._shared.update(_resolve(paths))

    def give(self, visitor: Visitor, paths: Iterable[Any]) -> None:
        """Let a visitor name these files: his uploads, and results that he is shown."""
        for path in _resolve(paths):
            self._owners.setdefault(path, set()).add(visitor.token)

    def may_name(self, visitor: Visitor | None, path: str) -> bool:
        """Whether the file, with all links and dots resolved, is the visitor's or the page's."""
        if "\0" in path:
            return False
        real = os.path.realpath(path)
        mine = real in self._shared or (visitor is not None and visitor.token in self._owners.get(real, ()))
        return mine and os.path.isfile(real)

    def check(self, visitor: Visitor | None, value: Any) -> None:
        """Refuse a request that names any file but the visitor's own.

        Files are objects with a `path`, wherever they lie in the request and whatever else they hold: what Gradio
        takes for a file depends on fields that the sender fills in. An absolute path is one outside of objects, too.

        Raises:
            Refusal: of everything else.
        """
        for path in find_paths(value):
            if not isinstance(path, str) or not self.may_name(visitor, path):
                raise Refusal("no file of yours (uploads are deleted after an hour, links are not followed): upload it")

    def receive(self, visitor: Visitor, size: int) -> bool:
        """Count bytes that arrive; False where they are more than may lie here."""
        held = {"token": visitor.token, "address": visitor.address}
        self._held.update(dict.fromkeys(held.values(), size))
        return all(self._held[key] <= self._most[kind] for kind, key in held.items())

    def keep(self, visitor: Visitor, arrived: int, paths: Sequence[str]) -> None:
        """End an upload: instead of the bytes that arrived its files are counted, as long as they exist."""
        self._pay(visitor, -arrived)
        self.give(visitor, paths)
        for path in _resolve(paths):
            if path in self._uploads:                               # the same content under the same name
                self._pay(*_owe(self._uploads[path]))
            self._uploads[path] = visitor, max(LEAST, os.path.getsize(path))
            self._pay(*self._uploads[path])

    def forget(self) -> None:
        """Drop what is known of files that are deleted by now."""
        for path in [path for path in self._uploads if not os.path.exists(path)]:
            self._pay(*_owe(self._uploads.pop(path)))
        for path in [path for path in self._owners if not os.path.exists(path)]:
            del self._owners[path]

    def _pay(self, visitor: Visitor, size: int) -> None:
        for key in (visitor.token, visitor.address):
            self._held[key] += size
            if self._held[key] <= 0:
                del self._held[key]


def find_paths(value: Any) -> Iterator[Any]:
    """All that names a file in a request or an answer: `path` of objects, as it is, and other absolute paths."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("path"):
                yield one["path"]
            waiting.extend(part for key, part in one.items() if key not in ("path", "url"))
        elif isinstance(one, list | tuple):
            waiting.extend(one)
        elif isinstance(one, str) and os.path.isabs(one):
            yield one


def _resolve(paths: Iterable[Any]) -> list[str]:
    """The files in the folder of uploads among them; nothing outside of it is anybody's."""
    return [os.path.realpath(path) for path in paths if isinstance(path, str) and is_inside(path)]


def _owe(paid: tuple[Visitor, int]) -> tuple[Visitor, int]:
    return paid[0], -paid[1]
