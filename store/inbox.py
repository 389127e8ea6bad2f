"""Messages from chat platforms: each is kept once, however often it is delivered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from store.ids import new_id
from store.jobs import Job, Jobs, Priority
from store.sealed import SealedRepository
from store.tables import InboxRow

ANSWER_MESSAGE = "answer_message"
"""The kind of job that answers a message; its payload is `{"message_id", "thread_key"}`."""

_MOST_TRIES = 4


class Inbox(SealedRepository):
    """The inbox of one tenant. Messages are sealed: they hold the right to answer in somebody's chat."""

    async def receive(
        self, *, channel: str, account_id: str, dedupe_keys: Sequence[str], thread_key: str, payload: Mapping[str, Any]
    ) -> Job | None:
        """Keep a message and queue its answer; None if it was delivered before.

        Args:
            channel: The platform, e.g. `wecom_bot`; `account_id` is our account there.
            dedupe_keys: The platform's ids of the message; any one seen before means that it is the same.
            thread_key: The conversation it belongs to; its messages are answered one after another.
        """
        now = self._now()
        message_id = new_id("msg", now)
        row = {"channel": channel, "account_id": account_id, "thread_key": thread_key, "received_at": now}
        for number, key in enumerate(dedupe_keys):
            alias: dict[str, Any] = {
                "message_id": f"{message_id}.{number}",
                "payload": {},
                "job_id": None,
                "done_at": now,
            }
            own = {"message_id": message_id, "payload": self._sealed(payload), "job_id": None, "done_at": None}
            if not await self._insert_new(InboxRow, {**row, "dedupe_key": key, **(alias if number else own)}):
                await self._take_back(message_id)
                return None
        job = await Jobs(self._scope).add(
            ANSWER_MESSAGE,
            {"message_id": message_id, "thread_key": thread_key},
            dedupe_key=message_id,
            serial_key=thread_key,
            priority=Priority.LIVE,
            max_attempts=_MOST_TRIES,
        )
        await self._session.execute(update(InboxRow).where(InboxRow.message_id == message_id).values(job_id=job.job_id))
        return job

    async def get(self, message_id: str) -> Mapping[str, Any] | None:
        """Return a message that is still to be answered, or None."""
        payload = await self._session.scalar(select(InboxRow.payload).where(InboxRow.message_id == message_id))
        if not payload:
            return None
        found: Mapping[str, Any] = json.loads(self._key().open(payload["sealed"]))
        return found

    async def finish(self, message_id: str) -> None:
        """The message was answered: what it said is no longer needed, that it came is."""
        done = {"done_at": self._now(), "payload": {}}
        await self._session.execute(update(InboxRow).where(InboxRow.message_id == message_id).values(done))

    async def _take_back(self, message_id: str) -> None:
        mine = InboxRow.message_id.in_([message_id, *(f"{message_id}.{number}" for number in range(1, 4))])
        await self._session.execute(delete(InboxRow).where(mine))

    def _sealed(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return {"sealed": self._key().seal(json.dumps(payload, ensure_ascii=False))}
