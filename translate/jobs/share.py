"""Sharing a run as a checkpoint, in a folder or on the Hub, and fetching it."""

import logging
import os
import tempfile
from pathlib import Path

from translate.checkpoints.card import find_blanks
from translate.checkpoints.files import copy_files
from translate.checkpoints.foreign import check_foreign
from translate.checkpoints.hub import is_address, upload
from translate.checkpoints.share import replacing_folder, share
from translate.checkpoints.store import find_checkpoint, load_config
from translate.errors import UserError
from translate.jobs.modality import find_modality

log = logging.getLogger("translate")


def share_run(run: str, folder: str, card: str | None = None, half: bool = False) -> str:
    """Write the shared checkpoint of a run; return a line on what was written, and log what its card still lacks."""
    _check_statistics(find_checkpoint(run))
    written = share(run, folder, card, half)
    _tell_blanks(written)
    size = sum(path.stat().st_size for path in written.iterdir()) / 1e6
    return f"{written}: {', '.join(sorted(path.name for path in written.iterdir()))}; {size:.2f} MB"


def push(run: str, target: str, private: bool = False, card: str | None = None) -> str:
    """Share a run, or a shared checkpoint, in the folder `target` or on the Hub; return its place.

    Args:
        run: run, see `share`.
        target: `OWNER/NAME` or `hf://OWNER/NAME`; or a folder, recognised by `./`, `../`, `/`, `~` or `file://`.
        private: whether only the user and the user's organisation have access on the Hub.
        card: card, see `share`.

    Raises:
        UserError: as `share`; `private` with a folder; or the Hub refuses.
    """
    folder = find_folder(target, new=True)
    if folder is not None:
        if private:
            raise UserError("--private is for the Hub; who may read a folder is a matter of its rights")
        return share_run(run, str(folder), card)
    name = target.removeprefix("hf://")
    _check_statistics(find_checkpoint(run))
    with tempfile.TemporaryDirectory() as temporary:
        shared = share(run, Path(temporary) / "shared", card, place=f"hf://{name}")
        _tell_blanks(shared)
        return upload(shared, name, private)


def pull(origin: str, folder: str, revision: str | None = None) -> str:
    """Copy a shared checkpoint from the Hub, or from a folder, to `folder`, after checks; all of it or nothing.

    Args:
        origin: `OWNER/NAME`, address or folder, as `target` of `push`.
        folder: output folder; only an existing shared checkpoint is replaced.
        revision: branch, tag or commit on the Hub.

    Raises:
        UserError: no such checkpoint, files that are missing, too large or damaged, a model that is not trusted, no
        network, or
            `folder` holds anything else.
    """
    found = find_folder(origin)
    if found is not None:
        if revision is not None:
            raise UserError("--revision is for the Hub; a folder has one state")
        checkpoint = find_checkpoint(found)
    else:
        address = origin if is_address(origin) else f"hf://{origin}"
        checkpoint = find_checkpoint(f"{address}@{revision}" if revision else address)
    with replacing_folder(Path(folder)) as draft:
        copy_files(checkpoint, draft, str(checkpoint))
        try:
            check_foreign(draft, str(checkpoint))                   # the copy, which nobody else can change meanwhile
            _check_statistics(draft)
        except UserError as error:
            raise UserError(str(error).replace(str(draft), str(checkpoint))) from None
    return folder


def find_folder(text: str, new: bool = False) -> Path | None:
    """Return the folder that `text` names, or None where it names a model on the Hub.

    Raises:
        UserError: the text is ambiguous: it has the form OWNER/NAME, and that folder exists (if `new`, its parent).
    """
    if text.startswith("file://"):
        return Path(text.removeprefix("file://"))
    if text in (".", "..") or text.startswith(("./", "../", "~")) or Path(text).is_absolute():
        return Path(os.path.expanduser(text))
    parent = Path(text).parent
    if Path(text).is_dir() or (new and parent != Path(".") and parent.is_dir()):
        raise UserError(f"{text}: is this the folder? then write ./{text}; else hf://{text}")
    return None


def _check_statistics(checkpoint: Path) -> None:
    """Raise `UserError` unless the statistics are those that conversion needs."""
    config = load_config(checkpoint)
    find_modality(config).check(checkpoint, config)


def _tell_blanks(folder: Path) -> None:
    if blanks := find_blanks((folder / "README.md").read_text(encoding="utf-8")):
        log.info("the card does not state: %s; write them into README.md, or give them with --card", ", ".join(blanks))
