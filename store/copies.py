"""A PostgreSQL database as files and back: every table as PostgreSQL's own COPY writes it, from one snapshot.

The files are text, so that another version of PostgreSQL reads them; the client programs need not be installed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asyncpg import Connection, PostgresError  # type: ignore[import-untyped]  # as shipped
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import ConflictError, InputError
from store.faults import translated
from store.migrate import HEAD, SchemaState, prepare, state, upgrade
from store.tables import metadata

MANIFEST = "manifest.json"
_TIMEOUT_S = 24 * 3600.0


async def copy_out(engine: AsyncEngine, folder: Path) -> None:
    """Write every table into a folder, all as of one moment, while others go on writing.

    Raises:
        UpstreamError: The database is out of reach.
    """
    tables = []
    async with _driver(engine) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        for table in metadata.sorted_tables:
            columns = [column.name for column in table.columns]
            path = folder / f"{table.name}.copy"
            done = await connection.copy_from_table(table.name, columns=columns, output=path, timeout=_TIMEOUT_S)
            tables.append({"name": table.name, "columns": columns, "rows": int(done.split()[-1])})
    manifest = {"revision": HEAD, "tables": tables}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


async def copy_in(engine: AsyncEngine, folder: Path) -> None:
    """Fill an empty database from a folder, all or nothing; it is then of the version that the copy was made with.

    Raises:
        ConflictError: `store.database_in_use`: it is not empty.
        InputError: `store.bad_copy`: the folder holds no whole copy.
        UpstreamError: The database is out of reach.
    """
    manifest = _manifest(folder)
    await _make_ready(engine, manifest["revision"])
    async with _driver(engine) as connection, connection.transaction():
        for table in manifest["tables"]:
            path = folder / f"{table['name']}.copy"
            try:
                done = await connection.copy_to_table(
                    table["name"], columns=table["columns"], source=path, timeout=_TIMEOUT_S
                )
            except (PostgresError, OSError) as error:
                raise InputError("store.bad_copy") from error
            if int(done.split()[-1]) != table["rows"]:
                raise InputError("store.bad_copy")


def _manifest(folder: Path) -> Any:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("store.bad_copy") from error


async def _make_ready(engine: AsyncEngine, revision: str) -> None:
    """Bring an empty database to the version of the copy."""
    found = await state(engine)
    if found is SchemaState.EMPTY and revision != HEAD:
        await upgrade(engine, revision)
        return
    if found is not SchemaState.EMPTY and (revision != HEAD or found is not SchemaState.HEAD):
        raise ConflictError("store.database_in_use")
    await prepare(engine)
    async with engine.connect() as connection:
        if await connection.scalar(text("SELECT EXISTS (SELECT FROM tenants)")):
            raise ConflictError("store.database_in_use")


@asynccontextmanager
async def _driver(engine: AsyncEngine) -> AsyncIterator[Connection]:
    """The driver's own connection: SQLAlchemy has no COPY."""
    try:
        async with engine.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert isinstance(raw, Connection)  # noqa: S101  # the only driver that `make_engine` takes
            yield raw
    except (SQLAlchemyError, ConnectionError) as error:
        raise translated(error) from error
