"""What keeps visitors' files to themselves and the server from fetching what it is told to."""

import atexit
import functools
import os
import tempfile
from typing import Any

from gradio import processing_utils
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from translate.demo.limits import Refusal


@functools.cache
def hold_uploads() -> str:
    """Make the folder of this process for uploads and results, readable by its user alone; it ends with the process.

    Gradio names the files in it by hashes of their contents, serves nothing outside it and lists nothing.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    folder = tempfile.TemporaryDirectory(prefix="translate-demo-")
    atexit.register(folder.cleanup)
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    return folder.name


def refuse_links() -> None:
    """Take uploads only: by itself Gradio downloads, without limits, where a request names an address as its file."""

    async def refuse_later(url: str, *args: Any, **kwargs: Any) -> str:
        return refuse(url)

    def refuse(url: str, *args: Any, **kwargs: Any) -> str:
        raise Refusal("links are not followed here; upload the file")

    processing_utils.async_ssrf_protected_download = refuse_later
    processing_utils.ssrf_protected_download = refuse


class NoRelay:
    """Middleware: the server passes on no pages of other servers."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").lower()
        if "file=http" in path or "proxy=" in path:
            await PlainTextResponse("nothing is fetched from elsewhere", status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)
