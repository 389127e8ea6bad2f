"""What only one process of an installation may do at a time: held by name, renewed, free again when it dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from store.tables import LockRow
from store.work import Store


class Locks:
    """Locks over all processes on one database.

    Args:
        owner: Names this process.
        hold_s: How long a lock holds unless it is taken again.
    """

    def __init__(self, store: Store, *, owner: str, hold_s: float = 30.0) -> None:
        self._store, self._owner, self.hold_s = store, owner, hold_s

    async def take(self, name: str) -> bool:
        """Take a lock, or hold on to it; False while another process has it."""
        now = self._store.clock()
        values = {"name": name, "owner": self._owner, "held_until": now + timedelta(seconds=self.hold_s)}
        dialect: Any = sqlite if self._store.engine.dialect.name == "sqlite" else postgresql
        insert = dialect.insert(LockRow).values(values)
        free = or_(LockRow.owner == self._owner, LockRow.held_until < now)
        statement = insert.on_conflict_do_update(index_elements=["name"], set_=values, where=free)
        async with self._store.across_tenants() as session:
            result = await session.execute(statement)
            assert isinstance(result, CursorResult)  # noqa: S101  # what such statements give; the stub says Result
            return result.rowcount > 0

    async def release(self, name: str) -> None:
        """Let a lock go that this process holds."""
        async with self._store.across_tenants() as session:
            await session.execute(delete(LockRow).where(LockRow.name == name, LockRow.owner == self._owner))
