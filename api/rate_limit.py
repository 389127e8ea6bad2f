"""How many requests a key may make: a bucket that refills steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Whether a request may go on, how many are left, and in how many seconds the next may come."""

    allowed: bool
    remaining: int
    retry_after_s: float


class RateLimiter(Protocol):
    """Counts requests by key."""

    async def take(self, key: str) -> Allowance:
        """Count one request of a key."""
        ...


class MemoryRateLimiter:
    """A token bucket per key in this process: `per_minute` requests at once at most, refilled evenly.

    Several processes each count for themselves.
    """

    def __init__(self, per_minute: int, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60.0
        self._now_s = now_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, key: str) -> Allowance:
        """Count one request of a key."""
        now = self._now_s()
        tokens, since = self._buckets.pop(key, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._per_s)
        allowed = tokens >= 1.0
        left = tokens - 1.0 if allowed else tokens
        self._buckets[key] = (left, now)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return Allowance(
            allowed=allowed, remaining=int(left), retry_after_s=0.0 if allowed else (1.0 - tokens) / self._per_s
        )
