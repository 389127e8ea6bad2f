"""Messages from chat platforms: each is kept once, however often it is delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Select, Update, bindparam, delete, select, update

from store.columns import table_of
from store.ids import new_id
from store.jobs import Job, JobOrder, Jobs, Priority
from store.sealed import SealedRepository
from store.tables import InboxRow

ANSWER_MESSAGE = "answer_message"
"""The kind of job that answers a message; its payload is `{"message_id", "thread_key"}`."""

_MOST_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message as a platform delivered it.

    Attributes:
        channel: The platform, e.g. `wecom_bot`; `account_id` is our account there.
        dedupe_keys: The platform's ids of the message; any one seen before means that it is the same.
        thread_key: The conversation it belongs to; its messages are answered one after another.
    """

    channel: str
    account_id: str
    dedupe_keys: Sequence[str]
    thread_key: str
    payload: Mapping[str, Any] = field(repr=False)


class Inbox(SealedRepository):
    """The inbox of one tenant. Messages are sealed: they hold the right to answer in somebody's chat."""

    async def receive(self, arrival: Arrival) -> Job | None:
        """Keep a message and queue its answer; None if it was delivered before."""
        return (await self.receive_all([arrival]))[0]

    async def receive_all(self, arrivals: Sequence[Arrival]) -> list[Job | None]:
        """Keep messages that came together, in their order, and queue their answers; None for each that is known."""
        now = self._now()
        ids = sorted(new_id("msg", now) for _ in arrivals)
        jobs = sorted(new_id("job", now) for _ in arrivals)
        fresh = await self._put(list(zip(ids, jobs, arrivals, strict=True)))
        orders = [
            JobOrder(job_id=job_id, serial_key=one.thread_key, payload=_work(message_id, one))
            for message_id, job_id, one in zip(ids, jobs, arrivals, strict=True)
            if message_id in fresh
        ]
        queue = Jobs(self._scope)
        queued = await queue.add_series(ANSWER_MESSAGE, orders, priority=Priority.LIVE, max_attempts=_MOST_TRIES)
        by_message = {str(job.payload["message_id"]): job for job in queued}
        return [by_message.get(message_id) for message_id in ids]

    async def _put(self, arrivals: Sequence[tuple[str, str, Arrival]]) -> set[str]:
        """Insert a row for each id of each (message, job, arrival); return the messages none of whose ids was there."""
        rows = [row for each in arrivals for row in self._rows(*each)]
        # One order for all who insert, so that two processes never wait for each other in a circle.
        rows.sort(key=lambda row: (row["channel"], row["account_id"], row["dedupe_key"]))
        added = await self._insert_new_many(InboxRow, rows, "message_id")
        known = {row["message_id"] for row in rows} - added
        repeated = {row_id.partition(".")[0] for row_id in known}
        if repeated:
            taken_back = [row["message_id"] for row in rows if row["message_id"].partition(".")[0] in repeated]
            await self._session.execute(delete(InboxRow).where(InboxRow.message_id.in_(taken_back)))
        return {message_id for message_id, _, _ in arrivals} - repeated

    def _rows(self, message_id: str, job_id: str, arrival: Arrival) -> list[dict[str, Any]]:
        """Return the row of a message and those that only hold its other ids."""
        now = self._now()
        common = {"channel": arrival.channel, "account_id": arrival.account_id, "thread_key": arrival.thread_key}
        own: dict[str, Any] = {
            "message_id": message_id,
            "job_id": job_id,
            "payload": self._sealed(arrival.payload),
            "done_at": None,
        }
        others: list[dict[str, Any]] = [
            {"message_id": f"{message_id}.{number}", "job_id": None, "payload": {}, "done_at": now}
            for number in range(1, len(arrival.dedupe_keys))
        ]
        return [
            {**common, **row, "dedupe_key": key, "received_at": now}
            for row, key in zip([own, *others], arrival.dedupe_keys, strict=True)
        ]

    async def get(self, message_id: str) -> Mapping[str, Any] | None:
        """Return a message that is still to be answered, or None."""
        mine = {"tenant": self._tenant, "message": message_id}
        payload = await (await self._session.connection()).scalar(_payload(), mine)
        if not payload:
            return None
        found: Mapping[str, Any] = json.loads(self._key().open(payload["sealed"]))
        return found

    async def finish(self, message_id: str) -> None:
        """The message was answered: what it said is no longer needed, that it came is."""
        done = {"tenant": self._tenant, "message": message_id, "now": self._now()}
        await (await self._session.connection()).execute(_done(), done)

    def _sealed(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {"sealed": self._key().seal(json.dumps(payload, ensure_ascii=False))}


# Made once: making a statement costs more than running it.


@cache
def _payload() -> Select[Any]:
    return select(_row.c.payload).where(*_MINE)


@cache
def _done() -> Update:
    return update(_row).where(*_MINE).values(done_at=bindparam("now"), payload={})


_row = table_of(InboxRow)
_MINE = (_row.c.tenant_id == bindparam("tenant"), _row.c.message_id == bindparam("message"))


def _work(message_id: str, arrival: Arrival) -> dict[str, Any]:
    return {"message_id": message_id, "thread_key": arrival.thread_key}
