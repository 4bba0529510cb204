"""Which code a checkpoint may import; nothing in the checkpoint decides that.

A checkpoint's config.yaml may name foreign code (`model`, `own`). It is imported when

- TRANSLATE_TRUST names it, or the module that it is in; or
- it was trained with here: training, whose code the user names, records it outside of every run, in
  $XDG_STATE_HOME/translate (~/.local/state/translate). The record includes the place of the code on the disk, so that a
  module of the same name elsewhere is not trusted.
"""

import importlib.util
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.errors import UserError
from translate.models import NAMES
from translate.models.base import Model

log = logging.getLogger("translate")

OURS = {*NAMES, *NAMES.values(), *(f"translate.models.{name}" for name in NAMES)}  # models that may be imported
TRUST = "TRANSLATE_TRUST"                                           # names modules that checkpoints may import
_noted: set[str] = set()                                            # by this process, even if no file can be written


def check_trust(values: Mapping[str, Any], where: str) -> None:
    """Raise `UserError` when a configuration names code that is neither the toolkit's nor trusted."""
    named = find_code(values)
    if not named:
        return
    trusted = [word.strip() for word in os.environ.get(TRUST, "").split(",") if word.strip()]
    record = _read_record()
    for path in named:
        if not all(part.isidentifier() for part in path.split(".")):
            raise UserError(f"{where}: {path!r} is no dotted path of a module or function")
        if not any(f"{path}.".startswith(f"{word}.") for word in trusted) and _describe(path) not in record:
            raise UserError(
                f"{where}: `{path}` is foreign code; if you know and trust it, allow its import: {TRUST}={path}"
            )


def remember_code(config: Model) -> None:
    """Record the user's own code that a training here uses, so that its checkpoints are trusted."""
    lines = [line for path in find_code(config.model_dump()) if (line := _describe(path))]
    new = set(lines) - _read_record()
    if not new:
        return
    _noted.update(new)
    try:
        path = _place_record()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("a", encoding="utf-8") as file:              # several processes append: each whole lines
            file.write("".join(f"{line}\n" for line in sorted(new)))
    except (OSError, RuntimeError) as error:                        # read-only, or no home at all
        names = ",".join(sorted(line.split(" ")[0] for line in new))
        log.info("cannot note that this code is yours (%s); to convert with it: export %s=%s", error, TRUST, names)


def find_code(values: Mapping[str, Any]) -> list[str]:
    """List the paths of a configuration that would be imported: a user's own model, networks and losses in `own`.

    Values of wrong types are skipped: `resolve` refuses them.
    """
    model, own = values.get("model"), values.get("own")
    own = own if isinstance(own, Mapping) else {}
    networks, losses = own.get("networks"), own.get("losses")
    found = [] if isinstance(model, str) and model in OURS else [model]
    found += networks.values() if isinstance(networks, Mapping) else []
    for of_player in losses.values() if isinstance(losses, Mapping) else []:
        found += of_player if isinstance(of_player, Mapping) else []
    return [path for path in found if isinstance(path, str)]


def _describe(path: str) -> str | None:
    """Make a line of the record: a dotted path, and where its package lies; None where that is not found.

    Nothing is imported for it, since only the top-level package is looked up.
    """
    try:
        spec = importlib.util.find_spec(path.split(".")[0])
    except (ImportError, ValueError):                               # ValueError: a module without a spec
        return None
    places = [spec.origin] if spec and spec.origin else list((spec and spec.submodule_search_locations) or [])
    return f"{path} {os.path.realpath(places[0])}" if places else None


def _place_record() -> Path:
    state = os.environ.get("XDG_STATE_HOME", "")                    # a relative path is ignored
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "translate" / "own_code"


def _read_record() -> set[str]:
    try:
        return _noted.union(_place_record().read_text(encoding="utf-8").splitlines())
    except (OSError, RuntimeError, UnicodeDecodeError):
        return set(_noted)
