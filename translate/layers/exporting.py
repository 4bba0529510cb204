"""Whether a graph is being exported: sizes are symbols then, and no branch may depend on them.

`torch.compiler.is_exporting` does not tell: inside `torch.compile` it is true as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager

_exporting = False


def is_exporting() -> bool:
    """Whether the code runs inside `export_mode`."""
    return _exporting


@contextmanager
def export_mode() -> Iterator[None]:
    """Layers give their exportable form inside; in all threads, so that nothing else should run beside."""
    global _exporting
    _exporting = True
    try:
        yield
    finally:
        _exporting = False
