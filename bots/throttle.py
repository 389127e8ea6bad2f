"""No faster than a platform allows: what is too much waits, in order, and nothing is dropped."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass

from bots.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` in any `seconds`."""

    count: int
    seconds: float


class Throttle:
    """Counts calls per key (an account and API, a member, a chat) in sliding windows.

    A sliding window and not a bucket: platforms drop what exceeds 30 in *any* minute, and a bucket that refills
    while it is emptied lets nearly twice as many through.

    Args:
        rates: All hold at once.
    """

    def __init__(self, clock: Clock, *rates: Rate) -> None:
        self._clock = clock
        self._rates = rates
        self._kept_s = max(rate.seconds for rate in rates)
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._paused_until: dict[str, float] = {}

    async def take(self, key: str) -> None:
        """Wait for this key's turn and count one call; callers go in the order of asking."""
        async with self._turns[key]:
            while (wait_s := self._wait_s(key, spare=0)) > 0:
                await self._clock.sleep(wait_s)
            self._calls[key].append(self._clock.now())

    def try_take(self, key: str, *, spare: int = 0) -> bool:
        """Count one call if it may go now and leaves `spare` more for those that must; else count nothing."""
        if self._turns[key].locked() or self._wait_s(key, spare=spare) > 0:
            return False
        self._calls[key].append(self._clock.now())
        return True

    def pause(self, key: str, seconds: float) -> None:
        """Let nothing of this key through for a while; the platform asked for it."""
        self._paused_until[key] = max(self._paused_until.get(key, 0.0), self._clock.now() + seconds)

    def _wait_s(self, key: str, *, spare: int) -> float:
        now, calls = self._clock.now(), self._calls[key]
        while calls and calls[0] <= now - self._kept_s:
            calls.popleft()
        return max(self._paused_until.get(key, 0.0) - now, *(_window_wait_s(calls, now, r, spare) for r in self._rates))


def _window_wait_s(calls: deque[float], now: float, rate: Rate, spare: int) -> float:
    allowed = max(rate.count - spare, 1)
    if len(calls) < allowed:
        return 0.0
    return calls[-allowed] + rate.seconds - now
