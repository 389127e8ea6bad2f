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
from zhanqing.chats.bells import Bell, rung
from zhanqing.chats.intake import sender_of
from zhanqing.chats.together import Together
from zhanqing.worker.runs import INTERNAL

log = structlog.get_logger(__name__)

_LONGEST_WAIT_S = 60.0
_ANSWER_LIFE, _PUSH_LIFE = timedelta(hours=1), timedelta(days=1)
"""How long an answer, or a push, is worth being tried again."""
_KEPT = timedelta(hours=1)
"""How long shown words stay, for platforms that ask again for a stream's end."""


class Courier:
    """Shows the answers of one platform account until cancelled.

    Args:
        bell: Rung by whoever writes answers in this process.
        poll_s: How often it looks when nobody rings, e.g. for answers written in other processes.
        lanes: How many conversations are served at once.
    """

    def __init__(
        self,
        store: Store,
        queue: AnswerQueue,
        platform: Platform,
        *,
        bell: Bell | None = None,
        poll_s: float = 0.3,
        lanes: int = 16,
    ) -> None:
        self._store, self._queue, self._platform = store, queue, platform
        self._bell = bell or Bell()
        self._poll_s, self._lanes = poll_s, lanes
        self._shown = Together(queue.all_shown)

    async def run(self) -> None:
        """Show what there is to show, for ever."""
        busy: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                # Lanes first: what is taken is held, and must not wait for one.
                if len(busy) >= self._lanes:
                    await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
                listening = self._bell.listen()
                answers = await self._next(self._lanes - len(busy))
                for answer in answers:
                    task = group.create_task(self._in_lane(answer))
                    busy.add(task)
                    task.add_done_callback(busy.discard)
                if not answers:
                    await rung(listening, at_most_s=self._poll_s)

    async def show_next(self) -> bool:
        """Show the next answer; False if there was none."""
        answers = await self._next(1)
        for answer in answers:
            await self._show(answer)
        return bool(answers)

    async def forget(self, tenant: str) -> None:
        """Blank the words of answers that were shown an hour ago."""
        async with self._store.begin(tenant) as work:
            await work.chat_answers.forget(before=self._store.clock() - _KEPT)

    async def _next(self, limit: int) -> list[ChatAnswer]:
        where = (self._platform.channel.value, self._platform.account_id)
        try:
            return await self._queue.take_some(*where, limit=limit) if await self._queue.has_due(*where) else []
        except ZhanqingError as error:
            log.warning("courier.paused", reason=error.code)
        except Exception as error:  # one answer that cannot be read must not stop all others
            log.error("courier.broke", kind=type(error).__name__)
        return []

    async def _in_lane(self, answer: ChatAnswer) -> None:
        try:
            await self._show(answer)
        except ZhanqingError as error:
            # Still held: it is taken again once the hold has run out.
            log.warning("courier.paused", reason=error.code)
        finally:
            self._bell.ring()  # the next one of its conversation may come

    async def _show(self, answer: ChatAnswer) -> None:
        if answer.is_final and not answer.text and answer.card is None:
            await self._shown.ask((answer, answer.notes))
            return
        holding = asyncio.create_task(self._hold(answer))
        try:
            notes = await self._platform.deliver(outgoing_of(answer))
        except PartlyDeliveredError as error:
            await self._failed(answer, error, notes=error.notes)
        except ZhanqingError as error:
            await self._failed(answer, error, notes=answer.notes)
        except Exception as error:  # the outer edge of a delivery
            log.error("courier.broke", kind=type(error).__name__)
            await self._queue.failed(answer, INTERNAL, notes=answer.notes, retry_in_s=self._wait_s(answer))
        else:
            await self._shown.ask((answer, notes))
            log.info("chat.shown", channel=answer.place.channel, state=answer.state)
        finally:
            holding.cancel()

    async def _hold(self, answer: ChatAnswer) -> None:
        """Keep an answer whose delivery takes long, e.g. because the platform asked for patience."""
        while True:
            await asyncio.sleep(self._queue.hold_s / 3)
            try:
                await self._queue.hold(answer)
            except ZhanqingError as error:
                log.warning("courier.paused", reason=error.code)

    async def _failed(self, answer: ChatAnswer, error: ZhanqingError, *, notes: Mapping[str, str]) -> None:
        wait_s = self._wait_s(answer) if error.retryable else None
        log.warning("chat.not_shown", channel=answer.place.channel, reason=error.code, again=wait_s is not None)
        await self._queue.failed(answer, error.code, notes=notes, retry_in_s=wait_s)

    def _wait_s(self, answer: ChatAnswer) -> float | None:
        """How long to wait before the next try; None once nobody waits for this answer any more."""
        if self._store.clock() - answer.asked_at > (_PUSH_LIFE if not answer.reply_to else _ANSWER_LIFE):
            return None
        return min(_LONGEST_WAIT_S, 2.0 ** min(answer.attempts, 10)) * (0.5 + random.random() / 2)  # noqa: S311


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
