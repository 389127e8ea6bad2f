"""What lies outside the tables and must go with an erasure: the coach's memory of chats, and the files' own traces.

Threads are short-term memory that quotes customers freely and names no one in a way that could be looked
up. So an erasure empties all threads of its tenant, as it empties the kept answers.
"""

from __future__ import annotations

import aiosqlite
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domain.errors import UpstreamError
from store.engine import scrub
from store.faults import translated
from store.work import Store

THREADS_FILE = "threads.db"
_TABLES = ("checkpoints", "writes", "checkpoint_writes", "checkpoint_blobs")


async def wipe_traces(store: Store, tenant: str) -> None:
    """Empty the tenant's chat threads and remove what deleted rows leave in files; to be run after an erasure.

    Raises:
        UpstreamError: The database is busy or out of reach; trying again may help.
    """
    if store.engine.dialect.name == "sqlite":
        await _empty_file(store, tenant)
    else:
        await _empty_tables(store, tenant)
    await scrub(store.engine)


async def _empty_file(store: Store, tenant: str) -> None:
    path = store.blob_folder.root.parent / THREADS_FILE if store.blob_folder else None
    if path is None or not path.exists():
        return
    try:
        async with aiosqlite.connect(path, timeout=15) as connection:
            await connection.execute("PRAGMA secure_delete=ON")
            there = await connection.execute_fetchall("SELECT name FROM sqlite_master WHERE type = 'table'")
            for table in {str(row[0]) for row in there} & set(_TABLES):
                statement = f"DELETE FROM {table} WHERE substr(thread_id, 1, ?) = ?"  # noqa: S608  # our own names
                await connection.execute(statement, (len(tenant) + 1, f"{tenant}:"))
            await connection.commit()
            await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except aiosqlite.Error as error:
        raise UpstreamError("store.busy") from error


async def _empty_tables(store: Store, tenant: str) -> None:
    try:
        async with store.engine.begin() as connection:
            for table in _TABLES:
                if await connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}):
                    statement = f"DELETE FROM {table} WHERE starts_with(thread_id, :mine)"  # noqa: S608  # our own names
                    await connection.execute(text(statement), {"mine": f"{tenant}:"})
    except (SQLAlchemyError, ConnectionError) as error:
        raise translated(error) from error
