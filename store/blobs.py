"""Stored files: a row says that a tenant has one, the bytes lie in a folder of the tenant's.

Each writing makes a file of its own, before the row is committed; the file is removed after the
row's deletion is. A crash can therefore leave bytes without a row (a sweep removes them once they
are old) but never a row without bytes, however storing and erasing the same bytes may race.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select

from domain.errors import IntegrityError, MissingError, NotFoundError
from store.scope import Repository, Scope
from store.tables import BlobRow
from store.tenants import check_tenant

_CHUNK = 1 << 20
_STRAY_AGE_S = 3600.0
_SCRATCH = ".unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A stored file. `content_hash` is `sha256:` and the hash of its bytes."""

    content_hash: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """Bytes in the folder, not yet spoken of by a row."""

    name: str
    content_hash: str
    size_bytes: int


class BlobFolder:
    """Files of all tenants: `<root>/<tenant>/<64 hex>.<8 hex>`, hash and chance."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, tenant: str, name: str) -> Path:
        """Return where a file lies."""
        return self.root / check_tenant(tenant) / name

    def keep(self, tenant: str, source: BinaryIO) -> StoredFile:
        """Copy a file in from where it stands, whole or not at all; on disk when this returns."""
        folder = self.root / check_tenant(tenant)
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / f".incoming-{secrets.token_hex(8)}"
        try:
            content_hash, size = _copy(source, copy)
            name = f"{content_hash.removeprefix('sha256:')}.{secrets.token_hex(4)}"
            copy.replace(folder / name)
        finally:
            copy.unlink(missing_ok=True)
        return StoredFile(name=name, content_hash=content_hash, size_bytes=size)

    def forget(self, tenant: str, name: str) -> None:
        """Remove a file; none there is fine."""
        self.path(tenant, name).unlink(missing_ok=True)

    def older_than(self, tenant: str, age_s: float) -> list[str]:
        """Return the names of a tenant's files that were last written longer ago."""
        folder = self.root / check_tenant(tenant)
        limit = time.time() - age_s
        return sorted(path.name for path in folder.glob("*") if path.stat().st_mtime < limit)


class Blobs(Repository):
    """The stored files of one tenant."""

    def __init__(self, scope: Scope, folder: BlobFolder | None) -> None:
        super().__init__(scope)
        self._folder = folder

    async def put(self, file: Path, *, media_type: str) -> Blob:
        """Store a file's bytes; the same bytes are kept once.

        Large files are better kept before the transaction (`Store.keep_file`) and added here.

        Raises:
            MissingError: This process was given no blob folder.
        """

        def keep() -> StoredFile:
            with file.open("rb") as source:
                return self._given().keep(self._tenant, source)

        return await self.add(await asyncio.to_thread(keep), media_type=media_type)

    async def add(self, stored: StoredFile, *, media_type: str) -> Blob:
        """Make bytes that lie in the folder a stored file of this tenant; bytes it has already are dropped."""
        values = {
            "content_hash": stored.content_hash,
            "file_name": stored.name,
            "size_bytes": stored.size_bytes,
            "media_type": media_type,
            "created_at": self._now(),
        }
        if not await self._insert_new(BlobRow, values):
            self.drop(stored)
        return Blob(content_hash=stored.content_hash, size_bytes=stored.size_bytes, media_type=media_type)

    def drop(self, stored: StoredFile) -> None:
        """Remove bytes that no row will speak of, once the transaction is committed."""
        self._forget_later(stored.name)

    def scratch(self, name: str) -> Path:
        """Return where unfinished work on a recording may be kept: beside the recordings, so every worker finds it.

        No row speaks of such a file; whoever ends the work drops it, and a sweep takes one left by a crash.

        Raises:
            MissingError: This process was given no blob folder.
        """
        return self._given().path(self._tenant, f"{name}{_SCRATCH}")

    def drop_scratch(self, name: str) -> None:
        """Remove unfinished work, once the transaction is committed; none there is fine."""
        if self._folder is not None:
            self._forget_later(f"{name}{_SCRATCH}")

    async def get(self, content_hash: str) -> Blob | None:
        """Return what is known of a stored file, or None."""
        row = await self._row(content_hash)
        if row is None:
            return None
        return Blob(content_hash=row.content_hash, size_bytes=row.size_bytes, media_type=row.media_type)

    async def path(self, content_hash: str) -> Path:
        """Return a stored file's path on this machine, for reading.

        Raises:
            NotFoundError: This tenant has no such file.
            IntegrityError: Its bytes are gone.
        """
        row = await self._row(content_hash)
        if row is None:
            raise NotFoundError("store.no_blob")
        path = self._given().path(self._tenant, row.file_name)
        if not await asyncio.to_thread(path.is_file):
            raise IntegrityError("store.lost_blob", content_hash=content_hash)
        return path

    async def erase(self, content_hash: str) -> bool:
        """Remove a file; its bytes go once the transaction is committed. Say whether it was there."""
        row = await self._row(content_hash)
        if row is None:
            return False
        await self._changed(delete(BlobRow).where(BlobRow.content_hash == content_hash))
        self._forget_later(row.file_name)
        return True

    async def sweep(self, *, older_than_s: float = _STRAY_AGE_S) -> int:
        """Remove bytes that no row speaks of, left by a crash; say how many files went."""
        folder = self._given()
        old = await asyncio.to_thread(folder.older_than, self._tenant, older_than_s)
        known = set(await self._session.scalars(select(BlobRow.file_name)))
        strays = [name for name in old if name not in known]
        for stray in strays:
            await asyncio.to_thread(folder.forget, self._tenant, stray)
        return len(strays)

    def _forget_later(self, name: str) -> None:
        folder = self._given()

        async def forget() -> None:
            await asyncio.to_thread(folder.forget, self._tenant, name)

        self._scope.after_commit.append(forget)

    async def _row(self, content_hash: str) -> BlobRow | None:
        return await self._session.scalar(select(BlobRow).where(BlobRow.content_hash == content_hash))

    def _given(self) -> BlobFolder:
        if self._folder is None:
            raise MissingError("store.no_blob_folder")
        return self._folder


async def read_range(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes [start, end) of a file in chunks."""
    with await asyncio.to_thread(path.open, "rb") as file:
        await asyncio.to_thread(file.seek, start)
        left = end - start
        while left > 0 and (chunk := await asyncio.to_thread(file.read, min(_CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _copy(source: BinaryIO, copy: Path) -> tuple[str, int]:
    """Copy bytes to disk; return `sha256:…` and their number."""
    hasher = hashlib.sha256()
    with copy.open("xb") as target:
        while chunk := source.read(_CHUNK):
            hasher.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
        return f"sha256:{hasher.hexdigest()}", target.tell()
