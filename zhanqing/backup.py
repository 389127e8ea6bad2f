"""Backup and restore of an installation: its database and stored recordings in one archive."""

from __future__ import annotations

import asyncio
import sqlite3
import tarfile
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import ConflictError, InputError
from store.engine import make_engine
from zhanqing.settings import Settings

_DATABASE = "zhanqing.db"
_TABLES = "tables"
_BLOBS = "blobs"


async def make_backup(settings: Settings, target: Path) -> int:
    """Write the archive, whole or not at all, while the service may be running.

    Returns:
        Its size in bytes.

    Raises:
        InputError: The target cannot be written.
        UpstreamError: The database is out of reach.
    """
    unfinished = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            copy = await _copy_database(settings, Path(name))
            # After the database: every recording that it names was stored before it was named.
            await asyncio.to_thread(_pack, unfinished, copy, settings.home / _BLOBS)
        unfinished.replace(target)
    except OSError as error:
        raise InputError("zhanqing.unwritable", path=target, why=error.strerror or "") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return await asyncio.to_thread(lambda: target.stat().st_size)


async def restore_backup(settings: Settings, source: Path) -> None:
    """Unpack an archive into an empty installation on a database of the same kind.

    Raises:
        InputError: The installation is in use, or the archive is not one of ours.
        UpstreamError: The database is out of reach.
    """
    if (settings.home / _DATABASE).exists() or _holds(settings.home / _BLOBS):
        raise InputError("zhanqing.home_in_use", path=settings.home)
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=settings.home) as unpacked:
            folder = Path(unpacked)
            await asyncio.to_thread(_unpack, source, folder)
            if settings.database.url is None:
                _check_file(folder / _DATABASE)
            else:
                await _fill_database(settings, folder / _TABLES)
            for name in (_BLOBS, _DATABASE):  # the database last: with it the installation is there
                if (folder / name).exists():
                    (folder / name).replace(settings.home / name)
    except (OSError, EOFError, tarfile.TarError, sqlite3.DatabaseError) as error:
        raise InputError("zhanqing.bad_backup", path=source) from error


async def _copy_database(settings: Settings, folder: Path) -> Path:
    """Copy a consistent snapshot, writers notwithstanding; return the file or folder that holds it."""
    if settings.database.url is None:
        copy = folder / _DATABASE
        await asyncio.to_thread(_copy_file, settings.home / _DATABASE, copy)
        return copy
    from store.copies import copy_out

    tables = folder / _TABLES
    tables.mkdir()
    async with _engine(settings) as engine:
        await copy_out(engine, tables)
    return tables


async def _fill_database(settings: Settings, tables: Path) -> None:
    from store.copies import copy_in

    try:
        async with _engine(settings) as engine:
            await copy_in(engine, tables)
    except ConflictError as error:
        raise InputError("zhanqing.database_in_use") from error
    except InputError as error:
        raise tarfile.TarError("no whole copy of the tables") from error


@asynccontextmanager
async def _engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    assert settings.database.url is not None  # noqa: S101  # without one it is a file
    engine = make_engine(settings.database.url.get_secret_value())
    try:
        yield engine
    finally:
        await engine.dispose()


def _holds(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _pack(archive_path: Path, copy: Path, blobs: Path) -> None:
    with tarfile.open(archive_path, "w:gz") as archive:
        archive.add(copy, copy.name)
        if blobs.is_dir():
            archive.add(blobs, _BLOBS)


def _unpack(source: Path, folder: Path) -> None:
    with tarfile.open(source, "r:gz") as archive:
        archive.extractall(folder, filter="data")


def _copy_file(source: Path, copy: Path) -> None:
    with sqlite3.connect(source) as original, sqlite3.connect(copy) as target:
        original.backup(target)
    original.close()
    target.close()


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise tarfile.TarError("no database in the archive")
    connection = sqlite3.connect(path)
    try:
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check failed")
    finally:
        connection.close()
