"""`python -m translate`, as torchrun wants it."""

import os
import sys
from pathlib import Path

# `python -m` looks for modules in the current folder first; what lies in a folder to convert with would run. The
# command `translate` does not, and neither does this; PYTHONPATH stays. (The folder of the package itself must.)
_safe = getattr(sys.flags, "safe_path", False) or sys.flags.isolated
if not _safe and sys.path[:1] == [os.getcwd()] and Path(__file__).resolve().parents[1] != Path.cwd().resolve():
    del sys.path[0]

from translate.cli import main  # noqa: E402

main()
