"""Searching what the database holds, through changes, with an encoder that needs no weights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from domain.cases import Outcome, WarCase
from language.testing import HashingEncoder
from retrieval import library
from retrieval.passages import FACET_COLUMNS
from retrieval.search import CaseSearch
from store.work import Store
from wire.documents import read

SAMPLES = Path(__file__).parents[2] / "examples" / "cases.jsonl"
TENANT = "acme"


@pytest.fixture(scope="session")
def samples() -> tuple[WarCase, ...]:
    lines = SAMPLES.read_text(encoding="utf-8").splitlines()
    return tuple(read(WarCase, json.loads(line), what="case") for line in lines)


@pytest.fixture
def search(store: Store) -> CaseSearch:
    return CaseSearch(store, HashingEncoder())


async def publish(store: Store, cases: Sequence[WarCase]) -> None:
    async with store.begin(TENANT) as work:
        await work.cases.save(cases, by="test")
        await library.publish(work, [case.id for case in cases], by="test")


async def retire(store: Store, case_id: str) -> None:
    async with store.begin(TENANT) as work:
        await library.retire(work, [case_id], by="test")


async def found(search: CaseSearch, text: str, **options: object) -> list[str]:
    result = await search.search(TENANT, text, **options)  # type: ignore[arg-type]  # options of search
    return [hit.case_id for hit in result.hits]


class TestHits:
    async def test_a_customer_question_finds_its_own_case_first(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples)
        for case in samples[::7]:
            assert (await found(search, case.customer_question))[0] == case.id

    async def test_every_passage_is_the_live_source_text_at_its_offsets(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:6])
        result = await search.search(TENANT, "三周上线", top_k=6)
        async with store.read(TENANT) as work:
            for hit in result.hits:
                assert hit.dense is not None and hit.lexical is not None
                assert {passage.passage.column for passage in hit.passages}.isdisjoint(FACET_COLUMNS)
                for passage in (scored.passage for scored in hit.passages):
                    source = await work.sources.get(passage.source_id)
                    assert source is not None and source.version == passage.version
                    assert source.text[passage.start : passage.end] == passage.text

    async def test_top_k_counts_distinct_cases_best_first(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples)
        result = await search.search(TENANT, "交付周期太长", top_k=7)
        scores = [hit.score for hit in result.hits]
        assert len({hit.case_id for hit in result.hits}) == 7
        assert scores == sorted(scores, reverse=True)

    async def test_passages_inside_a_case_come_best_first(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:3])
        sentence = "每周五我们一起过一次进度，哪一天晚了当天就告诉您。"
        hit = (await search.search(TENANT, sentence)).hits[0]
        assert hit.best.passage.text == sentence
        assert [one.score for one in hit.passages] == sorted((one.score for one in hit.passages), reverse=True)

    async def test_a_lost_case_says_so(self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]) -> None:
        lost = next(case for case in samples if case.outcome is Outcome.LOST)
        await publish(store, [lost])
        (hit,) = (await search.search(TENANT, lost.customer_question)).hits
        assert hit.outcome is Outcome.LOST

    @pytest.mark.parametrize("text", ["", "   ", "？！…", "\u200b"])
    async def test_a_text_without_words_is_no_failure(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...], text: str
    ) -> None:
        await publish(store, samples[:2])
        result = await search.search(TENANT, text)
        assert len({hit.case_id for hit in result.hits}) == len(result.hits)

    async def test_an_empty_corpus_finds_nothing(self, search: CaseSearch) -> None:
        assert await found(search, "交付周期") == []


class TestFacets:
    async def test_the_filter_comes_before_the_ranking(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples)
        wanted = {case.id for case in samples if case.industry == "化工"}
        assert set(await found(search, "医院三周上线", top_k=50, facets={"industry": "化工"})) == wanted

    async def test_columns_and_values_or(self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]) -> None:
        await publish(store, samples)
        chosen = {"industry": ["化工", "能源"], "outcome": "lost"}
        wanted = {case.id for case in samples if case.industry in ("化工", "能源") and case.outcome is Outcome.LOST}
        assert set(await found(search, "客户", top_k=50, facets=chosen)) == wanted

    @pytest.mark.parametrize("column", ["id", "title", "rep", "stage", "closed_at", "tags", "customer_question"])
    async def test_any_column_filters_by_its_exact_value(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...], column: str
    ) -> None:
        await publish(store, samples[:20])
        case = samples[0]
        value = case.id if column == "id" else case.tags[0] if column == "tags" else case.column_text(column)
        assert case.id in await found(search, "客户", top_k=50, facets={column: value})

    async def test_an_unknown_value_gives_no_hits_and_a_warning(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:4])
        result = await search.search(TENANT, "客户", facets={"industry": "制造"})
        assert result.hits == ()
        assert "制造" in result.warnings[0]

    async def test_an_unknown_value_beside_a_known_one_only_warns(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:4])
        result = await search.search(TENANT, "客户", facets={"industry": ["医疗", "火星"]})
        assert len(result.hits) == 4
        assert len(result.warnings) == 1


class TestChanges:
    async def test_a_draft_is_not_found_and_published_it_is(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        case = samples[0]
        async with store.begin(TENANT) as work:
            await work.cases.save([case], by="test")
        assert await found(search, case.customer_question) == []
        async with store.begin(TENANT) as work:
            await library.submit(work, [case.id], by="test")
        assert await found(search, case.customer_question) == []
        async with store.begin(TENANT) as work:
            await library.approve(work, [case.id], by="test")
        assert await found(search, case.customer_question) == [case.id]

    async def test_a_retired_case_is_gone_at_once_and_may_come_back(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        case, other = samples[0], samples[1]
        await publish(store, [case, other])
        assert case.id in await found(search, case.customer_question)
        await retire(store, case.id)
        assert await found(search, case.customer_question) == [other.id]
        changed = replace(case, result="第18天上线。")
        await publish(store, [changed])
        hits = (await search.search(TENANT, changed.result)).hits
        assert hits[0].case_id == case.id
        assert "第18天上线。" in [one.passage.text for one in hits[0].passages]

    async def test_an_edit_is_found_only_once_it_is_approved(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        case = samples[0]
        await publish(store, [case])
        edited = replace(case, turning_point="请院长当场签字。")
        async with store.begin(TENANT) as work:
            await work.cases.save([edited], by="test")
        texts = [one.passage.text for one in (await search.search(TENANT, "院长当场签字")).hits[0].passages]
        assert "请院长当场签字。" not in texts
        await publish(store, [edited])
        texts = [one.passage.text for one in (await search.search(TENANT, "院长当场签字")).hits[0].passages]
        assert "请院长当场签字。" in texts
        assert case.turning_point not in texts

    async def test_an_erased_source_is_found_no_more(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        case = samples[0]
        await publish(store, [case])
        await found(search, "客户")
        async with store.begin(TENANT) as work:
            await work.sources.erase(f"case:{case.id}:background")
        (hit,) = (await search.search(TENANT, case.background)).hits
        assert "background" not in {one.passage.column for one in hit.passages}

    async def test_a_changed_facet_filters_at_once(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        case = samples[0]
        await publish(store, [case])
        await found(search, "客户")
        await publish(store, [replace(case, industry="航空")])
        assert await found(search, "客户", facets={"industry": "航空"}) == [case.id]
        assert await found(search, "客户", facets={"industry": case.industry}) == []

    async def test_a_second_process_sees_the_same_and_encodes_nothing_again(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:10])
        first = await search.search(TENANT, "价格太贵", top_k=10)
        counting = CountingEncoder()
        second = await CaseSearch(store, counting).search(TENANT, "价格太贵", top_k=10)
        assert second == first
        assert counting.passages == 0

    async def test_another_model_makes_its_own_vectors(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:2])
        await found(search, "客户")
        other = CountingEncoder(fingerprint="another")
        await CaseSearch(store, other).search(TENANT, "客户")
        assert other.passages > 0

    async def test_tenants_do_not_share_an_index(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:2])
        await found(search, "客户")
        assert (await search.search("other", "客户")).hits == ()

    async def test_readers_and_writers_together_never_show_a_withdrawn_or_half_written_case(
        self, store: Store, search: CaseSearch, samples: tuple[WarCase, ...]
    ) -> None:
        await publish(store, samples[:8])
        retired: set[str] = set()
        sizes = {case.id: len(hit.passages) for case in samples[:8] for hit in await hits_of(search, case)}

        async def write(case: WarCase) -> None:
            await retire(store, case.id)
            retired.add(case.id)
            await asyncio.sleep(0)
            retired.discard(case.id)
            await publish(store, [case])

        async def look() -> None:
            for _ in range(12):
                gone_before = frozenset(retired)
                hits = (await search.search(TENANT, "客户三周上线", top_k=8)).hits
                still_gone = gone_before & retired
                assert still_gone.isdisjoint(hit.case_id for hit in hits)
                assert all(len(hit.passages) == sizes[hit.case_id] for hit in hits)

        async with asyncio.TaskGroup() as group:
            for case in samples[:4]:
                group.create_task(write(case))
            for _ in range(4):
                group.create_task(look())


async def hits_of(search: CaseSearch, case: WarCase) -> list[object]:
    result = await search.search(TENANT, case.customer_question, top_k=8)
    return [hit for hit in result.hits if hit.case_id == case.id]


class CountingEncoder(HashingEncoder):
    def __init__(self, *, fingerprint: str = HashingEncoder.fingerprint) -> None:
        self.fingerprint = fingerprint
        self.passages = 0

    def encode(self, texts, *, prefix):  # type: ignore[no-untyped-def]  # as its base
        self.passages += len(texts) if prefix == "passage" else 0
        return super().encode(texts, prefix=prefix)
