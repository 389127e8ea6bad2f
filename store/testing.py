"""Throw-away databases for tests: made once at head, then copied or emptied for each test."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine

from store.engine import make_engine
from store.faults import translated
from store.migrate import prepare
from store.tables import metadata

POSTGRES_URL = os.environ.get("ZHANQING_TEST_DATABASE__URL", "postgresql+asyncpg://postgres@localhost:5432/postgres")


class SteppingClock:
    """A clock that moves one millisecond a look, and as far as it is told."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """The time."""
        self._now += timedelta(milliseconds=1)
        return self._now

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Databases:
    """Where empty databases of one kind come from; one at a time on PostgreSQL."""

    url: str
    folder: Path

    @property
    def is_sqlite(self) -> bool:
        """Whether these are files."""
        return self.url.startswith("sqlite")

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[AsyncEngine]:
        """Yield an engine on an empty database at head."""
        engine = make_engine(self.url)
        if self.is_sqlite:
            path = self.folder / f"{secrets.token_hex(4)}.db"
            await asyncio.to_thread(shutil.copy, make_url(self.url).database or "", path)
            engine = make_engine(f"sqlite+aiosqlite:///{path}")
        try:
            yield engine
        finally:
            if not self.is_sqlite:
                await _empty(engine)
            await engine.dispose()


async def sqlite_databases(folder: Path) -> Databases:
    """Make the SQLite database that is copied for each test."""
    url = f"sqlite+aiosqlite:///{folder / 'template.db'}"
    await _at_head(url)
    return Databases(url, folder)


async def postgres_databases(folder: Path) -> Databases:
    """Make a database on the server of `ZHANQING_TEST_DATABASE__URL` that is emptied after each test.

    Raises:
        UpstreamError: There is no server; whether that may be is the caller's to say.
    """
    url = await create_postgres()
    await _at_head(url)
    return Databases(url, folder)


async def create_postgres() -> str:
    """Create an empty PostgreSQL database and return its URL.

    Raises:
        UpstreamError: There is no server.
    """
    name = f"zhanqing_test_{secrets.token_hex(6)}"
    await _administer(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
    return make_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)


async def drop_postgres(url: str) -> None:
    """Remove a database made by `create_postgres`."""
    await _administer(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


async def _empty(engine: AsyncEngine) -> None:
    """Delete every row, children first, in one round trip."""
    statements = ";".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))  # noqa: S608  # our own names
    async with engine.begin() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None  # noqa: S101  # it is checked out
        await raw.driver_connection.execute(statements)


async def _at_head(url: str) -> None:
    engine = make_engine(url)
    await prepare(engine)
    await engine.dispose()


async def _administer(statement: str) -> None:
    """Run one statement outside a transaction; names in it are ours."""
    engine = make_engine(POSTGRES_URL)
    try:
        async with engine.connect() as connection:
            autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await autocommit.execute(text(statement))
    except OSError as error:
        raise translated(error) from error
    finally:
        await engine.dispose()
