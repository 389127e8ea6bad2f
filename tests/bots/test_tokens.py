from __future__ import annotations

import asyncio

import pytest

from bots.errors import RefusedError
from bots.testing.clock import LeapingClock
from bots.tokens import Token, TokenCache
from domain.errors import PlatformError


class Source:
    """Hands out tokens T1, T2, …; `failure` is raised instead while it is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.failure: PlatformError | None = None

    async def __call__(self) -> Token:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return Token(value=f"T{self.asked}", lifetime_s=7200)


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
def source() -> Source:
    return Source()


async def test_fifty_callers_share_one_fetch(source: Source, clock: LeapingClock) -> None:
    cache = TokenCache(source, clock)

    tokens = await asyncio.gather(*(cache.token() for _ in range(50)))

    assert set(tokens) == {"T1"}
    assert source.asked == 1


async def test_a_token_is_renewed_five_minutes_before_its_end(source: Source, clock: LeapingClock) -> None:
    cache = TokenCache(source, clock)
    await cache.token()

    clock.skip(6899)
    assert await cache.token() == "T1"
    clock.skip(2)
    assert await cache.token() == "T2"


async def test_only_the_token_that_failed_is_dropped(source: Source, clock: LeapingClock) -> None:
    cache = TokenCache(source, clock)
    stale = await cache.token()
    cache.drop(stale)
    fresh = await cache.token()

    cache.drop(stale)

    assert await cache.token() == fresh == "T2"


async def test_a_failed_fetch_fails_all_who_wait_and_is_tried_again_by_the_next(
    source: Source, clock: LeapingClock
) -> None:
    cache = TokenCache(source, clock)
    source.failure = PlatformError("bots.refused_in_test")

    failures = await asyncio.gather(*(cache.token() for _ in range(5)), return_exceptions=True)
    source.failure = None

    assert all(isinstance(failure, PlatformError) for failure in failures)
    assert source.asked == 1
    assert await cache.token() == "T2"


async def test_a_wrong_secret_is_tried_less_than_five_times_in_ten_minutes(source: Source, clock: LeapingClock) -> None:
    cache = TokenCache(source, clock)
    source.failure = RefusedError("bots.refused_in_test")

    for _ in range(600):
        with pytest.raises(RefusedError):
            await cache.token()
        clock.skip(1)

    assert source.asked == 4


async def test_a_caller_who_gives_up_does_not_take_the_fetch_from_the_others(
    source: Source, clock: LeapingClock
) -> None:
    cache = TokenCache(source, clock)
    impatient = asyncio.create_task(cache.token())
    patient = asyncio.create_task(cache.token())
    await asyncio.sleep(0)

    impatient.cancel()

    assert await patient == "T1"
