"""Connections: one engine per process, the same rules on SQLite and PostgreSQL.

A writer takes SQLite's write lock when it begins, so that it can never fail half-way for want of
it; a reader sees one snapshot and takes no lock on either database.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.errors import InputError
from store.canonical import compact
from store.faults import translated
from store.sqlite_driver import OneVisitConnection, connect

BUSY_TIMEOUT_S = 15.0
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_BEGIN = "sqlite_begin"


def make_engine(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine for `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`; nothing connects yet.

    `sqlite:///` and `postgresql://` are read as their asynchronous forms.

    Raises:
        InputError: `store.bad_database_url`.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError("store.bad_database_url") from error
    backend = parsed.get_backend_name()
    if backend not in _DRIVERS or parsed.drivername not in (backend, _DRIVERS[backend]):
        raise InputError("store.bad_database_url")
    sqlite = backend == "sqlite"
    address = parsed.set(drivername=_DRIVERS[backend])
    options: dict[str, Any] = {"connect_args": {"command_timeout": 60}, "pool_pre_ping": True}
    if sqlite:
        options = {"async_creator": _sqlite_creator(address)}
    engine = create_async_engine(
        address, json_serializer=compact, pool_size=pool_size, max_overflow=pool_size, **options
    )
    if sqlite:
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def writer(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that write."""
    return engine.execution_options(**{_BEGIN: "IMMEDIATE"})


def reader(engine: AsyncEngine) -> AsyncEngine:
    """The same engine for transactions that only read, each from one snapshot."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{_BEGIN: "DEFERRED"})
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


async def scrub(engine: AsyncEngine) -> None:
    """Remove the traces that deleted rows leave in the database's own files; to be run after an erasure.

    SQLite's journal is written back and emptied; PostgreSQL's dead rows are reclaimed (its own
    write-ahead log and backups age out by their own rules).
    """
    if engine.dialect.name == "sqlite":
        outside, statement = engine.execution_options(**{_BEGIN: ""}), "PRAGMA wal_checkpoint(TRUNCATE)"
    else:
        outside, statement = engine.execution_options(isolation_level="AUTOCOMMIT"), "VACUUM"
    try:
        async with outside.connect() as connection:
            await connection.exec_driver_sql(statement)
    except (SQLAlchemyError, ConnectionError) as error:
        raise translated(error) from error


def _sqlite_creator(address: URL) -> Callable[[], OneVisitConnection]:
    """Return what opens a connection to the file that an address names."""
    places, options = address.get_dialect()().create_connect_args(address)
    return lambda: connect(*places, **{**options, "timeout": BUSY_TIMEOUT_S})


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Take over BEGIN from the driver and set what SQLite leaves to each connection."""
    connection.isolation_level = None
    cursor = connection.cursor()
    # FULL: a commit that was acknowledged survives the loss of power, not only of the process.
    # secure_delete: what is erased is overwritten, not only forgotten.
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get(_BEGIN, "IMMEDIATE")
    if mode:
        connection.exec_driver_sql(f"BEGIN {mode}")
