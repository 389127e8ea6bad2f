"""Documents, price lists and competitor cards answer where they hold what is asked; nothing else does."""

from __future__ import annotations

import pytest

from agent.coach import Coach
from domain.sources import SourceKind
from domain.suggestions import AbstentionReason
from store.work import Store

PRICES = """# 2026 年价格表

标准版每用户每年 1200 元，最少 20 个用户起订。
企业版每用户每年 1980 元，含私有化部署和专属客户经理。
质保期为验收之日起 24 个月，质保期外每年收合同额的 12% 作为维保费。
"""
CARD = "云帆CRM的标准版按用户收费，每用户每月 80 元。\n云帆CRM不支持私有化部署，数据放在公有云。\n"


@pytest.fixture
async def coach_with_papers(coach: Coach, store: Store, tenant: str) -> Coach:
    async with store.begin(tenant) as work:
        await work.sources.put("doc:price", kind=SourceKind.DOCUMENT, title="2026 年价格表", text=PRICES)
        await work.sources.put("card:云帆CRM", kind=SourceKind.CARD, title="竞品卡：云帆CRM", text=CARD)
        await work.corpus.grow()
    return coach


@pytest.mark.parametrize(
    ("asked", "said", "source"),
    [
        ("标准版每用户每年多少钱", "标准版每用户每年 1200 元", "doc:price"),
        ("企业版含不含私有化部署", "含私有化部署和专属客户经理", "doc:price"),
        ("质保期多久", "24 个月", "doc:price"),
        ("云帆CRM支持私有化部署吗", "云帆CRM不支持私有化部署", "card:云帆CRM"),
        ("云帆CRM标准版按什么收费", "按用户收费，每用户每月 80 元", "card:云帆CRM"),
    ],
)
async def test_a_paper_answers_in_its_own_words(
    coach_with_papers: Coach, tenant: str, asked: str, said: str, source: str
) -> None:
    envelope = await coach_with_papers.ask(tenant, asked)
    (suggestion,) = envelope.suggestions
    assert said in suggestion.what
    assert {citation.source_id for claim in suggestion.claims for citation in claim.citations} == {source}
    assert suggestion.tactic == "据资料回答"


async def test_the_line_that_is_asked_about_is_told_from_one_like_it(coach_with_papers: Coach, tenant: str) -> None:
    envelope = await coach_with_papers.ask(tenant, "标准版每用户每年多少钱")
    assert "1980" not in envelope.suggestions[0].what


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("旗舰版多少钱", AbstentionReason.NO_EVIDENCE),
        ("云帆CRM有多少客户", AbstentionReason.NO_EVIDENCE),
        ("数慧CRM怎么收费", AbstentionReason.UNKNOWN_COMPETITOR),
    ],
)
async def test_what_no_paper_holds_is_not_answered(
    coach_with_papers: Coach, tenant: str, asked: str, code: AbstentionReason
) -> None:
    envelope = await coach_with_papers.ask(tenant, asked)
    assert envelope.abstained and envelope.reason_code is code


async def test_a_case_that_is_asked_about_still_answers(coach_with_papers: Coach, tenant: str) -> None:
    envelope = await coach_with_papers.ask(tenant, "轴承厂那单合同额多少？")
    assert "54万元" in envelope.suggestions[0].what


async def test_a_retired_paper_answers_nothing(coach_with_papers: Coach, store: Store, tenant: str) -> None:
    async with store.begin(tenant) as work:
        await work.sources.retire("doc:price")
        await work.corpus.grow()
    envelope = await coach_with_papers.ask(tenant, "质保期多久")
    assert "24 个月" not in "".join(suggestion.what for suggestion in envelope.suggestions)
