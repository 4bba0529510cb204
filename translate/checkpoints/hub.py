"""Checkpoints on the Hugging Face Hub: `hf://owner/name`, or `hf://owner/name@revision`.

Only the files of `files.FILES` are sent or fetched. The endpoint, the token and the cache are huggingface_hub's:
HF_ENDPOINT, HF_TOKEN, HF_HOME.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from translate.checkpoints.files import FILES, check_sizes
from translate.checkpoints.foreign import check_foreign
from translate.errors import UserError

log = logging.getLogger("translate")

_ADDRESS = re.compile(r"hf:/{1,2}(?P<name>[^/@\s]+/[^/@\s]+)(@(?P<revision>\S+))?/?")  # a Path has one slash only


def is_address(text: str) -> bool:
    """Return whether `text` is the address of a model on the Hub."""
    return text.startswith("hf:/")


def fetch(address: str) -> Path:
    """Download a checkpoint unless it is in the cache, and check it.

    Args:
        address: `hf://owner/name` or `hf://owner/name@revision` (branch, tag or commit).

    Returns:
        The folder of the checkpoint in the cache.

    Raises:
        UserError: no such model or revision, no network and nothing in the cache, files that are missing, too large or
            of another network, or a model that is not trusted.
    """
    found = _ADDRESS.fullmatch(address)
    if not found:
        raise UserError(f"{address}: expected hf://OWNER/NAME, or hf://OWNER/NAME@REVISION")
    name, revision = found["name"], found["revision"] or "main"
    hub = _import_hub()
    with _in_one_line(name):
        try:
            siblings = hub.HfApi().model_info(name, revision=revision, files_metadata=True).siblings or []
            sizes = {file.rfilename: file.size for file in siblings if file.rfilename in FILES}
            check_sizes(sizes, f"hf://{name}")
            paths = [Path(hub.hf_hub_download(name, file, revision=revision)) for file in sizes]
        except Exception as error:
            if not _is_network(error) or not (paths := _find_cached(hub, name, revision)):
                raise
            log.info("hf://%s: no connection; taken from the cache", name)
    if len({path.parent for path in paths}) > 1:
        raise UserError(f"hf://{name}: changed while it was downloaded; try again")
    check_foreign(paths[0].parent, f"hf://{name}")
    return paths[0].parent


def upload(folder: Path, name: str, private: bool) -> str:
    """Put the files of a shared checkpoint on the Hub; return the address of the page.

    Raises:
        UserError: no rights, no network, or `private` where the model there is public.
    """
    hub = _import_hub()
    with _in_one_line(name):
        api = hub.HfApi()
        url = str(api.create_repo(name, private=private or None, exist_ok=True))
        if private and not api.model_info(name).private:
            raise UserError(f"{name}: is there already, and public; give another name, or leave --private out")
        api.upload_folder(
            repo_id=name, folder_path=folder, allow_patterns=list(FILES), delete_patterns=["average.safetensors"],
            commit_message="Shared by translate",
        )  # fmt: skip
    return url


def _find_cached(hub: Any, name: str, revision: str) -> list[Path]:
    found = [hub.try_to_load_from_cache(name, file, revision=revision) for file in FILES]
    return [Path(path) for path in found if isinstance(path, str)]


def _import_hub() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        how = "bash tools/setup.sh hub, or pip install -e '.[hub]', in the repository"
        raise UserError(f"the Hub needs huggingface_hub: {how}") from None
    return huggingface_hub


def _is_network(error: Exception) -> bool:
    """Return whether the network failed, by the exceptions of whichever HTTP library huggingface_hub uses."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code >= 500
    library = type(error).__module__.partition(".")[0]
    ours = isinstance(error, OSError) and library in ("huggingface_hub", "requests")  # not a full disk
    return ours or isinstance(error, ConnectionError | TimeoutError) or library.startswith("httpx")


@contextmanager
def _in_one_line(name: str) -> Iterator[None]:
    """Turn errors of huggingface_hub into one line, which contains neither a token nor a header of the request."""
    from huggingface_hub import constants, errors

    where = f"hf://{name}"
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(f"{where}: its owner asks for consent first; give it on the page of the model") from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"{where}: no such model, or it is private and HF_TOKEN has no access to it") from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{where}: no such revision") from None
    except errors.HFValidationError:
        raise UserError(f"{where}: expected OWNER/NAME of letters, digits, and - _ . within") from None
    except Exception as error:
        if _is_network(error):
            raise UserError(f"{where}: no answer from {constants.ENDPOINT}; is the network up?") from None
        if not isinstance(error, errors.HfHubHTTPError):
            raise
        code = error.response.status_code if error.response is not None else "no code"
        rights = "; is HF_TOKEN set, with the right to write?" if code in (401, 403) else ""
        raise UserError(f"{where}: {constants.ENDPOINT} refuses ({code}){rights}") from None
