"""A limit on the time that the server waits for a request's headers."""

import asyncio
from typing import Any

import uvicorn

HEADERS = 10.0                                                      # seconds for the headers of a request


def limit_patience(server: uvicorn.Server) -> None:
    """Make a running server close connections that do not send all headers in time; Uvicorn waits for ever."""
    config = server.config
    base: Any = config.http_protocol_class

    class Impatient(base):
        _closing: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _watch(self) -> None:
            if self.cycle is not None and not self.cycle.response_complete:  # a request has come: the fence limits it
                self._stop()
            elif self._closing is None:
                self._closing = asyncio.get_running_loop().call_later(HEADERS, self.transport.close)

        def _stop(self) -> None:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None

    config.http_protocol_class = Impatient                          # for new connections
