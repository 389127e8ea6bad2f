"""Calls that come close together are answered together: while one batch is under way, the next one gathers.

Nobody waits for company: a call that comes alone is worked on at once. Under load a batch shares one transaction and
one commit among all that came while the one before was written, so that more load costs less a call.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from domain.errors import UpstreamError, ZhanqingError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

Work = Callable[[str, Sequence[Item]], Awaitable[Sequence["Answer | ZhanqingError"]]]
Fits = Callable[[Sequence[Item], Item], bool]

MOST = 64


class Gathering(Generic[Item, Answer]):
    """Answers calls in batches, one batch after another for each key; calls keep their order.

    Args:
        work: Answers the items of one key, all or none; an answer that is an error is raised to who asked.
        fits: Whether an item may join a batch; the first of a batch always does.
    """

    def __init__(self, work: Work[Item, Answer], *, fits: Fits[Item] = lambda batch, _item: len(batch) < MOST) -> None:
        self._work = work
        self._fits = fits
        self._waiting: dict[str, deque[tuple[Item, asyncio.Future[Answer]]]] = {}
        self._busy: set[asyncio.Task[None]] = set()

    async def ask(self, key: str, item: Item) -> Answer:
        """Return the answer to one item.

        An item that spoils its batch is worked on alone, and so is each of the others.

        Raises:
            ZhanqingError: Whatever the work raised for this item.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        if key in self._waiting:
            self._waiting[key].append((item, answer))
        else:
            self._waiting[key] = deque([(item, answer)])
            # A context of its own: the batch is not part of the request that happened to come first.
            task = loop.create_task(self._drain(key), context=contextvars.Context())
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        return await answer

    async def _drain(self, key: str) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._answer(key, self._next_batch(waiting))
        finally:
            del self._waiting[key]
            for _, answer in waiting:  # only where this process is ending
                answer.cancel()

    def _next_batch(
        self, waiting: deque[tuple[Item, asyncio.Future[Answer]]]
    ) -> list[tuple[Item, asyncio.Future[Answer]]]:
        batch = [waiting.popleft()]
        while waiting and self._fits([item for item, _ in batch], waiting[0][0]):
            batch.append(waiting.popleft())
        return batch

    async def _answer(self, key: str, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._work(key, [item for item, _ in batch])
        except BaseException as error:
            if len(batch) > 1 and isinstance(error, Exception) and not isinstance(error, UpstreamError):
                for each in batch:
                    await self._answer(key, [each])
                return
            _settle(batch, [error] * len(batch))
            if not isinstance(error, Exception):
                raise
            return
        _settle(batch, answers)


def _settle(batch: Sequence[tuple[Item, asyncio.Future[Answer]]], answers: Sequence[Answer | BaseException]) -> None:
    for (_, future), answer in zip(batch, answers, strict=True):
        if future.done():  # who asked has left
            continue
        if isinstance(answer, asyncio.CancelledError):
            future.cancel()
        elif isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
