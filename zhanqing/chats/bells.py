"""A bell between those who write answers and those who show them, so that nobody has to look all the time."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung when there is something new; whoever misses it, e.g. in another process, looks now and then.

    All who wait are woken by one ring.
    """

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits, now or next; called in the loop of those who wait."""
        self._rung.set()
        self._rung = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """Return what the next ring sets; taken before looking, so that no ring falls between looking and waiting."""
        return self._rung


async def rung(listening: asyncio.Event, *, at_most_s: float) -> None:
    """Wait for the ring, but not longer than this."""
    try:
        async with asyncio.timeout(at_most_s):
            await listening.wait()
    except TimeoutError:
        return
