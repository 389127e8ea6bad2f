"""The door to the database: `Store.begin(tenant)` is one transaction of one tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from domain.errors import MissingError, UpstreamError
from store.blobs import BlobFolder, StoredFile
from store.columns import TenantOwned
from store.engine import BUSY_TIMEOUT_S, reader, writer
from store.faults import translated
from store.jobs import JobRef
from store.repositories import Work
from store.scope import Clock, Scope
from store.sealing import Sealer
from store.tenants import ensure_tenant

__all__ = ["Store", "Work", "utc_now"]

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class Store:
    """The database of one installation.

    Args:
        engine: From `store.engine.make_engine`.
        blobs: Where the bytes of stored files lie; needed by whoever stores or reads one.
        sealer: Seals the secrets of webhooks; needed by whoever makes or delivers to one.
        clock: Tells the time.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        blobs: Path | None = None,
        sealer: Sealer | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.blob_folder = BlobFolder(blobs) if blobs else None
        self._sealer = sealer
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._tenants: set[str] = set()
        self._wakers: list[Callable[[JobRef], Awaitable[None]]] = []
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @asynccontextmanager
    async def begin(self, tenant: str) -> AsyncIterator[Work]:
        """Open a transaction that may write; commit when the block ends, roll back when it raises.

        A tenant that is not there yet is made.

        Raises:
            InputError: `store.bad_tenant`, or a value that no database column takes.
            ConflictError: A unique key was taken meanwhile.
            UpstreamError: The database is busy or out of reach; trying again may help.
        """
        async with self._transaction(self._writer, writes=True) as session:
            if tenant not in self._tenants:
                await ensure_tenant(session, tenant, self.clock())
            scope = self._scope(session, tenant)
            yield Work(scope, self.blob_folder, self._sealer)
        self._tenants.add(tenant)
        await _run_after_commit(scope)

    @asynccontextmanager
    async def read(self, tenant: str) -> AsyncIterator[Work]:
        """Open a transaction that only reads, from one snapshot, and takes no lock.

        Raises:
            UpstreamError: The database is out of reach; trying again may help.
        """
        async with self._transaction(self._reader, writes=False) as session:
            yield Work(self._scope(session, tenant), self.blob_folder, self._sealer)

    @asynccontextmanager
    async def across_tenants(self, *, writes: bool = True) -> AsyncIterator[AsyncSession]:
        """Open a transaction that no tenant binds: for the job queue, key look-up and sweepers only."""
        engine = self._writer if writes else self._reader
        async with self._transaction(engine, writes=writes) as session:
            yield session

    async def keep_file(self, tenant: str, source: BinaryIO) -> StoredFile:
        """Copy a file into the blob folder, outside any transaction; a row must speak of it within the hour.

        Raises:
            MissingError: This process was given no blob folder.
            InputError: `store.bad_tenant`.
        """
        if self.blob_folder is None:
            raise MissingError("store.no_blob_folder")
        return await asyncio.to_thread(self.blob_folder.keep, tenant, source)

    def watch_jobs(self, waker: Callable[[JobRef], Awaitable[None]]) -> None:
        """Call `waker` after each commit that queued a job; the row is the truth, this only saves waiting."""
        self._wakers.append(waker)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine, *, writes: bool) -> AsyncIterator[AsyncSession]:
        options = {"populate_existing": True, "synchronize_session": False}
        try:
            async with (
                self._turn(writes),
                AsyncSession(
                    engine, sync_session_class=_Narrowed, expire_on_commit=False, execution_options=options
                ) as session,
                session.begin(),
            ):
                yield session
        except (SQLAlchemyError, ConnectionError, TimeoutError) as error:
            raise translated(error) from error

    def _scope(self, session: AsyncSession, tenant: str) -> Scope:
        narrow(session.sync_session, tenant)

        async def wake(job_id: str) -> None:
            for waker in self._wakers:
                await waker(JobRef(tenant=tenant, job_id=job_id))

        return Scope(session=session, tenant=tenant, clock=self.clock, wake=wake)

    def _turn(self, writes: bool) -> Any:
        """SQLite has one writer at a time: queue fairly in this process instead of polling its lock."""
        if not writes or self.engine.dialect.name != "sqlite":
            return nullcontext()
        return _taken(self._gates.setdefault(asyncio.get_running_loop(), asyncio.Lock()))


class _Narrowed(Session):
    """A session whose statements reach one tenant's rows once it is bound to one."""


def narrow(session: Session, tenant: str) -> None:
    """Bind a session to a tenant: SQLAlchemy adds the criterion to every SELECT, UPDATE and DELETE."""
    session.info["tenant"] = tenant


@event.listens_for(_Narrowed, "do_orm_execute")
def _add_criterion(state: ORMExecuteState) -> None:
    tenant = state.session.info.get("tenant")
    if tenant is not None and (state.is_select or state.is_update or state.is_delete):
        owned = with_loader_criteria(TenantOwned, lambda row: row.tenant_id == tenant, include_aliases=True)
        state.statement = state.statement.options(owned)


@asynccontextmanager
async def _taken(gate: asyncio.Lock) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(BUSY_TIMEOUT_S):
            await gate.acquire()
    except TimeoutError as error:
        raise UpstreamError("store.busy") from error
    try:
        yield
    finally:
        gate.release()


async def _run_after_commit(scope: Scope) -> None:
    """What follows a commit may fail without undoing it; the sweeper catches up."""
    for follow in scope.after_commit:
        try:
            await follow()
        except Exception:  # the commit stands, whatever a waker does
            log.exception("store.after_commit_failed")
