"""A case base in a throw-away database, for tests and evaluations of this room."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from domain.cases import WarCase
from retrieval import library
from store.engine import make_engine
from store.migrate import prepare
from store.scope import Clock
from store.work import Store, utc_now
from wire.documents import read

TENANT = "default"


def read_cases(path: Path) -> list[WarCase]:
    """Read war cases from JSONL with the import columns."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [read(WarCase, json.loads(line), what="case") for line in lines if line.strip()]


@asynccontextmanager
async def store_of(
    cases: Iterable[WarCase], folder: Path, *, tenant: str = TENANT, clock: Clock = utc_now
) -> AsyncIterator[Store]:
    """Yield a store on a new SQLite file with the cases published; closed afterwards."""
    engine = make_engine(f"sqlite+aiosqlite:///{folder / 'agent.db'}")
    await prepare(engine)
    store = Store(engine, clock=clock)
    try:
        await publish(store, list(cases), tenant=tenant)
        yield store
    finally:
        await store.close()


async def publish(store: Store, cases: Sequence[WarCase], *, tenant: str = TENANT) -> None:
    """Save the cases and take them to published."""
    async with store.begin(tenant) as work:
        await work.cases.save(cases, by="testing")
        await library.publish(work, [case.id for case in cases], by="testing")
