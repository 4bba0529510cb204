"""`python -m translate`, for torchrun."""

import os
import sys
from pathlib import Path

# `python -m` looks for modules in the current folder first, so files there could run as code. As with the command
# `translate`, that entry is removed, unless the package itself lies there; PYTHONPATH stays.
_safe = getattr(sys.flags, "safe_path", False) or sys.flags.isolated
if not _safe and sys.path[:1] == [os.getcwd()] and Path(__file__).resolve().parents[1] != Path.cwd().resolve():
    del sys.path[0]

from translate.cli import main  # noqa: E402

main()
