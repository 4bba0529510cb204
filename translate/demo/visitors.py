"""Visitors of the demo: the owners of files, and the bytes that each has stored."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from translate.demo.limits import Limits, Refusal
from translate.demo.uploads import is_inside

FILES_OF_VISITOR, FILES_OF_ADDRESS = 4, 10                          # times `max_bytes`: uploads stored at a time
LEAST = 2**16                                                       # bytes counted for the smallest file


@dataclass(frozen=True)
class Visitor:
    """The sender of a request.

    Attributes:
        token: secret of the visitor's browser, from a cookie.
        address: address of the visitor's machine, or of its proxy.
    """

    token: str
    address: str


CURRENT: ContextVar[Visitor | None] = ContextVar("visitor", default=None)  # the visitor of this computation


class Visitors:
    """The owners of the files in the folder of uploads; all calls come from the server's event loop.

    Args:
        limits: limits, of which `max_bytes` bounds what a visitor may store.
    """

    def __init__(self, limits: Limits):
        self._shared: set[str] = set()                              # files of the page itself
        self._owners: dict[str, set[str]] = {}                      # by file: tokens of visitors who may name it
        self._uploads: dict[str, tuple[Visitor, int]] = {}          # by file: its uploader and its bytes
        self._held: Counter[str] = Counter()                        # bytes by token and by address, with arriving ones
        self._most = {"token": FILES_OF_VISITOR * limits.max_bytes, "address": FILES_OF_ADDRESS * limits.max_bytes}

    def share(self, paths: Iterable[Any]) -> None:
        """Allow all visitors to name these files."""
        self._shared.update(_resolve(paths))

    def give(self, visitor: Visitor, paths: Iterable[Any]) -> None:
        """Allow a visitor to name these files: own uploads and shown results."""
        for path in _resolve(paths):
            self._owners.setdefault(path, set()).add(visitor.token)

    def may_name(self, visitor: Visitor | None, path: str) -> bool:
        """Return whether the file, with all links and dots resolved, is the visitor's or the page's."""
        if "\0" in path:
            return False
        real = os.path.realpath(path)
        mine = real in self._shared or (visitor is not None and visitor.token in self._owners.get(real, ()))
        return mine and os.path.isfile(real)

    def check(self, visitor: Visitor | None, value: Any) -> None:
        """Refuse a request that names any file but the visitor's own.

        Any object with a `path` in the request counts as a file, whatever its other fields, since Gradio's own test
        depends on fields that the sender fills in. An absolute path outside of objects counts, too.

        Raises:
            Refusal: another file is named.
        """
        for path in find_paths(value):
            if not isinstance(path, str) or not self.may_name(visitor, path):
                raise Refusal("not your file (uploads are deleted after an hour, links are not followed): upload it")

    def receive(self, visitor: Visitor, size: int) -> bool:
        """Count arriving bytes; return False where they exceed the limit of stored bytes."""
        held = {"token": visitor.token, "address": visitor.address}
        self._held.update(dict.fromkeys(held.values(), size))
        return all(self._held[key] <= self._most[kind] for kind, key in held.items())

    def keep(self, visitor: Visitor, arrived: int, paths: Sequence[str]) -> None:
        """End an upload: count its files, as long as they exist, instead of the bytes that arrived."""
        self._pay(visitor, -arrived)
        self.give(visitor, paths)
        for path in _resolve(paths):
            if path in self._uploads:                               # the same content under the same name
                self._pay(*_owe(self._uploads[path]))
            self._uploads[path] = visitor, max(LEAST, os.path.getsize(path))
            self._pay(*self._uploads[path])

    def forget(self) -> None:
        """Forget files that have been deleted."""
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
    """Yield all that names a file in a request or an answer: `path` of objects, unchanged, and other absolute paths."""
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
    """Return those of the paths, resolved, that lie in the folder of uploads; files outside of it have no owner."""
    return [os.path.realpath(path) for path in paths if isinstance(path, str) and is_inside(path)]


def _owe(paid: tuple[Visitor, int]) -> tuple[Visitor, int]:
    return paid[0], -paid[1]
