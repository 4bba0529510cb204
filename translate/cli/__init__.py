"""The command `translate`: one thin function per verb, in the order of a run. Heavy imports are inside the verbs.

The modules beside this one register their verbs on `app` when they are imported; the order of the imports is that of
`translate --help`.
"""

import logging
import sys

from translate.cli import learn, corpus, shard, use, generate, compare, listen, export, share, demo  # isort: skip
from translate.cli.app import app
from translate.errors import UserError

__all__ = ["app", "compare", "corpus", "demo", "export", "generate", "learn", "listen", "main", "shard", "share", "use"]


def main() -> None:
    """Run the command line; bad input gives one line and exit status 2."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("translate").setLevel(logging.INFO)
    try:
        app()
    except UserError as error:
        print(f"translate: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"translate: {where}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
