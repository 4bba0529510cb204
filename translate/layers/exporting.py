"""Whether a graph is being exported: sizes are then symbols, and no branch may depend on them.

`torch.compiler.is_exporting` cannot be used: it is also true inside `torch.compile`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_exporting = False


def is_exporting() -> bool:
    """Return whether the code runs inside `export_mode`."""
    return _exporting


@contextmanager
def export_mode() -> Iterator[None]:
    """Switch layers to their exportable form. This affects all threads, so nothing else should run meanwhile."""
    global _exporting
    _exporting = True
    try:
        yield
    finally:
        _exporting = False
