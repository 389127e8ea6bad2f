"""What a repository works in: one transaction of one tenant.

Every SELECT, UPDATE and DELETE through a scope's session is narrowed to the tenant by SQLAlchemy
itself (`Store` installs the criterion), and every insert goes through `Repository`, which writes
the tenant. A repository therefore cannot reach another tenant's row, even by mistake.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncSession

from store.columns import TenantOwned, table_of

Clock = Callable[[], datetime]
Waker = Callable[[str], Awaitable[None]]
AfterCommit = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One transaction of one tenant.

    Attributes:
        clock: Tells the time; tests pass their own.
        wake: Tells whoever works on jobs that there is one, by its id.
        after_commit: What to do once the transaction is safe, e.g. wake a worker.
    """

    session: AsyncSession
    tenant: str
    clock: Clock
    wake: Waker
    after_commit: list[AfterCommit] = field(default_factory=list)


class Repository:
    """Base of the repositories that hang on a `Work`."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._session = scope.session
        self._tenant = scope.tenant

    def _now(self) -> datetime:
        return self._scope.clock()

    async def _insert(self, row: type[TenantOwned], values: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of this tenant; nothing to insert is fine."""
        if values:
            owned = [{"tenant_id": self._tenant, **each} for each in values]
            await self._session.execute(insert(table_of(row)), owned)

    async def _insert_new(self, row: type[TenantOwned], values: Mapping[str, Any]) -> bool:
        """Insert one row unless a unique key is taken already; say whether it was new."""
        statement = self._dialect().insert(row).values(tenant_id=self._tenant, **values)
        return await self._changed(statement.on_conflict_do_nothing()) > 0

    async def _insert_new_many(
        self, row: type[TenantOwned], values: Sequence[Mapping[str, Any]], returning: str
    ) -> set[str]:
        """Insert rows but those that a unique key forbids; return this column of those that are new."""
        if not values:
            return set()
        table = table_of(row)
        statement = self._dialect().insert(table).on_conflict_do_nothing().returning(table.c[returning])
        owned = [{"tenant_id": self._tenant, **each} for each in values]
        return set(await self._session.scalars(statement, owned))

    async def _upsert(self, row: type[TenantOwned], key: Sequence[str], values: Mapping[str, Any]) -> None:
        """Insert a row, or overwrite the one with the same key columns, all but when it was created."""
        await self._upsert_many(row, key, [values])

    async def _upsert_many(
        self, row: type[TenantOwned], key: Sequence[str], values: Sequence[Mapping[str, Any]]
    ) -> None:
        """Upsert rows of one form; of two with the same key the later one stays."""
        if values:
            statement = self._dialect().insert(row)
            fresh = [name for name in values[0] if name not in (*key, "created_at")]
            overwrite = {name: statement.excluded[name] for name in fresh}
            upsert = statement.on_conflict_do_update(index_elements=["tenant_id", *key], set_=overwrite)
            await self._session.execute(upsert, [{"tenant_id": self._tenant, **each} for each in values])

    async def _update_many(
        self, row: type[TenantOwned], key: Sequence[str], values: Sequence[Mapping[str, Any]]
    ) -> None:
        """Overwrite other columns of the rows of this tenant with these keys; each mapping names the same columns."""
        if values:
            table = table_of(row)
            at = [table.c[name] == bindparam(f"at_{name}") for name in key]
            fresh: dict[str, Any] = {name: bindparam(f"new_{name}") for name in values[0] if name not in key}
            changed = update(table).where(table.c.tenant_id == self._tenant, *at).values(fresh)
            named = [{f"{'at' if name in key else 'new'}_{name}": each[name] for name in each} for each in values]
            await self._session.execute(changed, named)

    async def _changed(self, statement: Executable) -> int:
        """Run an INSERT, UPDATE or DELETE and return how many rows it touched."""
        result = await self._session.execute(statement)
        assert isinstance(result, CursorResult)  # noqa: S101  # what such statements give; the stub says Result
        return result.rowcount

    def _dialect(self) -> Any:
        return sqlite if self._session.get_bind().dialect.name == "sqlite" else postgresql
