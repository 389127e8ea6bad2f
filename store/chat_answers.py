"""Answers in chats on their way out: written as they come, shown by a courier, forgotten soon after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Update, bindparam, func, select, update

from store.columns import table_of
from store.ids import new_id
from store.sealed import SealedRepository
from store.sealing import Sealer
from store.tables import ChatAnswerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPlace:
    """Where an answer goes: channel and account of ours, person and conversation of theirs."""

    channel: str
    account_id: str
    user_id: str
    conversation_id: str
    is_group: bool = False

    @property
    def thread_key(self) -> str:
        """The conversation, over all tenants and channels."""
        return f"{self.channel}:{self.account_id}:{self.conversation_id}"

    @property
    def memory_key(self) -> str:
        """Whose memory this is: in a group each person has their own customer, drill and last answer."""
        return f"{self.thread_key}:{self.user_id}" if self.is_group else self.thread_key


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answer as far as it has come.

    Attributes:
        state: `thinking`, `writing`, `finished` or `failed`.
        notes: What was shown so far, in the words of whoever shows it.
        version: Grows with each change; `shown` is the one last shown.
    """

    tenant: str
    answer_id: str
    place: ChatPlace
    text: str = field(repr=False)
    state: str
    card: Mapping[str, Any] | None
    replaces: bool
    reply_to: Mapping[str, str] = field(repr=False)
    notes: Mapping[str, str]
    decision_id: str | None
    asked_at: datetime
    version: int
    shown: int
    attempts: int
    fence: int

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self.state in FINAL


