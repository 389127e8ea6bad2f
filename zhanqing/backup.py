"""Backup and restore of a single-machine installation: its SQLite database and stored recordings in one archive.

An installation on PostgreSQL is backed up with PostgreSQL's own tools.
"""

from __future__ import annotations

import sqlite3
import tarfile
import tempfile
from pathlib import Path

from domain.errors import InputError
from zhanqing.settings import Settings

_DATABASE = "zhanqing.db"
_BLOBS = "blobs"


def make_backup(settings: Settings, target: Path) -> int:
    """Write the archive, whole or not at all, while the service may be running.

    Returns:
        Its size in bytes.

    Raises:
        InputError: The installation is on another database, or the target cannot be written.
    """
    _only_sqlite(settings)
    unfinished = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(unfinished, "w:gz") as archive:
            copy = Path(folder) / _DATABASE
            _copy_database(settings.home / _DATABASE, copy)
            archive.add(copy, _DATABASE)
            # After the database: every recording that it names was stored before it was named.
            if (settings.home / _BLOBS).is_dir():
                archive.add(settings.home / _BLOBS, _BLOBS)
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError("zhanqing.unwritable", path=target, why=error.strerror or "") from error
    return target.stat().st_size


def restore_backup(settings: Settings, source: Path) -> None:
    """Unpack an archive into an empty home folder.

    Raises:
        InputError: The home folder is in use, or the archive is not one of ours.
    """
    _only_sqlite(settings)
    if (settings.home / _DATABASE).exists():
        raise InputError("zhanqing.home_in_use", path=settings.home)
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=settings.home) as folder:
            with tarfile.open(source, "r:gz") as archive:
                archive.extractall(folder, filter="data")
            _check_database(Path(folder) / _DATABASE)
            for name in (_BLOBS, _DATABASE):
                if (Path(folder) / name).exists():
                    (Path(folder) / name).replace(settings.home / name)
    except (OSError, EOFError, tarfile.TarError, sqlite3.DatabaseError) as error:
        raise InputError("zhanqing.bad_backup", path=source) from error


def _only_sqlite(settings: Settings) -> None:
    if settings.database.url is not None:
        raise InputError("zhanqing.backup_elsewhere")


def _copy_database(source: Path, copy: Path) -> None:
    """Copy a consistent snapshot, writers notwithstanding."""
    with sqlite3.connect(source) as original, sqlite3.connect(copy) as target:
        original.backup(target)
    original.close()
    target.close()


def _check_database(path: Path) -> None:
    if not path.is_file():
        raise tarfile.TarError("no database in the archive")
    connection = sqlite3.connect(path)
    try:
        if connection.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("quick_check failed")
    finally:
        connection.close()
