"""SQLite as SQLAlchemy speaks to it, with one change of threads a statement instead of four.

aiosqlite runs each call of a cursor (make, execute, fetch, close) in the connection's thread by itself. Most of what a
small statement costs is that changing to and fro; here all of it happens in one visit.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import aiosqlite

T = TypeVar("T")

_FIRST = 1000
"""Rows that come with the statement itself; a longer answer is fetched as it is asked for."""


class OneVisitConnection(aiosqlite.Connection):
    """A connection whose cursors do everything in one visit."""

    def cursor(self) -> Any:
        """Return a cursor; nothing happens before its first statement."""
        return _Cursor(self)

    async def rollback(self) -> None:
        """Take back what was not committed; the pool asks for it each time, mostly for nothing."""
        if self.in_transaction:
            await super().rollback()


class _Cursor:
    """What SQLAlchemy asks of an asynchronous cursor."""

    def __init__(self, connection: OneVisitConnection) -> None:
        self._connection = connection
        self._open: sqlite3.Cursor | None = None
        self._rows: deque[Any] = deque()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> _Cursor:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> _Cursor:
        """Run a statement and fetch what it answers."""
        return await self._visit(lambda cursor: cursor.execute(sql, tuple(parameters)))

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> _Cursor:
        """Run a statement once for each row of parameters."""
        return await self._visit(lambda cursor: cursor.executemany(sql, parameters))

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        wanted = size or self.arraysize
        if self._open is not None and len(self._rows) < wanted:
            self._rows += await self._there(partial(self._open.fetchmany, wanted))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        if self._open is not None:
            self._rows += await self._there(self._open.fetchall)
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def close(self) -> None:
        """Let go of what is left; nothing is, after an answer that came as a whole."""
        if self._open is not None:
            cursor, self._open = self._open, None
            await self._there(cursor.close)

    async def _there(self, run: Callable[[], T]) -> T:
        """Do something in the connection's thread."""
        done: T = await self._connection._execute(run)  # type: ignore[no-untyped-call]  # aiosqlite's own are untyped
        return done

    async def _visit(self, run: Callable[[sqlite3.Cursor], object]) -> _Cursor:
        await self.close()
        await self._there(partial(self._run, run))
        return self

    def _run(self, run: Callable[[sqlite3.Cursor], object]) -> None:
        """Done in the connection's thread."""
        cursor = self._connection._conn.cursor()
        try:
            run(cursor)
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
            self._rows = deque(cursor.fetchmany(_FIRST) if cursor.description else ())
        except BaseException:
            cursor.close()
            raise
        if len(self._rows) < _FIRST:
            cursor.close()
        else:
            self._open = cursor


def connect(database: str, **options: Any) -> OneVisitConnection:
    """Return a connection that opens when it is awaited, as `aiosqlite.connect` does."""
    connection = OneVisitConnection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    connection._thread.daemon = True  # as SQLAlchemy does with those it makes itself
    return connection
