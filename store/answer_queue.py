"""Answers of all tenants that are to be shown in chats: who shows what next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import aliased

from store.chat_answers import ChatAnswer, answer_of
from store.sealing import Sealer
from store.tables import ChatAnswerRow
from store.work import Store


class AnswerQueue:
    """Answers of all tenants that are to be shown; one is never held twice.

    Args:
        hold_s: How long whoever takes one may need; then somebody else may try.
    """

    def __init__(self, store: Store, sealer: Sealer, *, hold_s: float = 60.0) -> None:
        self._store, self._sealer, self.hold_s = store, sealer, hold_s

    async def has_due(self, channel: str, account_id: str) -> bool:
        """Whether there may be something to show; asked without taking any lock."""
        row, now = ChatAnswerRow, self._store.clock()
        mine = (row.channel == channel, row.account_id == account_id, row.is_open.is_(True), row.due_at <= now)
        async with self._store.across_tenants(writes=False) as session:
            return (
                await session.scalar(select(row.answer_id).where(*mine, row.version > row.shown).limit(1)) is not None
            )

    async def take(self, channel: str, account_id: str) -> ChatAnswer | None:
        """Take the next answer of a channel that has something new to show, in order within its conversation."""
        now = self._store.clock()
        row = ChatAnswerRow
        mine = (row.channel == channel, row.account_id == account_id, row.is_open.is_(True), row.due_at <= now)
        free = or_(row.held_until.is_(None), row.held_until < now)
        first = select(row).where(*mine, free, row.version > row.shown, _is_first()).order_by(row.order_key).limit(1)
        async with self._store.across_tenants() as session:
            found = await session.scalar(first.with_for_update(skip_locked=True))
            if found is None:
                return None
            held = {"held_until": now + timedelta(seconds=self.hold_s), "fence": found.fence + 1}
            key = (row.tenant_id == found.tenant_id, row.answer_id == found.answer_id)
            await session.execute(update(row).where(*key).values(held))
            again = (await session.scalars(select(row).where(*key))).one()
            return answer_of(again, self._sealer)

    async def hold(self, answer: ChatAnswer) -> None:
        """Hold on to an answer that is still being shown."""
        still_held = (*_holds(answer), ChatAnswerRow.held_until.is_not(None))
        until = self._store.clock() + timedelta(seconds=self.hold_s)
        async with self._store.across_tenants() as session:
            await session.execute(update(ChatAnswerRow).where(*still_held).values(held_until=until))

    async def shown(self, answer: ChatAnswer, notes: Mapping[str, str]) -> None:
        """This version was shown; a finished answer is closed, and its right to answer forgotten."""
        values: dict[str, Any] = {"shown": answer.version, "notes": dict(notes), "attempts": 0, "reason": None}
        if answer.is_final:
            values |= {"is_open": False, "reply_to": ""}
        await self._end(answer, values)

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


def _is_first() -> ColumnElement[bool]:
    """No earlier answer of the conversation is still on its way."""
    row, earlier = ChatAnswerRow, aliased(ChatAnswerRow)
    before = select(earlier.answer_id).where(
        earlier.tenant_id == row.tenant_id,
        earlier.thread_key == row.thread_key,
        earlier.is_open.is_(True),
        earlier.order_key < row.order_key,
    )
    return ~before.exists()
