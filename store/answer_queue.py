"""Answers of all tenants that are to be shown in chats: who shows what next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Integer, Select, Update, bindparam, or_, select, update

from domain.errors import ZhanqingError
from store.chat_answers import ChatAnswer, answer_of
from store.columns import table_of
from store.sealing import Sealer
from store.tables import ChatAnswerRow
from store.work import Store

log = structlog.get_logger(__name__)

_row = table_of(ChatAnswerRow)


class AnswerQueue:
    """Answers of all tenants that are to be shown; one is never held twice.

    Args:
        hold_s: How long whoever takes one may need; then somebody else may try.
    """

    def __init__(self, store: Store, sealer: Sealer, *, hold_s: float = 60.0) -> None:
        self._store, self._sealer, self.hold_s = store, sealer, hold_s

    async def has_due(self, channel: str, account_id: str) -> bool:
        """Whether there may be something to show; asked without taking any lock."""
        where = {"channel": channel, "account_id": account_id, "now": self._store.clock()}
        async with self._store.across_tenants(writes=False) as session:
            return (await (await session.connection()).scalar(_any_due(), where)) is not None

    async def take(self, channel: str, account_id: str) -> ChatAnswer | None:
        """Take the next answer of a channel that has something new to show, in order within its conversation."""
        return next(iter(await self.take_some(channel, account_id, limit=1)), None)

    async def take_some(self, channel: str, account_id: str, *, limit: int) -> list[ChatAnswer]:
        """Take the next answers of a channel, each the first of its conversation."""
        now = self._store.clock()
        where = {"channel": channel, "account_id": account_id, "now": now, "most": limit}
        async with self._store.across_tenants() as session:
            connection = await session.connection()
            rows = (await connection.execute(_next_due(), where)).all()
            until = now + timedelta(seconds=self.hold_s)
            taken = [{"tenant": row.tenant_id, "answer": row.answer_id, "until": until} for row in rows]
            if taken:
                await connection.execute(_held(), taken)
        return [answer for row in rows if (answer := self._read(row)) is not None]

    def _read(self, row: Any) -> ChatAnswer | None:
        """Return a row's answer; one that cannot be opened stays held and keeps nobody else's from being shown."""
        try:
            return replace(answer_of(row, self._sealer), fence=row.fence + 1)
        except ZhanqingError as error:
            log.error("chat.unreadable_answer", answer_id=row.answer_id, reason=error.code)
            return None

    async def hold(self, answer: ChatAnswer) -> None:
        """Hold on to an answer that is still being shown."""
        still_held = (*_holds(answer), ChatAnswerRow.held_until.is_not(None))
        until = self._store.clock() + timedelta(seconds=self.hold_s)
        async with self._store.across_tenants() as session:
            await session.execute(update(ChatAnswerRow).where(*still_held).values(held_until=until))

    async def shown(self, answer: ChatAnswer, notes: Mapping[str, str]) -> None:
        """This version was shown; a finished answer is closed, and its right to answer forgotten."""
        await self.all_shown([(answer, notes)])

    async def all_shown(self, answers: Sequence[tuple[ChatAnswer, Mapping[str, str]]]) -> None:
        """The same for many at once."""
        async with self._store.across_tenants() as session:
            connection = await session.connection()
            for is_final in (True, False):
                chosen = [_seen(one, notes) for one, notes in answers if one.is_final is is_final]
                if chosen:
                    await connection.execute(_shown(is_final), chosen)

    async def failed(
        self, answer: ChatAnswer, reason: str, *, notes: Mapping[str, str], retry_in_s: float | None
    ) -> None:
        """It could not be shown: try again after a while, or never (None)."""
        values: dict[str, Any] = {"notes": dict(notes), "reason": reason, "attempts": answer.attempts + 1}
        if retry_in_s is None:
            values |= {"is_open": not answer.is_final, "shown": answer.version}
        else:
            values["due_at"] = self._store.clock() + timedelta(seconds=retry_in_s)
        await self._end(answer, values)

    async def _end(self, answer: ChatAnswer, values: Mapping[str, Any]) -> None:
        async with self._store.across_tenants() as session:
            await session.execute(update(ChatAnswerRow).where(*_holds(answer)).values({**values, "held_until": None}))


def _holds(answer: ChatAnswer) -> tuple[ColumnElement[bool], ...]:
    """Whoever took the answer still has it."""
    row = ChatAnswerRow
    return (row.tenant_id == answer.tenant, row.answer_id == answer.answer_id, row.fence == answer.fence)


def _seen(answer: ChatAnswer, notes: Mapping[str, str]) -> dict[str, Any]:
    known = {"tenant": answer.tenant, "answer": answer.answer_id, "held": answer.fence}
    return {**known, "seen": answer.version, "noted": dict(notes)}


# Made once: making a statement costs more than running it.


@cache
def _any_due() -> Select[Any]:
    return select(_row.c.answer_id).where(*_due()).limit(1)


@cache
def _next_due() -> Select[Any]:
    free = or_(_row.c.held_until.is_(None), _row.c.held_until < bindparam("now"))
    chosen = select(_row).where(*_due(), free, _is_first()).order_by(_row.c.order_key)
    return chosen.limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True, of=_row)


@cache
def _held() -> Update:
    taken = (_row.c.tenant_id == bindparam("tenant"), _row.c.answer_id == bindparam("answer"))
    return update(_row).where(*taken).values(held_until=bindparam("until"), fence=_row.c.fence + 1)


@cache
def _shown(is_final: bool) -> Update:
    held = (_row.c.tenant_id == bindparam("tenant"), _row.c.answer_id == bindparam("answer"))
    values: dict[str, Any] = {
        "shown": bindparam("seen"),
        "notes": bindparam("noted", type_=_row.c.notes.type),
        "attempts": 0,
        "reason": None,
    }
    if is_final:
        values |= {"is_open": False, "reply_to": ""}
    return update(_row).where(*held, _row.c.fence == bindparam("held")).values({**values, "held_until": None})


def _due() -> tuple[ColumnElement[bool], ...]:
    """Answers of an account that have something new to show by now."""
    mine = (_row.c.channel == bindparam("channel"), _row.c.account_id == bindparam("account_id"))
    return (*mine, _row.c.is_open.is_(True), _row.c.due_at <= bindparam("now"), _row.c.version > _row.c.shown)


def _is_first() -> ColumnElement[bool]:
    """No earlier answer of the conversation is still on its way."""
    earlier = _row.alias()
    before = select(earlier.c.answer_id).where(
        earlier.c.tenant_id == _row.c.tenant_id,
        earlier.c.thread_key == _row.c.thread_key,
        earlier.c.is_open.is_(True),
        earlier.c.order_key < _row.c.order_key,
    )
    return ~before.exists()
