"""A guard before the server: visitors reach only their own files, and cannot make it fetch, store or wait."""

import asyncio
import functools
import json
import re
import secrets
import time
from collections.abc import Callable

from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from translate.demo.page import Page
from translate.demo.uploads import sweep_pieces
from translate.demo.visitors import CURRENT, Visitor

API = "gradio_api/"
POSTS = ("login", "queue/join", "run/predict", "upload", "component_server", "cancel", "reset")  # from the page
CLOSED = (                                                          # requests that it does not send
    "deep_link", "proxy=", "file=http", "file/http", "call/", "stream/", "heartbeat/", "dev/",
)  # fmt: skip
SMALL = 2**18                                                       # bytes of a request without files
IDLE, WHOLE = 15.0, 300.0                                           # seconds: between pieces of a request; in total
LEFT = WHOLE + 2 * IDLE                                             # seconds; older pieces are of failed uploads
TOKEN = re.compile(r"[\w-]{43}", re.ASCII)


class Fence:
    """Middleware that identifies visitors, and limits what they may ask for, how much they may send and how slowly.

    Args:
        app: application behind it.
        page: page of the visitors.
    """

    def __init__(self, app: ASGIApp, page: Page):
        self.app, self.page = app, page
        self.cookie = f"visitor-{secrets.token_hex(4)}"             # other servers on this machine have other names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":                                 # a web socket, which ends with the connection
            return
        request = Request(scope)
        visitor, known = self._meet(request)
        scope.setdefault("state", {})["visitor"] = visitor
        CURRENT.set(visitor)
        reply = send if known else self._introduce(send, visitor)
        name = scope["path"].lstrip("/").removeprefix(API)
        refusal = self._refuse(request, name, visitor)
        if refusal:
            await PlainTextResponse(refusal, status_code=403)(scope, receive, reply)
        elif name.rstrip("/") == "upload":
            await self._upload(scope, receive, reply, visitor)
        elif name.rstrip("/") == "queue/data":
            await self._listen(request.query_params.get("session_hash", ""), scope, receive, reply)
        else:
            most = self._largest() if name.rstrip("/") == "component_server" else SMALL
            await self.app(scope, Incoming(receive, most) if request.method == "POST" else receive, reply)

    def _meet(self, request: Request) -> tuple[Visitor, bool]:
        """Return the visitor of a request, and whether the browser already has its cookie."""
        token = request.cookies.get(self.cookie, "")
        address = request.client.host if request.client else ""
        known = bool(TOKEN.fullmatch(token))
        return Visitor(token if known else secrets.token_urlsafe(32), address), known

    def _introduce(self, send: Send, visitor: Visitor) -> Send:
        cookie = f"{self.cookie}={visitor.token}; Path=/; HttpOnly; SameSite=Lax".encode()

        async def reply(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie)]}
            await send(message)

        return reply

    def _refuse(self, request: Request, name: str, visitor: Visitor) -> str:
        """Return why a request is refused, "" where it is not."""
        if request.method not in ("GET", "HEAD", "POST"):
            return "not offered here"
        if request.method == "POST":
            return "" if name.rstrip("/") in POSTS else "not offered here"
        if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
            return "only POST requests have a body"
        if name.lower().startswith(CLOSED):
            return "not offered here: nothing is fetched from elsewhere"
        if name.startswith(("file=", "file/")) and not self.page.visitors.may_name(visitor, name[len("file=") :]):
            return "not your file"
        return ""

    async def _upload(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor) -> None:
        """Receive files as long as there is room for them, and record their owner."""
        visitors = self.page.visitors
        visitors.forget()
        sweep_pieces(LEFT)
        incoming = Incoming(receive, self._largest(), functools.partial(visitors.receive, visitor))
        status, body = 0, b""
        paths: list[str] = []

        async def reply(message: Message) -> None:
            nonlocal status, body, paths
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status == 200:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    paths = json.loads(body)
                    visitors.give(visitor, paths)                   # before the visitor knows them
            await send(message)

        try:
            await self.app(scope, incoming, reply)
        finally:
            end = functools.partial(visitors.keep, visitor, incoming.size, paths)
            if status in (200, 400, 413):                           # a regular end: no pieces are left
                end()
            else:
                asyncio.get_running_loop().call_later(LEFT, end)

    async def _listen(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        line = self.page.line
        line.listen(session)
        try:
            await self.app(scope, receive, send)
        finally:
            line.leave(session)

    def _largest(self) -> int:
        """Return the largest size of a request with files in bytes: the largest file, and the form around it."""
        return self.page.limits.max_bytes + SMALL


class Incoming:
    """The body of a request as it arrives, limited in size and time.

    Beyond a limit it raises an exception that makes Gradio delete what it has written of the upload.

    Args:
        receive: function that returns the next piece.
        most: largest size in bytes.
        count: function called with the bytes of every piece; returns False where there is no room for them.
    """

    def __init__(self, receive: Receive, most: int, count: Callable[[int], bool] = lambda size: True):
        self.receive, self.most, self.count = receive, most, count
        self.begin, self.size, self.whole = time.monotonic(), 0, False

    async def __call__(self) -> Message:
        if self.whole:
            return await self.receive()
        left = min(IDLE, self.begin + WHOLE - time.monotonic())
        try:
            message = await asyncio.wait_for(self.receive(), max(left, 0.0))
        except asyncio.TimeoutError:
            raise MultiPartException("The request came too slowly.") from None
        if message["type"] != "http.request":
            raise MultiPartException("The request ended early.")
        size = len(message.get("body", b""))
        self.size += size
        room = self.count(size)
        if self.size > self.most:
            raise MultiPartException(f"The request exceeded the maximum allowed size of {self.most} bytes.")
        if not room:
            raise MultiPartException("Your uploads exceeded the maximum allowed size of all; they go after an hour.")
        self.whole = not message.get("more_body", False)
        return message
