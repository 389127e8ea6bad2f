"""What is not published is never found, on every index backend: right after the change, in a replica, after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.cases import Outcome, WarCase
from domain.errors import UpstreamError
from language.testing import HashingEncoder
from retrieval import library
from retrieval.index import PassageIndex
from retrieval.search import CaseSearch, index_in_memory
from store.work import Store

TENANT = "acme"
Backend = Callable[[], CaseSearch]


@pytest.fixture(params=["memory", pytest.param("milvus", marks=pytest.mark.milvus)])
def started(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> Iterator[Backend]:
    """A function that starts a process's search; each call is another process over the same engine."""
    made: list[Any] = []

    def on_milvus(tenant: str, dimension: int) -> PassageIndex:
        from retrieval.milvus_index import MilvusIndex

        made.append(MilvusIndex(str(tmp_path / "index.db"), tenant=tenant, dimension=dimension, encoder="hashing"))
        index: PassageIndex = made[-1]
        return index

    if request.param == "milvus":
        pytest.importorskip("pymilvus", reason="needs the milvus extra")
    factory = on_milvus if request.param == "milvus" else index_in_memory
    yield lambda: CaseSearch(store, HashingEncoder(), make_index=factory)
    for index in made:
        index.close()


def case(name: str, question: str = "三周能不能上线？") -> WarCase:
    return WarCase(
        id=name,
        title=f"战例{name}",
        outcome=Outcome.WON,
        customer_question=question,
        blocker="排期太紧",
        talk_track="先上一个科室。再看其余。",
        result="第19天上线。",
        industry=f"行业{name}",
    )


async def publish(store: Store, *cases: WarCase) -> None:
    async with store.begin(TENANT) as work:
        await work.cases.save(cases, by="test")
        await library.publish(work, [one.id for one in cases], by="test")


async def retire(store: Store, *names: str) -> None:
    async with store.begin(TENANT) as work:
        await library.retire(work, names, by="test")


async def found(search: CaseSearch, text: str = "三周上线", **facets: str) -> set[str]:
    return {hit.case_id for hit in (await search.search(TENANT, text, top_k=50, facets=facets)).hits}


async def test_a_withdrawn_case_is_gone_with_the_next_search(store: Store, started: Backend) -> None:
    search = started()
    await publish(store, case("C-1"), case("C-2"))
    assert await found(search) == {"C-1", "C-2"}
    await retire(store, "C-1")
    assert await found(search) == {"C-2"}
    assert await found(search, industry="行业C-1") == set()
    await publish(store, case("C-1", "四周呢？"))
    assert await found(search) == {"C-1", "C-2"}


async def test_a_draft_an_edit_under_review_and_a_rejected_one_are_not_found(store: Store, started: Backend) -> None:
    search = started()
    await publish(store, case("C-1"))
    async with store.begin(TENANT) as work:
        await work.cases.save([case("C-1", "预算批不下来"), case("C-2")], by="test")
        await library.submit(work, ["C-1", "C-2"], by="test")
        await library.reject(work, ["C-2"], by="test", why="缺证据")
    (hit,) = (await search.search(TENANT, "预算批不下来", top_k=50)).hits
    questions = [one.passage.text for one in hit.passages if one.passage.column == "customer_question"]
    assert (hit.case_id, questions) == ("C-1", ["三周能不能上线？"])


async def test_a_second_process_sees_every_change_of_the_first(store: Store, started: Backend) -> None:
    first = started()
    await publish(store, case("C-1"), case("C-2"))
    assert await found(first) == {"C-1", "C-2"}
    second = started()
    assert await found(second) == {"C-1", "C-2"}
    await retire(store, "C-2")
    assert await found(second) == await found(first) == {"C-1"}


async def test_what_was_withdrawn_while_nobody_ran_is_not_found_after_the_start(store: Store, started: Backend) -> None:
    await publish(store, case("C-1"), case("C-2"))
    assert await found(started()) == {"C-1", "C-2"}
    await retire(store, "C-1")
    again = started()
    assert await found(again) == {"C-2"}
    assert await found(again, industry="行业C-1") == set()


async def test_an_index_that_fell_over_in_the_middle_is_put_right(
    store: Store, started: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = started()
    await publish(store, case("C-1"))
    assert await found(search) == {"C-1"}
    await publish(store, case("C-2"))
    await retire(store, "C-1")
    index = search._copies[TENANT].index
    broken = UpstreamError("retrieval.milvus_failed", code=0)

    def fall_over(_groups: object) -> None:
        raise broken

    with monkeypatch.context() as patch:
        patch.setattr(index, "put", fall_over)
        with pytest.raises(UpstreamError):
            await found(search)
    assert await found(search) == {"C-2"}
    assert await found(started()) == {"C-2"}


async def test_the_words_of_a_withdrawn_case_are_in_no_hit_of_another(store: Store, started: Backend) -> None:
    search = started()
    await publish(store, case("C-1", "独家条款四十二"), case("C-2"))
    await found(search)
    await retire(store, "C-1")
    result = await search.search(TENANT, "独家条款四十二", top_k=50)
    assert all("独家条款" not in one.passage.text for hit in result.hits for one in hit.passages)
