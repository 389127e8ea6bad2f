from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from domain.errors import UpstreamError
from zhanqing.chats.bells import Bell, rung
from zhanqing.chats.together import Together


class Kept:
    """Does rounds, one at a time as it is let; refuses what it is told to."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.poison: dict[str, Exception] = {}

    async def __call__(self, items: Sequence[str]) -> None:
        await self.gate.wait()
        for item in items:
            if item in self.poison:
                raise self.poison[item]
        self.rounds.append(list(items))


async def asked(together: Together[str], *items: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(together.ask(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_during_a_round_shares_the_next_in_order() -> None:
    kept = Kept()
    kept.gate.clear()
    together = Together(kept)
    tasks = [*await asked(together, "a"), *await asked(together, "b", "c", "d")]
    kept.gate.set()
    await asyncio.gather(*tasks)
    assert kept.rounds == [["a"], ["b", "c", "d"]]


async def test_one_that_nobody_foresaw_fails_alone() -> None:
    kept = Kept()
    kept.poison["b"] = ValueError("b")
    kept.gate.clear()
    together = Together(kept)
    tasks = await asked(together, "x", "a", "b", "c")
    kept.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [type(None), type(None), ValueError, type(None)]
    assert kept.rounds == [["x"], ["a"], ["c"]]


async def test_all_of_a_round_hear_that_the_database_is_away_and_it_is_tried_once() -> None:
    kept = Kept()
    kept.poison["b"] = UpstreamError("store.busy")
    kept.gate.clear()
    together = Together(kept)
    tasks = await asked(together, "x", "a", "b")
    kept.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [type(None), UpstreamError, UpstreamError]
    assert kept.rounds == [["x"]]


async def test_who_is_stopped_in_the_middle_leaves_the_round_to_the_others() -> None:
    kept = Kept()
    kept.gate.clear()
    together = Together(kept)
    first, second = await asked(together, "a", "b")
    first.cancel()
    await asyncio.sleep(0)
    kept.gate.set()
    await second
    assert first.cancelled()
    assert kept.rounds == [["b"]]


async def test_a_ring_between_looking_and_waiting_is_heard() -> None:
    bell = Bell()
    listening = bell.listen()
    bell.ring()
    async with asyncio.timeout(1):
        await rung(listening, at_most_s=60)


@pytest.mark.parametrize("times", [1, 3])
async def test_who_hears_nothing_looks_by_itself(times: int) -> None:
    async with asyncio.timeout(5):
        for _ in range(times):
            await rung(Bell().listen(), at_most_s=0.01)
