"""Server-sent events: how they are written, and how a silent stream is kept open."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

HEARTBEAT_S = 10.0
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

Result = TypeVar("Result")


class _End:
    """Nothing comes any more."""


_END = _End()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; `id` lets a reader resume after it."""

    event: str
    data: Any
    id: int | None = None

    def encoded(self) -> bytes:
        """The event as it is sent; the data is one line of JSON."""
        line = json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))
        place = f"id: {self.id}\n" if self.id is not None else ""
        return f"{place}event: {self.event}\ndata: {line}\n\n".encode()


def stream(events: AsyncIterator[Event | None]) -> StreamingResponse:
    """Return a stream of events; None becomes a comment that keeps the connection open."""

    async def encode() -> AsyncIterator[bytes]:
        async for event in events:
            yield b": keep-alive\n\n" if event is None else event.encoded()

    return StreamingResponse(encode(), media_type="text/event-stream", headers=_HEADERS)


def wants_events(request: Request) -> bool:
    """Whether the caller asked for a stream."""
    return "text/event-stream" in request.headers.get("accept", "")


def last_event_id(request: Request) -> int:
    """Return the id after which the caller wants to go on; 0 for all."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isdecimal() and len(given) < 10 else 0


async def with_heartbeats(events: AsyncIterator[Result]) -> AsyncIterator[Result | None]:
    """Yield what comes, and None now and then while nothing does; whoever stops listening stops the source."""
    try:
        while True:
            coming = started(anext(events, _END))
            try:
                while not coming.done():
                    await asyncio.wait([coming], timeout=HEARTBEAT_S)
                    if not coming.done():
                        yield None
            finally:
                coming.cancel()
                await asyncio.wait([coming])
            event = coming.result()
            if isinstance(event, _End):
                return
            yield event
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


def started(work: Awaitable[Result]) -> asyncio.Task[Result]:
    """Start something as a task."""

    async def run() -> Result:
        return await work

    return asyncio.create_task(run())
