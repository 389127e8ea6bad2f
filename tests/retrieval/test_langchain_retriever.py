"""Our search inside LangChain."""

from __future__ import annotations

import pytest

from domain.cases import Outcome, WarCase
from retrieval.langchain_retriever import WarCaseRetriever
from retrieval.testing import SearchInMemory, case_sources


def a_case(number: int, question: str) -> WarCase:
    return WarCase(
        id=f"C-{number}",
        title=f"战例{number}",
        outcome=Outcome.LOST if number == 2 else Outcome.WON,
        industry="化工" if number == 2 else "医疗",
        customer_question=question,
        blocker="卡住了",
        talk_track="先定排期。再谈价格。",
        result="成交。",
    )


CASES = (a_case(1, "三周能不能上线？"), a_case(2, "价格太贵了。"))


@pytest.fixture
def retriever() -> WarCaseRetriever:
    return WarCaseRetriever(search=SearchInMemory(CASES), top_k=2)


async def test_a_document_is_a_passage_that_can_be_cited(retriever: WarCaseRetriever) -> None:
    document = (await retriever.ainvoke("价格太贵了"))[0]
    source = case_sources(CASES[1])["customer_question"]
    place = document.metadata
    assert (place["case_id"], place["outcome"], place["source_id"]) == ("C-2", "lost", source.source_id)
    assert source.text[place["start"] : place["end"]] == document.page_content


def test_it_works_without_a_loop_and_twice(retriever: WarCaseRetriever) -> None:
    first = retriever.invoke("三周能不能上线")
    assert [document.metadata["case_id"] for document in first][:1] == ["C-1"]
    assert retriever.invoke("三周能不能上线") == first


async def test_it_composes_with_other_runnables(retriever: WarCaseRetriever) -> None:
    chain = retriever | (lambda documents: [document.page_content for document in documents])
    assert (await chain.ainvoke("价格太贵了"))[0] == "价格太贵了。"


async def test_facets_and_passages_per_case_are_passed_on() -> None:
    retriever = WarCaseRetriever(search=SearchInMemory(CASES), facets={"industry": "医疗"}, passages_per_case=3)
    documents = await retriever.ainvoke("价格")
    assert [document.metadata["case_id"] for document in documents] == ["C-1"] * 3
