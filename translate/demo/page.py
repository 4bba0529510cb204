"""The page of the demo: every request is checked in one place, and its queue is shared fairly."""

import asyncio
from collections import Counter
from typing import Any

import fastapi
import gradio
from gradio.queueing import Event, Queue

from translate.demo.limits import Limits
from translate.demo.visitors import CURRENT, Visitor, Visitors, find_paths

PLACES_OF_VISITOR, PLACES_OF_ADDRESS = 4, 16                        # requests in the queue, running ones included
GRACE = 5.0                                                         # seconds until a session without listener ends


class Page(gradio.Blocks):
    """A `gradio.Blocks` whose visitors can name their own files only.

    All events come through `process_api`, by any route and with any components, so new components need no check of
    their own.

    Args:
        limits: limits of a request.
        options: options of `gradio.Blocks`.
    """

    def __init__(self, limits: Limits, **options: Any):
        self.limits, self.visitors = limits, Visitors(limits)
        super().__init__(**options)

    def queue(self, *args: Any, **options: Any) -> "Page":
        super().queue(*args, **options)
        made = self._queue
        self._queue = Line(
            made.live_updates, made.max_thread_count, made.update_intervals, made.max_size, self,
            made.default_concurrency_limit,
        )  # fmt: skip
        return self

    @property
    def line(self) -> "Line":
        assert isinstance(self._queue, Line)
        return self._queue

    async def process_api(self, block_fn: Any, inputs: list[Any], *args: Any, **options: Any) -> dict[str, Any]:
        """Process an event as the base class does, with the visitor's files only, and give the visitor the results.

        Raises:
            Refusal: another file is named.
        """
        if options.get("explicit_call"):                            # the program's own call, without a visitor
            return await super().process_api(block_fn, inputs, *args, **options)
        request = options.get("request")
        visitor = find_visitor(request[0] if isinstance(request, list) else request)
        self.visitors.check(visitor, [inputs, getattr(options.get("event_data"), "_data", None)])
        CURRENT.set(visitor)
        output = await super().process_api(block_fn, inputs, *args, **options)
        if visitor is not None and (paths := list(find_paths(output["data"]))):
            self.visitors.forget()
            self.visitors.give(visitor, paths)
        return output


class Line(Queue):
    """A `gradio.queueing.Queue` that limits requests per visitor, and drops those of visitors who have left."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._listeners: Counter[str] = Counter()                   # open streams of messages by session
        self._pushing = asyncio.Lock()                              # held while places are counted
        self._tasks: set[asyncio.Task[None]] = set()

    async def push(self, body: Any, request: fastapi.Request, username: str | None) -> Any:
        """Add a request as the base class does; refuse it beyond the limit of its visitor or address."""
        visitor = find_visitor(request)
        if visitor is None:
            return False, "Open the page first: it needs its cookie.", "error"
        async with self._pushing:
            others = [other for other in map(find_visitor, (event.request for event in self._list_events())) if other]
            if sum(other.token == visitor.token for other in others) >= PLACES_OF_VISITOR:
                return False, f"You have {PLACES_OF_VISITOR} requests in line; wait for one of them.", "queue_full"
            if sum(other.address == visitor.address for other in others) >= PLACES_OF_ADDRESS:
                return False, f"Your address has {PLACES_OF_ADDRESS} requests in line; wait a little.", "queue_full"
            answer = await super().push(body, request, username)
        self._drop_later(body.session_hash)
        return answer

    def listen(self, session: str) -> None:
        """Count an opened stream of messages."""
        self._listeners[session] += 1

    def leave(self, session: str) -> None:
        """Count an ended stream; the session's requests leave the queue unless another opens."""
        self._listeners[session] -= 1
        if self._listeners[session] <= 0:
            del self._listeners[session]
            self._drop_later(session)

    def _list_events(self) -> list[Event]:
        waiting = [event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue]
        return waiting + [event for events in self.active_jobs if events for event in events]

    def _drop_later(self, session: str) -> None:
        task = asyncio.create_task(self._drop_unheard(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drop_unheard(self, session: str) -> None:
        await asyncio.sleep(GRACE)                                  # a page first sends a request and then listens
        if session not in self._listeners:
            await self.clean_events(session_hash=session)


def find_visitor(request: Any) -> Visitor | None:
    """Return the visitor of a request, as set by the fence; None where it did not pass the fence."""
    request = getattr(request, "request", request)                  # Gradio's, around FastAPI's
    return getattr(request.state, "visitor", None) if isinstance(request, fastapi.Request) else None
