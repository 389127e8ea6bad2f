"""From the database to the platform: each answer shown as it comes, in order, tried again where that may help."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from datetime import timedelta

import structlog

from bots.errors import PartlyDeliveredError
from bots.outgoing import Card, Outgoing, State
from bots.platform import Platform
from domain.errors import ZhanqingError
from store.answer_queue import AnswerQueue
from store.chat_answers import ChatAnswer
from store.work import Store
from wire.documents import read
from zhanqing.chats.intake import sender_of

log = structlog.get_logger(__name__)

MOST_TRIES = 6
_KEPT = timedelta(hours=1)
"""How long shown words stay, for platforms that ask again for a stream's end."""


class Courier:
    """Shows the answers of one platform account until cancelled.

    Args:
        poll_s: How often it looks when nobody wakes it, e.g. for answers written in other processes.
        lanes: How many conversations are served at once.
    """

    def __init__(
        self, store: Store, queue: AnswerQueue, platform: Platform, *, poll_s: float = 0.3, lanes: int = 8
    ) -> None:
        self._store, self._queue, self._platform = store, queue, platform
        self._poll_s = poll_s
        self._lanes = asyncio.Semaphore(lanes)

    async def run(self) -> None:
        """Show what there is to show, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                answer = await self._next()
                if answer is None:
                    await asyncio.sleep(self._poll_s)
                    continue
                await self._lanes.acquire()
                group.create_task(self._in_lane(answer))

    async def show_next(self) -> bool:
        """Show the next answer; False if there was none."""
        answer = await self._next()
        if answer is not None:
            await self._show(answer)
        return answer is not None

    async def forget(self, tenant: str) -> None:
        """Blank the words of answers that were shown an hour ago."""
        async with self._store.begin(tenant) as work:
            await work.chat_answers.forget(before=self._store.clock() - _KEPT)

    async def _next(self) -> ChatAnswer | None:
        where = (self._platform.channel.value, self._platform.account_id)
        try:
            return await self._queue.take(*where) if await self._queue.has_due(*where) else None
        except ZhanqingError as error:
            log.warning("courier.paused", reason=error.code)
            return None

    async def _in_lane(self, answer: ChatAnswer) -> None:
        try:
            await self._show(answer)
        except ZhanqingError as error:
            # Still held: it is taken again once the hold has run out.
            log.warning("courier.paused", reason=error.code)
        finally:
            self._lanes.release()

    async def _show(self, answer: ChatAnswer) -> None:
        if answer.is_final and not answer.text and answer.card is None:
            await self._queue.shown(answer, answer.notes)
            return
        try:
            notes = await self._platform.deliver(outgoing_of(answer))
        except PartlyDeliveredError as error:
            await self._failed(answer, error, notes=error.notes)
        except ZhanqingError as error:
            await self._failed(answer, error, notes=answer.notes)
        else:
            await self._queue.shown(answer, notes)
            log.info("chat.shown", channel=answer.place.channel, state=answer.state)

    async def _failed(self, answer: ChatAnswer, error: ZhanqingError, *, notes: Mapping[str, str]) -> None:
        again = error.retryable and answer.attempts + 1 < MOST_TRIES
        wait_s = min(60.0, 2.0**answer.attempts) * (0.5 + random.random() / 2) if again else None  # noqa: S311
        log.warning("chat.not_shown", channel=answer.place.channel, reason=error.code, again=again)
        await self._queue.failed(answer, error.code, notes=notes, retry_in_s=wait_s)


def outgoing_of(answer: ChatAnswer) -> Outgoing:
    """Return a kept answer as platforms take it."""
    card: Card | None = read(Card, answer.card, what="card") if answer.card else None
    return Outgoing(
        answer_id=answer.answer_id,
        to=sender_of(answer.place),
        text=answer.text,
        state=State(answer.state),
        asked_at=answer.asked_at.timestamp(),
        reply_to=answer.reply_to,
        card=card,
        replaces=answer.replaces,
        notes=answer.notes,
    )
