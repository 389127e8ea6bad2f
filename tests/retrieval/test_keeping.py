"""A process that stays has its indexes ready, with graphs where the corpus is large, and tries again after a failure."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domain.cases import Outcome, WarCase
from domain.errors import MissingError
from language.testing import HashingEncoder
from retrieval import library, vectors
from retrieval.keeping import IndexKeeper
from retrieval.memory_index import MemoryIndex
from retrieval.search import CaseSearch
from store.work import Store


async def publish(store: Store, tenant: str, count: int) -> None:
    cases = [
        WarCase(
            id=f"C-{number}",
            title=f"战例{number}",
            outcome=Outcome.WON,
            customer_question=f"第{number}个问题多久交付？",
            blocker="排期",
            talk_track="先定排期。",
            result="上线。",
        )
        for number in range(count)
    ]
    async with store.begin(tenant) as work:
        await work.cases.save(cases, by="test")
        await library.publish(work, [case.id for case in cases], by="test")


def small_search(store: Store, folder: Path | None = None) -> CaseSearch:
    """A search whose indexes count as large from 20 passages on."""
    return CaseSearch(
        store,
        HashingEncoder(),
        make_index=lambda _, dimension: MemoryIndex(dimension, exact_limit=20),
        snapshots=folder,
    )


async def test_a_large_corpus_gets_its_graph_and_a_small_one_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_GRAPH_BATCH", 10)
    await publish(store, "large", 20)
    await publish(store, "small", 2)
    search = small_search(store, tmp_path)
    keeper = IndexKeeper(store, lambda: search)
    assert await keeper.look() == 1
    assert await keeper.look() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["large"]
    hits = (await search.search("large", "第7个问题多久交付？", top_k=3)).hits
    assert hits[0].case_id == "C-7"


async def test_an_empty_installation_loads_no_model(store: Store) -> None:
    def load() -> CaseSearch:
        raise AssertionError("loaded")

    assert await IndexKeeper(store, load).look() == 0


async def test_after_a_failure_it_looks_again(store: Store) -> None:
    await publish(store, "acme", 1)
    found: list[CaseSearch] = []
    waits: list[float] = []

    def load() -> CaseSearch:
        if not waits:
            raise MissingError("language.encoder_missing", folder="x")
        found.append(small_search(store))
        return found[-1]

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await IndexKeeper(store, load, sleep=wait).run()
    assert len(found) == 1