FINAL = ("finished", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An answer that begins.

    Attributes:
        delay_s: Until then nothing of it is shown, unless something is written sooner.
    """

    answer_id: str
    place: ChatPlace
    order_key: str
    asked_at: datetime
    reply_to: Mapping[str, str] = field(default_factory=dict, repr=False)
    delay_s: float = 0.0


class ChatAnswers(SealedRepository):
    """The answers of one tenant, as those who write them see them."""

    async def open_all(self, openings: Sequence[Opening]) -> None:
        """Begin answers; one that was begun before stays. A conversation's are shown in the order of `order_key`."""
        now = self._now()
        rows = [
            {
                "answer_id": one.answer_id,
                "channel": one.place.channel,
                "account_id": one.place.account_id,
                "thread_key": one.place.thread_key,
                "user_id": one.place.user_id,
                "conversation_id": one.place.conversation_id,
                "is_group": one.place.is_group,
                "reply_to": self._key().seal(json.dumps(dict(one.reply_to))),
                "asked_at": one.asked_at,
                "order_key": one.order_key,
                "due_at": now + timedelta(seconds=one.delay_s),
                **_BEGUN,
            }
            for one in openings
        ]
        await self._insert_new_many(ChatAnswerRow, rows, "answer_id")

    async def push(
        self,
        answer_id: str,
        place: ChatPlace,
        *,
        text: str,
        card: Mapping[str, Any] | None = None,
        delay_s: float = 0.0,
    ) -> None:
        """Say something unasked, e.g. that a report is ready; the same id again is the same push."""
        now = self._now()
        order_key = new_id("msg", now + timedelta(seconds=delay_s))
        opening = Opening(answer_id=answer_id, place=place, order_key=order_key, asked_at=now, delay_s=delay_s)
        await self.open_all([opening])
        unwritten = (ChatAnswerRow.answer_id == answer_id, ChatAnswerRow.version == 1)
        said = {"text": text, "card": card, "state": "finished", "version": 2}
        await self._session.execute(update(ChatAnswerRow).where(*unwritten).values(said))

    async def write(
        self,
        answer_id: str,
        *,
        text: str,
        state: str,
        card: Mapping[str, Any] | None = None,
        replaces: bool = False,
        decision_id: str | None = None,
    ) -> None:
        """Replace what is to be shown; a finished answer stays as it is."""
        said = {"text": text, "state": state, "card": card, "replaces": replaces, "decision_id": decision_id}
        mine = {"tenant": self._tenant, "answer": answer_id}
        written = {**mine, **{f"new_{name}": value for name, value in said.items()}, "now": self._now()}
        await (await self._session.connection()).execute(_written(), written)

    async def get(self, answer_id: str) -> ChatAnswer | None:
        """Return an answer, or None."""
        row = await self._session.scalar(select(ChatAnswerRow).where(ChatAnswerRow.answer_id == answer_id))
        return None if row is None else answer_of(row, self._key())

    async def last_decision(self, place: ChatPlace) -> str | None:
        """Return the decision of the newest answer to this person in this conversation that has one."""
        row = ChatAnswerRow
        mine = (row.thread_key == place.thread_key, row.user_id == place.user_id)
        has_one = (*mine, row.decision_id.is_not(None))
        return await self._session.scalar(
            select(row.decision_id).where(*has_one).order_by(row.order_key.desc()).limit(1)
        )

    async def last_place(self, platform: str, user_id: str) -> ChatPlace | None:
        """Return where somebody last wrote to us alone; there they can be told something unasked."""
        row = ChatAnswerRow
        alone = (row.user_id == user_id, row.is_group.is_(False), row.channel.startswith(f"{platform}_"))
        found = await self._session.scalar(select(row).where(*alone).order_by(row.asked_at.desc()).limit(1))
        return None if found is None else place_of_row(found)

    async def pushes_since(self, user_id: str, moment: datetime) -> int:
        """Return how often somebody was told something unasked since a moment."""
        row = ChatAnswerRow
        told = (row.user_id == user_id, row.answer_id.startswith("push:"), row.asked_at >= moment)
        return await self._session.scalar(select(func.count()).select_from(row).where(*told)) or 0

    async def forget(self, before: datetime | None = None) -> int:
        """Blank the words of answers that were shown, those asked before a moment if one is given."""
        shown: list[ColumnElement[bool]] = [ChatAnswerRow.is_open.is_(False), ChatAnswerRow.text != ""]
        if before is not None:
            shown.append(ChatAnswerRow.asked_at < before)
        return await self._changed(update(ChatAnswerRow).where(*shown).values(text="", card=None))


_BEGUN: dict[str, Any] = {
    "text": "",
    "state": "thinking",
    "card": None,
    "replaces": False,
    "notes": {},
    "decision_id": None,
    "version": 1,
    "shown": 0,
    "is_open": True,
    "attempts": 0,
    "held_until": None,
    "fence": 0,
    "reason": None,
}


@cache
def _written() -> Update:
    """Made once: making a statement costs more than running it."""
    row = table_of(ChatAnswerRow)
    mine = (row.c.tenant_id == bindparam("tenant"), row.c.answer_id == bindparam("answer"), row.c.state.not_in(FINAL))
    names = ("text", "state", "card", "replaces", "decision_id")
    said = {name: bindparam(f"new_{name}", type_=row.c[name].type) for name in names}
    return update(row).where(*mine).values({**said, "version": row.c.version + 1, "due_at": bindparam("now")})


def place_of_row(row: ChatAnswerRow | Row[Any]) -> ChatPlace:
    """Return where a row's answer goes."""
    return ChatPlace(
        channel=row.channel,
        account_id=row.account_id,
        user_id=row.user_id,
        conversation_id=row.conversation_id,
        is_group=row.is_group,
    )


def answer_of(row: ChatAnswerRow | Row[Any], sealer: Sealer) -> ChatAnswer:
    """Return a row as a value."""
    return ChatAnswer(
        tenant=row.tenant_id,
        answer_id=row.answer_id,
        place=place_of_row(row),
        text=row.text,
        state=row.state,
        card=row.card,
        replaces=row.replaces,
        reply_to=json.loads(sealer.open(row.reply_to)) if row.reply_to else {},
        notes=row.notes,
        decision_id=row.decision_id,
        asked_at=row.asked_at,
        version=row.version,
        shown=row.shown,
        attempts=row.attempts,
        fence=row.fence,
    )
