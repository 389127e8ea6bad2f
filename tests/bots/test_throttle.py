from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from bots.testing.clock import LeapingClock, ManualClock, settle
from bots.throttle import Rate, Throttle


async def test_the_thirty_first_call_waits_until_the_first_is_a_minute_old() -> None:
    clock = LeapingClock()
    throttle = Throttle(clock, Rate(count=30, seconds=60))

    for _ in range(31):
        await throttle.take("zhangsan")

    assert clock.slept == [60.0]


async def test_another_key_does_not_wait() -> None:
    clock = LeapingClock()
    throttle = Throttle(clock, Rate(count=1, seconds=60))

    await throttle.take("zhangsan")
    await throttle.take("lisi")

    assert clock.slept == []


@given(st.lists(st.floats(0, 20), min_size=1, max_size=120))
@settings(max_examples=50, deadline=None)
def test_no_window_ever_holds_more_than_allowed(gaps: list[float]) -> None:
    async def calls() -> list[float]:
        clock = LeapingClock(start=0)
        throttle = Throttle(clock, Rate(count=5, seconds=10), Rate(count=12, seconds=60))
        times = []
        for gap in gaps:
            clock.skip(gap)
            await throttle.take("k")
            times.append(clock.now())
        return times

    times = asyncio.run(calls())

    for count, seconds in ((5, 10), (12, 60)):
        assert all(later - earlier >= seconds - 1e-6 for earlier, later in zip(times, times[count:], strict=False))


async def test_callers_go_in_the_order_of_asking() -> None:
    clock, went = ManualClock(), []
    throttle = Throttle(clock, Rate(count=1, seconds=10))

    async def call(name: str) -> None:
        await throttle.take("k")
        went.append(name)

    tasks = [asyncio.create_task(call(name)) for name in "abc"]
    await settle()
    assert went == ["a"]
    await clock.advance(25)

    assert went == ["a", "b", "c"]
    await asyncio.gather(*tasks)


async def test_what_may_be_left_out_leaves_room_for_what_may_not() -> None:
    throttle = Throttle(LeapingClock(), Rate(count=10, seconds=60))

    taken = [throttle.try_take("chat", spare=3) for _ in range(10)]

    assert taken == [True] * 7 + [False] * 3
    assert throttle.try_take("chat")


async def test_a_pause_holds_everybody_back() -> None:
    clock = LeapingClock()
    throttle = Throttle(clock, Rate(count=100, seconds=60))
    throttle.pause("api", 60)

    assert not throttle.try_take("api")
    await throttle.take("api")

    assert clock.slept == [60.0]
