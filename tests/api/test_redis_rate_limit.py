"""One bucket for many processes, and no lock-out while Redis is away."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import pytest
from redis import Redis
from redis.exceptions import RedisError

from api.rate_limit import MemoryRateLimiter
from api.redis_rate_limit import RedisRateLimiter

URL = os.environ.get("ZHANQING_TEST_REDIS__URL", "redis://localhost:6379/0")


def redis_is_there() -> bool:
    try:
        return bool(Redis.from_url(URL, socket_connect_timeout=0.5).ping())
    except (RedisError, OSError):
        return False


@pytest.fixture
async def two() -> AsyncIterator[tuple[RedisRateLimiter, RedisRateLimiter]]:
    """Two processes' limiters on the same Redis."""
    if not redis_is_there():
        pytest.skip("no Redis server")
    namespace = f"test-{secrets.token_hex(4)}"
    made = [RedisRateLimiter(URL, 10, fallback=MemoryRateLimiter(10), namespace=namespace) for _ in range(2)]
    yield made[0], made[1]
    for each in made:
        await each.close()


@pytest.mark.redis
async def test_all_processes_share_one_bucket(two: tuple[RedisRateLimiter, RedisRateLimiter]) -> None:
    taken = await asyncio.gather(*(two[number % 2].take("k") for number in range(16)))
    assert sum(each.allowed for each in taken) == 10
    refused = [each for each in taken if not each.allowed]
    assert all(0.0 < each.retry_after_s <= 6.0 for each in refused)
    assert (await two[0].take("other")).allowed


async def test_while_redis_is_away_each_process_counts_for_itself() -> None:
    limiter = RedisRateLimiter("redis://127.0.0.1:1/0", 2, fallback=MemoryRateLimiter(2, now_s=lambda: 0.0))
    assert [(await limiter.take("k")).allowed for _ in range(3)] == [True, True, False]
    await limiter.close()
