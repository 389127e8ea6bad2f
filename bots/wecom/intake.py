"""From the reading loop to safe keeping, in order, without holding the loop up."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from bots.clock import Clock
from bots.inbound import InboundMessage
from bots.platform import OnMessage
from domain.errors import ZhanqingError

log = structlog.get_logger(__name__)

_MOST_WAITING = 10_000
_LONGEST_WAIT_S = 30.0


class Intake:
    """Keeps messages one after another; one that cannot be kept now is tried until it can, for nobody sends it again.

    Args:
        on_message: Keeps one for good; harmless when called twice with the same one.
    """

    def __init__(self, on_message: OnMessage, clock: Clock) -> None:
        self._on_message = on_message
        self._clock = clock
        self._waiting: deque[InboundMessage] = deque()
        self._came = asyncio.Event()

    def put(self, message: InboundMessage) -> None:
        """Take a message; never waits. When ten thousand wait already, the new one is lost and that is logged."""
        if len(self._waiting) >= _MOST_WAITING:
            log.error("wecom.message_lost", waiting=len(self._waiting))
            return
        self._waiting.append(message)
        self._came.set()

    async def run(self) -> None:
        """Keep messages as they come, for ever."""
        failures = 0
        while True:
            await self._came.wait()
            try:
                await self.drain()
                failures = 0
            except ZhanqingError as error:
                failures += 1
                log.warning("wecom.message_not_kept", reason=error.code, waiting=len(self._waiting))
                await self._clock.sleep(min(2.0 ** min(failures - 1, 10), _LONGEST_WAIT_S))

    async def drain(self) -> None:
        """Keep what waits.

        Raises:
            ZhanqingError: One could not be kept; it and those behind it still wait.
        """
        while self._waiting:
            try:
                await self._on_message(self._waiting[0])
            except ZhanqingError:
                raise
            except Exception as error:  # one message that nobody foresaw must not silence all that follow
                log.error("wecom.message_dropped", kind=type(error).__name__)
            self._waiting.popleft()
        self._came.clear()

    async def drain_or_tell(self) -> None:
        """Keep what waits, at the end; what cannot be kept any more is logged."""
        try:
            await self.drain()
        except ZhanqingError as error:
            log.error("wecom.message_lost", reason=error.code, waiting=len(self._waiting))
