"""What a conversation with the coach is about at present: a customer, a drill that is being played."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from store.scope import Repository
from store.tables import ChatThreadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatThread:
    """Absent parts: nothing in particular."""

    account_id: str | None = None
    drill_id: str | None = None


class ChatThreads(Repository):
    """The chats of one tenant."""

    async def get(self, thread_key: str) -> ChatThread:
        """Return what a chat is about."""
        row = await self._session.scalar(select(ChatThreadRow).where(ChatThreadRow.thread_key == thread_key))
        return ChatThread() if row is None else ChatThread(account_id=row.account_id, drill_id=row.drill_id)

    async def put(self, thread_key: str, thread: ChatThread) -> None:
        """Say what a chat is about from now on."""
        values = {"account_id": thread.account_id, "drill_id": thread.drill_id, "updated_at": self._now()}
        await self._upsert(ChatThreadRow, ["thread_key"], {"thread_key": thread_key, **values})
