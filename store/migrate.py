"""Moving a database to the version that this code knows, up or down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import InputError, MissingError
from store.engine import writer
from store.faults import translated

HEAD = "0004"
"""The version of this code; a test holds it to the newest migration. Kept here to spare importing Alembic."""

_LOCK = 0x7A71
"""Key of PostgreSQL's advisory lock: two processes must not migrate at once."""


class SchemaState(StrEnum):
    """How a database's version compares with this code's."""

    EMPTY = "empty"
    HEAD = "head"
    BEHIND = "behind"
    AHEAD = "ahead"


async def state(engine: AsyncEngine) -> SchemaState:
    """Say how the database compares with this code.

    Raises:
        UpstreamError: The database is out of reach.
    """
    async with _exclusive(engine) as connection:
        return await _state(connection)


async def prepare(engine: AsyncEngine, *, migrate: bool = False) -> None:
    """Make an empty database current; an older one only when `migrate` says so.

    Raises:
        MissingError: `store.schema_behind`: it is older, and `migrate` is not set.
        InputError: `store.schema_ahead`: it is of a newer version.
        UpstreamError: The database is out of reach.
    """
    async with _exclusive(engine) as connection:
        found = await _state(connection)
        if found is SchemaState.AHEAD:
            raise InputError("store.schema_ahead")
        if found is SchemaState.BEHIND and not migrate:
            raise MissingError("store.schema_behind")
        if found is not SchemaState.HEAD:
            await connection.run_sync(_run_alembic, "upgrade", "head")


async def upgrade(engine: AsyncEngine, revision: str = "head") -> None:
    """Apply the migrations up to a revision, all or none."""
    async with _exclusive(engine) as connection:
        await connection.run_sync(_run_alembic, "upgrade", revision)


async def downgrade(engine: AsyncEngine, revision: str) -> None:
    """Take migrations back to a revision (`base` for an empty database), all or none."""
    async with _exclusive(engine) as connection:
        await connection.run_sync(_run_alembic, "downgrade", revision)


@asynccontextmanager
async def _exclusive(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction that no other migration shares."""
    try:
        async with writer(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield connection
    except (SQLAlchemyError, ConnectionError) as error:
        raise translated(error) from error


async def _state(connection: AsyncConnection) -> SchemaState:
    if not await connection.run_sync(lambda sync: inspect(sync).has_table("alembic_version")):
        return SchemaState.EMPTY
    version = await connection.scalar(text("SELECT version_num FROM alembic_version"))
    if version is None:
        return SchemaState.EMPTY
    if version == HEAD:
        return SchemaState.HEAD
    return SchemaState.BEHIND if version < HEAD else SchemaState.AHEAD


def _run_alembic(connection: Connection, action: str, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    run: Callable[[Config, str], None] = getattr(command, action)
    run(config, revision)
