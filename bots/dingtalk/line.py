"""One Stream connection: what it brings is kept first and answered then; a ping is answered at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from zlib import crc32

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from bots.clock import Clock
from bots.dingtalk.frames import Frame, FrameKind, answer, read_frame

log = structlog.get_logger(__name__)

SILENCE_S = 60.0
"""The platform speaks every 20 to 30 s; who is silent for so long is gone."""
_LANES = 8
_WAITING = 125
"""Frames that may wait in each lane; then reading waits too."""
_DRAIN_S = 10.0
"""The platform closes a connection so long after it asked us to leave it."""

Keep = Callable[[Frame], Awaitable[bool]]
"""Keeps what a frame brings; False: it could not be kept and must come again."""


class Line:
    """One open connection.

    Frames of one conversation are kept one after the other, in the order in which they came; those of others
    do not wait for them. Reading goes on meanwhile, so that a slow store does not look like a dead line.

    Attributes:
        has_heard: Something else was heard than that we should leave.
    """

    def __init__(self, socket: ClientConnection, keep: Keep, clock: Clock) -> None:
        self._socket = socket
        self._keep = keep
        self._clock = clock
        self._heard_at = clock.now()
        self._lanes: list[asyncio.Queue[Frame]] = [asyncio.Queue(_WAITING) for _ in range(_LANES)]
        self._keepers = [asyncio.create_task(self._keep_all(lane)) for lane in self._lanes]
        self.has_heard = False

    async def until_it_ends(self) -> bool:
        """Read until the connection is lost, or the platform asks us to leave it: then True."""
        watcher = asyncio.create_task(self._watch())
        try:
            return await self._read()
        except ConnectionClosed:
            return False
        finally:
            watcher.cancel()

    async def leave(self) -> None:
        """Answer what is still to be answered, but no longer than the platform waits; then close."""
        waiting = asyncio.create_task(self._all_kept())
        late = asyncio.create_task(self._clock.sleep(_DRAIN_S))
        try:
            await asyncio.wait([waiting, late], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            late.cancel()
            await self.drop()

    async def drop(self) -> None:
        """Close at once."""
        for keeper in self._keepers:
            keeper.cancel()
        await self._socket.close()

    async def _all_kept(self) -> None:
        for lane in self._lanes:
            await lane.join()

    async def _read(self) -> bool:
        while True:
            raw = await self._socket.recv()
            self._heard_at = self._clock.now()
            frame = read_frame(raw)
            if frame is None:
                log.warning("bot.frame_unreadable", bytes=len(raw))
                continue
            if frame.is_leave:
                return True
            self.has_heard = True
            if frame.type == FrameKind.SYSTEM:
                await self._socket.send(answer(frame))
            else:
                await self._lanes[crc32(frame.conversation.encode()) % _LANES].put(frame)

    async def _keep_all(self, lane: asyncio.Queue[Frame]) -> None:
        while True:
            frame = await lane.get()
            try:
                # An answer says that it is kept; without one the platform sends it again.
                if await self._keep(frame):
                    with contextlib.suppress(ConnectionClosed):
                        await self._socket.send(answer(frame))
            finally:
                lane.task_done()

    async def _watch(self) -> None:
        while (left_s := self._heard_at + SILENCE_S - self._clock.now()) > 0:
            await self._clock.sleep(left_s)
        log.warning("bot.line_silent", silent_s=SILENCE_S)
        # A closing handshake with somebody who is gone would only wait.
        self._socket.transport.abort()
