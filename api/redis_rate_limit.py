"""One count of requests for many processes: the same bucket as in memory, kept in Redis and changed in one step."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.rate_limit import Allowance, RateLimiter

if TYPE_CHECKING:
    from redis.commands.core import AsyncScript

log = structlog.get_logger(__name__)

TIMEOUT_S = 0.5

_TAKE = """
local now = redis.call('TIME')
local at = now[1] + now[2] / 1000000
local size, per_s = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or size
local since = tonumber(kept[2]) or at
tokens = math.min(size, tokens + math.max(0, at - since) * per_s)
local allowed = 0
if tokens >= 1 then
  allowed = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(at))
redis.call('PEXPIRE', KEYS[1], math.ceil(size / per_s * 1000) + 1000)
return {allowed, tostring(tokens)}
"""


class RedisRateLimiter:
    """A token bucket per key for all processes of an installation; Redis' own clock counts.

    While Redis is away the fallback of this process counts: a lost limiter never locks callers out.
    """

    def __init__(self, url: str, per_minute: int, *, fallback: RateLimiter, namespace: str = "zhanqing") -> None:
        self._redis = Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._take: AsyncScript = self._redis.register_script(_TAKE)
        self._size, self._per_s = per_minute, per_minute / 60.0
        self._fallback, self._namespace = fallback, namespace

    async def take(self, key: str) -> Allowance:
        """Count one request of a key."""
        try:
            given: Awaitable[Any] = self._take(keys=[f"{self._namespace}:rate:{key}"], args=[self._size, self._per_s])
            allowed, tokens = cast(tuple[int, bytes], await given)
        except (RedisError, OSError) as error:
            log.warning("rate_limit.redis_away", kind=type(error).__name__)
            return await self._fallback.take(key)
        left = float(tokens)
        wait_s = 0.0 if allowed else (1.0 - left) / self._per_s
        return Allowance(allowed=bool(allowed), remaining=int(left), retry_after_s=wait_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
