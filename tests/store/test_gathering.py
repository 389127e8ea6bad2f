"""Calls that come together share a batch; what one of them gets wrong is not the others' affair."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from domain.errors import ConflictError, NotFoundError, UpstreamError, ZhanqingError
from store.gathering import Gathering


class Doubler:
    """Doubles numbers, slowly; remembers its batches and refuses what it is told to."""

    def __init__(self, *, refuses: int | None = None, error: ZhanqingError | None = None) -> None:
        self.batches: list[list[int]] = []
        self._refuses, self._error = refuses, error

    async def __call__(self, _key: str, numbers: Sequence[int]) -> list[int | ZhanqingError]:
        self.batches.append(list(numbers))
        await asyncio.sleep(0.01)
        if self._refuses in numbers and self._error is not None:
            raise self._error
        return [NotFoundError("store.no_job") if number < 0 else 2 * number for number in numbers]


async def all_of(gathering: Gathering[int, int], *numbers: int, key: str = "k") -> list[object]:
    return await asyncio.gather(*(gathering.ask(key, number) for number in numbers), return_exceptions=True)


async def test_one_alone_is_answered_at_once_and_those_that_came_meanwhile_together() -> None:
    doubler = Doubler()
    assert await all_of(Gathering(doubler), 1, 2, 3, 4) == [2, 4, 6, 8]
    assert doubler.batches in ([[1, 2, 3, 4]], [[1], [2, 3, 4]])


async def test_keys_do_not_wait_for_each_other() -> None:
    doubler = Doubler()
    gathering = Gathering(doubler)
    await asyncio.gather(all_of(gathering, 1, key="a"), all_of(gathering, 2, key="b"))
    assert doubler.batches == [[1], [2]]


async def test_an_item_that_does_not_fit_begins_the_next_batch_and_order_is_kept() -> None:
    doubler = Doubler()
    gathering = Gathering(doubler, fits=lambda batch, item: item not in batch)
    assert await all_of(gathering, 1, 2, 2, 3) == [2, 4, 4, 6]
    assert [number for batch in doubler.batches for number in batch] == [1, 2, 2, 3]
    assert all(len(set(batch)) == len(batch) for batch in doubler.batches)


async def test_an_answer_that_is_an_error_is_raised_to_who_asked_only() -> None:
    answers = await all_of(Gathering(Doubler()), 1, -1, 2)
    assert (answers[0], type(answers[1]), answers[2]) == (2, NotFoundError, 4)


async def test_one_that_spoils_its_batch_fails_alone() -> None:
    doubler = Doubler(refuses=2, error=ConflictError("store.conflict"))
    answers = await all_of(Gathering(doubler), 1, 2, 3)
    assert (answers[0], type(answers[1]), answers[2]) == (2, ConflictError, 6)


async def test_a_database_that_is_away_is_not_asked_again_for_each() -> None:
    doubler = Doubler(refuses=2, error=UpstreamError("store.unreachable"))
    gathering = Gathering(doubler)
    answers = await all_of(gathering, 1, 2, 3)
    assert type(answers[1]) is UpstreamError
    assert len(doubler.batches) <= 2


async def test_who_leaves_does_not_take_the_others_along() -> None:
    gathering = Gathering(Doubler())
    leaving = asyncio.create_task(gathering.ask("k", 1))
    staying = asyncio.create_task(gathering.ask("k", 2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await gathering.ask("k", 5) == 10
