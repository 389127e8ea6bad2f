"""Messages from chat platforms: each is kept once, however often it is delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from store.ids import new_id
from store.jobs import Job, Jobs, Priority
from store.scope import Repository
from store.tables import InboxRow

ANSWER_MESSAGE = "answer_message"
"""The kind of job that answers a message; its payload is `{"message_id", "thread_key"}`."""


class Inbox(Repository):
    """The inbox of one tenant."""

    async def receive(
        self, *, channel: str, account_id: str, dedupe_key: str, thread_key: str, payload: Mapping[str, Any]
    ) -> Job | None:
        """Keep a message and queue its answer; None if it was delivered before.

        Args:
            channel: The platform, e.g. `wecom_bot`; `account_id` is our account there.
            dedupe_key: The platform's id of the message, or of what happened.
            thread_key: The conversation it belongs to; its messages are answered one after another.
        """
        now = self._now()
        message_id = new_id("msg", now)
        values = {
            "message_id": message_id,
            "channel": channel,
            "account_id": account_id,
            "dedupe_key": dedupe_key,
            "thread_key": thread_key,
            "received_at": now,
            "payload": dict(payload),
            "job_id": None,
            "done_at": None,
        }
        if not await self._insert_new(InboxRow, values):
            return None
        asked = {"message_id": message_id, "thread_key": thread_key}
        job = await Jobs(self._scope).add(ANSWER_MESSAGE, asked, dedupe_key=message_id, priority=Priority.LIVE)
        await self._session.execute(update(InboxRow).where(InboxRow.message_id == message_id).values(job_id=job.job_id))
        return job

    async def get(self, message_id: str) -> Mapping[str, Any] | None:
        """Return a message's payload, or None."""
        return await self._session.scalar(select(InboxRow.payload).where(InboxRow.message_id == message_id))

    async def is_first_open(self, message_id: str, thread_key: str) -> bool:
        """Whether no earlier message of the thread still waits for its answer."""
        row = InboxRow
        earlier = select(row.message_id).where(
            row.thread_key == thread_key, row.done_at.is_(None), row.message_id < message_id
        )
        return await self._session.scalar(earlier.limit(1)) is None

    async def finish(self, message_id: str) -> None:
        """The message was answered; its thread may go on."""
        await self._session.execute(
            update(InboxRow).where(InboxRow.message_id == message_id).values(done_at=self._now())
        )
