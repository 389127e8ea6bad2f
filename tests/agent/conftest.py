"""A small case base and the coach over it, without model weights."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.coach import Coach
from agent.testing import TENANT, read_cases, store_of
from domain.cases import WarCase
from language.testing import HashingEncoder
from retrieval.testing import SearchInMemory
from store.engine import make_engine
from store.work import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sample_cases() -> list[WarCase]:
    return read_cases(ROOT / "examples" / "cases.jsonl")


@pytest.fixture(scope="session")
def other_cases() -> list[WarCase]:
    return read_cases(ROOT / "eval" / "sets" / "agent" / "cases.jsonl")


@pytest.fixture(scope="session")
def published(sample_cases: list[WarCase], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the sample cases published, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("published")

    async def make() -> None:
        async with store_of(sample_cases, folder):
            pass

    asyncio.run(make())
    return folder / "agent.db"


@pytest.fixture
async def store(published: Path, tmp_path: Path) -> AsyncIterator[Store]:
    copy = shutil.copy(published, tmp_path / "agent.db")
    opened = Store(make_engine(f"sqlite+aiosqlite:///{copy}"))
    yield opened
    await opened.close()


@pytest.fixture
def coach(store: Store, sample_cases: list[WarCase]) -> Coach:
    return Coach(store, SearchInMemory(sample_cases))


@pytest.fixture
def tenant() -> str:
    return TENANT


@pytest.fixture(scope="session")
def hashing_encoder() -> HashingEncoder:
    return HashingEncoder()
