"""The folder of uploads and results of the demo."""

import atexit
import contextlib
import functools
import os
import tempfile
import time
from pathlib import Path


@functools.cache
def hold_uploads() -> str:
    """Make the folder for uploads and results, readable by its user only; it is deleted when the process ends.

    Gradio names the files in it by hashes of their contents, serves nothing outside it and lists nothing.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    folder = tempfile.TemporaryDirectory(prefix="translate-demo-")
    atexit.register(folder.cleanup)
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    return folder.name


def is_inside(path: str) -> bool:
    """Return whether a file lies in the folder, with all links and dots resolved."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(hold_uploads()))


def sweep_pieces(age: float) -> None:
    """Delete pieces of uploads that failed: files beside the folders of whole ones, older than `age` seconds."""
    for path in Path(hold_uploads()).iterdir():
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and time.time() - path.stat().st_mtime > age:
                path.unlink()
