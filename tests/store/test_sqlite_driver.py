from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from store.engine import make_engine
from store.sqlite_driver import OneVisitConnection, connect

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    made = make_engine(f"sqlite+aiosqlite:///{tmp_path}/one.db")
    yield made
    await made.dispose()


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[OneVisitConnection]:
    async with connect(str(tmp_path / "two.db")) as opened:
        yield opened


class Visits:
    """Counts how often a connection's thread is gone to."""

    def __init__(self, connection: OneVisitConnection, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        there = connection._execute

        async def counted(*args: object) -> object:
            self.count += 1
            return await there(*args)

        monkeypatch.setattr(connection, "_execute", counted)


@pytest.mark.parametrize("last", [0, 1, 999, 1000, 1001, 2500])
async def test_every_row_comes_once_and_in_order(engine: AsyncEngine, last: int) -> None:
    async with engine.connect() as open_:
        found = (await open_.execute(text(NUMBERS.format(last=max(last, 1)) + f" LIMIT {last}"))).scalars().all()
    assert found == list(range(1, last + 1))


async def test_a_long_answer_can_be_read_piece_by_piece(engine: AsyncEngine) -> None:
    async with engine.connect() as open_:
        rows = [row.i async for row in await open_.stream(text(NUMBERS.format(last=2500)))]
    assert rows == list(range(1, 2501))


async def test_a_statement_is_one_visit(connection: OneVisitConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = Visits(connection, monkeypatch)
    cursor = connection.cursor()
    await cursor.execute("SELECT 1")
    rows = await cursor.fetchall()
    await cursor.close()
    assert (rows, visits.count) == ([(1,)], 1)


async def test_nothing_to_take_back_costs_no_visit(
    connection: OneVisitConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = Visits(connection, monkeypatch)
    await connection.rollback()
    await connection.cursor().execute("BEGIN")
    await connection.rollback()
    assert visits.count == 2
    assert not connection.in_transaction


async def test_a_statement_that_fails_leaves_the_connection_usable(engine: AsyncEngine) -> None:
    async with engine.connect() as open_:
        with pytest.raises(OperationalError):
            await open_.execute(text("SELECT * FROM nowhere"))
        assert await open_.scalar(text("SELECT 1")) == 1
