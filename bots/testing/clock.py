"""Clocks that a test moves: minutes of protocol in milliseconds."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

_START = 1_795_311_000.0  # 2026-11-22, a Sunday


class LeapingClock:
    """Whoever sleeps is woken at once and the time has passed; for code with one sleeper."""

    def __init__(self, start: float = _START) -> None:
        self._now = start
        self.slept: list[float] = []

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass and give the others a turn."""
        self.slept.append(seconds)
        self._now += max(seconds, 0.0)
        await asyncio.sleep(0)

    def skip(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class ManualClock:
    """Time stands still until `advance`; sleepers wake in the order of their hours."""

    def __init__(self, start: float = _START) -> None:
        self._now = start
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Unix seconds."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has let so much time pass."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    @property
    def sleepers(self) -> list[float]:
        """In how many seconds each waiting sleeper wakes, soonest first."""
        return sorted(at - self._now for at, _, future in self._sleepers if not future.done())

    async def advance(self, seconds: float) -> None:
        """Let time pass; each sleeper whose hour comes runs before time goes on."""
        until = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= until:
            at, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, at)
            if not future.done():
                future.set_result(None)
                await settle()
        self._now = until
        await settle()


async def settle(turns: int = 20) -> None:
    """Give every task that can go on a few turns of the loop; nothing waits on the wall clock."""
    for _ in range(turns):
        await asyncio.sleep(0)
