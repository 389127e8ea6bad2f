"""Preparations that a model words: our sections, each on what it may rest on, three lines or the composer's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from agent.chat_engine import ChatEndpoint, ChatEngine
from agent.coach import Coach
from agent.engines import ExtractiveEngine
from agent.outlines import outline_words
from agent.scripted_endpoint import Scene, ScriptedEndpoint, scripted_endpoint, sources_in
from domain.accounts import Account
from domain.cases import WarCase
from domain.conversation import Transcript, Turn
from domain.suggestions import PREPARATIONS, AbstentionReason, DropReason, Envelope, SuggestionKind
from retrieval.testing import SearchInMemory
from store.work import Store

TITLES = outline_words()["sections"]
NOTE = "客户嫌四周上线太长，八月要迎接等级评审，还担心老设备接不上。"
ACCOUNT = Account(account_id="A-1", name="城东医院", industry="医疗", customer_size="大型", product="设备运维管理系统")
TALK = Transcript(
    id="call-1",
    turns=(
        Turn(id="t001", speaker="customer", text="我们一共有42台设备。四周上线还是有点长。"),
        Turn(id="t002", speaker="rep", text="明天上午十点前我发给您一份排期图。"),
        Turn(id="t003", speaker="customer", text="好，我周五之前把设备清单发给你。"),
    ),
)
FOR_ANYBODY = (
    "差价确实要说清楚，我们把三年的总成本放在一张表上比，会更公平。",
    "价格我可以去申请，同时也请您帮我确认，如果价格合适，月底之前能不能签。",
    "功能差不多的时候，建议您比一下半夜出了故障谁多久能到。",
)
"""Lines of won cases that promise nothing of their own deals."""
Said = tuple[str, str, str]
"""A section, what is written there, and words of the source that it cites."""


@contextmanager
def writing(*said: Said) -> Iterator[ScriptedEndpoint]:
    def answer(body: dict[str, Any]) -> str:
        suggestions = [
            {"tactic": section, "sentences": [{"text": text, "sources": _numbers(body, quoting)}]}
            for section, text, quoting in said
        ]
        return json.dumps({"abstain": False, "suggestions": suggestions}, ensure_ascii=False)

    with scripted_endpoint(Scene(says=answer)) as endpoint:
        yield endpoint


def _numbers(body: dict[str, Any], quoting: str) -> list[str]:
    return [one["id"] for one in sources_in(body) if quoting in one["text"]][:1] or ["S1"]


def coach_on(endpoint: ScriptedEndpoint, store: Store, cases: Sequence[WarCase]) -> Coach:
    chat = ChatEndpoint(base_url=endpoint.base_url, model="scripted", timeout_s=60.0, retries=0)
    return Coach(store, SearchInMemory(list(cases)), engine=ChatEngine(chat, ExtractiveEngine(None)))


def said_under(envelope: Envelope, section: str) -> list[str]:
    return [claim.text for one in envelope.suggestions if one.tactic == TITLES[section] for claim in one.claims]


async def test_a_summary_is_worded_by_the_model_under_our_sections(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    with writing(
        (TITLES["their_promises"], "客户答应周五之前把设备清单发给我们。", "设备清单"),
        ("总体评价", "客户一共有42台设备。", "42台"),
        (TITLES["facts"], "客户提到一共有42台设备。", "42台"),
    ) as endpoint:
        coach = coach_on(endpoint, store, sample_cases)
        envelope = await coach.prepare(tenant, SuggestionKind.SUMMARY, conversations=[TALK])
    assert envelope.engine == "llm:scripted"
    assert [one.tactic for one in envelope.suggestions] == [TITLES["facts"], TITLES["their_promises"]]
    assert not any("战例" in one["from"] for one in sources_in(endpoint.requests[0]))


async def test_one_sides_task_does_not_rest_on_the_other_sides_words(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    with writing(
        (TITLES["ours"], "我方周五之前把设备清单发过去。", "设备清单"),
        (TITLES["theirs"], "客户答应周五之前把设备清单发给我们。", "设备清单"),
    ) as endpoint:
        coach = coach_on(endpoint, store, sample_cases)
        envelope = await coach.prepare(tenant, SuggestionKind.FOLLOW_UP, conversations=[TALK])
    assert not said_under(envelope, "ours")
    assert said_under(envelope, "theirs")
    assert any("拍板" in question for question in envelope.missing)


async def test_a_line_to_be_practised_does_not_rest_on_a_lost_deal(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    lost = next(one for one in sample_cases if one.outcome.value == "lost")
    with writing(
        (TITLES["lines"], lost.result, lost.result), (TITLES["facts"], "客户属于医疗行业。", "医疗")
    ) as endpoint:
        coach = Coach(
            store,
            SearchInMemory([lost]),
            engine=ChatEngine(
                ChatEndpoint(base_url=endpoint.base_url, model="scripted", timeout_s=60.0, retries=0),
                ExtractiveEngine(None),
            ),
        )
        envelope = await coach.prepare(tenant, SuggestionKind.FIRST_CALL, text=lost.customer_question, account=ACCOUNT)
    assert any(lost.result[:10] in one["text"] for one in sources_in(endpoint.requests[0]))
    assert envelope.engine == "llm:scripted"
    assert said_under(envelope, "facts")
    assert not said_under(envelope, "lines")


async def test_a_practice_is_three_of_the_models_lines(store: Store, sample_cases: list[WarCase], tenant: str) -> None:
    won = [one for one in sample_cases if any(line in one.talk_track for line in FOR_ANYBODY)]
    with writing(*((f"打法{n}", line, line) for n, line in enumerate(FOR_ANYBODY))) as end:
        envelope = await coach_on(end, store, won).prepare(tenant, SuggestionKind.PRACTICE, text=NOTE)
    assert envelope.engine == "llm:scripted"
    assert [one.what for one in envelope.suggestions] == list(FOR_ANYBODY)
    assert any("没有找到相似的丢单战例" in note for note in envelope.notes)


async def test_a_line_does_not_promise_what_only_the_cases_deal_had(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    won = [one for one in sample_cases if one.id in ("C-0006", "C-0007")]
    bound = "接不通的设备我们列成清单写进合同，不收这几台的钱。"
    with writing((TITLES["lines"], bound, bound), (TITLES["opening"], FOR_ANYBODY[0], FOR_ANYBODY[0])) as endpoint:
        coach = coach_on(endpoint, store, won)
        envelope = await coach.prepare(tenant, SuggestionKind.FIRST_CALL, text=NOTE, account=ACCOUNT)
    assert envelope.engine == "llm:scripted"
    assert said_under(envelope, "opening") == [FOR_ANYBODY[0]]
    assert not said_under(envelope, "lines")
    assert [(one.text, one.why) for one in envelope.dropped] == [(bound, DropReason.NO_SUPPORT)]


async def test_the_customers_promise_is_not_a_line_of_ours(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    promise = "我们周五之前把设备清单发给您。"
    with writing(
        (TITLES["lines"], promise, "设备清单"), (TITLES["facts"], "客户提到一共有42台设备。", "42台")
    ) as endpoint:
        coach = coach_on(endpoint, store, sample_cases)
        envelope = await coach.prepare(tenant, SuggestionKind.FIRST_CALL, conversations=[TALK], account=ACCOUNT)
    assert envelope.engine == "llm:scripted"
    assert said_under(envelope, "facts") == ["客户提到一共有42台设备。"]
    assert not said_under(envelope, "lines")
    assert [(one.text, one.why) for one in envelope.dropped] == [(promise, DropReason.NO_SUPPORT)]


async def test_two_lines_are_no_practice_and_the_composer_writes(
    store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    with writing(("打法一", "四周可以上线。", "四周"), ("打法二", "按天排期。", "排期")) as endpoint:
        envelope = await coach_on(endpoint, store, sample_cases).prepare(tenant, SuggestionKind.PRACTICE, text=NOTE)
    assert envelope.engine == "extractive"
    assert len([one for one in envelope.suggestions if one.tactic != TITLES["risks"]]) == 3
    assert any("大模型" in note for note in envelope.notes)


@pytest.mark.parametrize("kind", PREPARATIONS)
async def test_what_the_model_invents_is_withheld_and_the_composer_writes(
    kind: SuggestionKind, store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    made_up = "我们保证九天上线，送您一百台设备。"
    sections = [TITLES[name] for name in ("facts", "needs", "ours", "theirs", "lines")]
    with writing(*((section, made_up, "42台") for section in sections)) as endpoint:
        coach = coach_on(endpoint, store, sample_cases)
        envelope = await coach.prepare(tenant, kind, text=NOTE, conversations=[TALK], account=ACCOUNT)
    assert endpoint.requests
    assert not envelope.abstained
    assert envelope.engine == "extractive"
    assert made_up not in "".join(one.what for one in envelope.suggestions)


@pytest.mark.parametrize("kind", PREPARATIONS)
async def test_a_preparation_about_nothing_is_declined_unasked(
    kind: SuggestionKind, store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    with writing((TITLES["facts"], "客户一共有42台设备。", "42台")) as endpoint:
        envelope = await coach_on(endpoint, store, sample_cases).prepare(tenant, kind)
    assert envelope.abstained
    assert envelope.reason_code is AbstentionReason.AMBIGUOUS
    assert not endpoint.requests


@pytest.mark.parametrize("kind", PREPARATIONS)
async def test_a_preparation_survives_a_model_that_is_down(
    kind: SuggestionKind, store: Store, sample_cases: list[WarCase], tenant: str
) -> None:
    with scripted_endpoint(Scene(status=500)) as endpoint:
        coach = coach_on(endpoint, store, sample_cases)
        envelope = await coach.prepare(tenant, kind, text=NOTE, conversations=[TALK], account=ACCOUNT)
    assert envelope.engine == "extractive"
    assert not envelope.abstained
    assert any("大模型" in note for note in envelope.notes)
