"""Writing files whole or not at all, and named arrays as safetensors."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from translate.errors import UserError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` when the block ends without an error.

    Missing parent folders are made. `OSError` (no rights, disk full) becomes `UserError`. After any error, nothing
    half-written is left.
    """
    path = Path(path)
    brief = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]  # a hash: a longer name might be too long
    temporary = path.with_name(f".{brief}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot write ({error.strerror or error})") from None
    finally:
        with suppress(OSError):                                     # an unusable folder was reported above
            temporary.unlink(missing_ok=True)


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as a safetensors file, whole or not at all."""
    from safetensors.numpy import save

    with replacing(path) as temporary:
        temporary.write_bytes(save(dict(arrays)))


def load_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a file of `save_arrays`; raise `UserError` for anything else."""
    from safetensors.numpy import load

    try:
        return load(Path(path).read_bytes())
    except Exception as error:  # OSError, safetensors' own, or a type of number that NumPy does not have
        raise UserError(f"{path}: cannot read the statistics ({error})") from None
