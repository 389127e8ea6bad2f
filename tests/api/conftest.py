"""A client of the application for each test, and keys of several callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.testing import QuotingCoach, SetSearch, TestParts, client_of, key_for
from store.sealing import Sealer
from store.testing import Databases, SteppingClock
from store.work import Store


@pytest.fixture
async def api_store(sqlite_databases: Databases, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Store]:
    async with sqlite_databases.fresh() as engine:
        yield Store(engine, blobs=tmp_path / "blobs", sealer=Sealer(b"k" * 32), clock=clock)


@pytest.fixture
def coach(api_store: Store) -> QuotingCoach:
    return QuotingCoach(api_store)


@pytest.fixture
def search() -> SetSearch:
    return SetSearch()


@pytest.fixture
def parts(api_store: Store, coach: QuotingCoach, search: SetSearch) -> TestParts:
    return TestParts(store=api_store, coach=coach, search=search)


@pytest.fixture
async def key(api_store: Store) -> dict[str, str]:
    return await key_for(api_store, "acme")


@pytest.fixture
async def client(parts: TestParts, key: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every right in the tenant acme."""
    async with client_of(parts, **key) as client:
        yield client


@pytest.fixture
async def stranger(parts: TestParts, api_store: Store) -> dict[str, str]:
    """The header of a caller with every right in another tenant."""
    return await key_for(api_store, "other")


@pytest.fixture
def recording(tmp_path: Path) -> bytes:
    """The first bytes of an Ogg file; enough to be accepted, never decoded."""
    return b"OggS\x00\x02" + bytes(300)
