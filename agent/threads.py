"""The coach's memory of chats, opened when first needed and closed with the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.chat import CoachChat

if TYPE_CHECKING:
    from agent.coach import Coach


class ChatThreads:
    """Threads in SQLite beside the data, or in the installation's PostgreSQL.

    Args:
        coach: Built in a thread, by the first message.
        database_url: SQLAlchemy's; on SQLite threads have a file of their own.
    """

    def __init__(self, coach: Callable[[], Coach], *, home: Path, database_url: str) -> None:
        self._coach, self._home, self._url = coach, home, database_url
        self._opened = AsyncExitStack()
        self._turn = asyncio.Lock()
        self._chat: CoachChat | None = None

    async def chat(self) -> CoachChat:
        """Return the chat, ready for use."""
        async with self._turn:
            if self._chat is None:
                coach = await asyncio.to_thread(self._coach)
                self._chat = CoachChat(coach, await self._saver())
            return self._chat

    async def close(self) -> None:
        """Let the memory go."""
        await self._opened.aclose()
        self._chat = None

    async def _saver(self) -> Any:
        if self._url.startswith("postgresql"):
            from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

            plain_url = self._url.replace("+asyncpg", "", 1)
            postgres = await self._opened.enter_async_context(AsyncPostgresSaver.from_conn_string(plain_url))
            await postgres.setup()
            return postgres
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        path = str(self._home / "threads.db")
        return await self._opened.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
