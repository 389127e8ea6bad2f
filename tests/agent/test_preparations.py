"""What a rep prepares for a talk, or keeps of it: three lines with risks, an outline, a plan, a summary of what was said."""

from __future__ import annotations

import pytest

from agent.coach import Coach
from agent.outlines import outline_words
from domain.accounts import Account
from domain.cases import WarCase
from domain.conversation import Transcript, Turn
from domain.sources import SourceKind
from domain.suggestions import PREPARATIONS, AbstentionReason, Envelope, Suggestion, SuggestionKind
from retrieval.testing import SearchInMemory
from signals.next_steps import NextStepDetector
from signals.pipeline import SignalDetector
from signals.promises import PromiseDetector
from signals.risks import RiskDetector
from store.work import Store

NOTE = "客户嫌四周上线太长，八月要迎接等级评审，还担心老设备接不上。"
ACCOUNT = Account(account_id="A-1", name="城东医院", industry="医疗", customer_size="大型", product="设备运维管理系统")
TALK = Transcript(
    id="call-1",
    turns=(
        Turn(id="t001", speaker="customer", text="我们一共有42台设备。四周上线还是有点长。"),
        Turn(id="t002", speaker="rep", text="您放心，绝对没问题。明天上午十点前我发给您一份排期图。"),
        Turn(id="t003", speaker="customer", text="好，我周五之前把设备清单发给你。"),
    ),
)
RISKS = outline_words()["sections"]["risks"]


@pytest.fixture
def hearing_coach(store: Store, sample_cases: list[WarCase]) -> Coach:
    detector = SignalDetector([PromiseDetector(), NextStepDetector(), RiskDetector()])
    return Coach(store, SearchInMemory(sample_cases), detector=detector)


def sections_of(envelope: Envelope) -> dict[str, Suggestion]:
    return {one.tactic: one for one in envelope.suggestions}


def kinds_cited(envelope: Envelope) -> set[SourceKind]:
    return {c.source_kind for one in envelope.suggestions for claim in one.claims for c in claim.citations}


@pytest.mark.parametrize("given", [{"text": NOTE}, {"conversations": [TALK]}], ids=["note", "call"])
async def test_a_practice_is_exactly_three_cited_lines_and_risks(
    given: dict[str, object], hearing_coach: Coach, tenant: str
) -> None:
    envelope = await hearing_coach.prepare(tenant, SuggestionKind.PRACTICE, **given)
    lines = [one for one in envelope.suggestions if one.tactic != RISKS]
    assert len(lines) == 3
    assert len({one.what for one in lines}) == 3
    assert all(c.source_id.startswith("case:") for one in lines for claim in one.claims for c in claim.citations)
    assert RISKS in sections_of(envelope)


async def test_a_promise_too_full_is_shown_as_a_risk(hearing_coach: Coach, tenant: str) -> None:
    envelope = await hearing_coach.prepare(tenant, SuggestionKind.PRACTICE, conversations=[TALK])
    assert "绝对没问题" in sections_of(envelope)[RISKS].what
    assert sections_of(envelope)[RISKS].compliance


async def test_a_practice_about_nothing_is_declined(coach: Coach, tenant: str) -> None:
    envelope = await coach.prepare(tenant, SuggestionKind.PRACTICE)
    assert envelope.reason_code is AbstentionReason.AMBIGUOUS


async def test_without_three_lines_there_is_no_practice(store: Store) -> None:
    envelope = await Coach(store, SearchInMemory([])).prepare("empty", SuggestionKind.PRACTICE, text=NOTE)
    assert envelope.abstained


async def test_a_summary_says_only_what_was_said(hearing_coach: Coach, tenant: str) -> None:
    envelope = await hearing_coach.prepare(tenant, SuggestionKind.SUMMARY, conversations=[TALK])
    found = sections_of(envelope)
    assert kinds_cited(envelope) == {SourceKind.TURN}
    assert "42台" in found["客户情况"].what
    assert "排期图" in found["我方承诺"].what
    assert "设备清单" in found["客户承诺"].what
    quotes = [c.quote for one in envelope.suggestions for claim in one.claims for c in claim.citations]
    assert all(any(quote in turn.text for turn in TALK.turns) for quote in quotes)


async def test_a_plan_names_both_sides_tasks_and_what_moved_others(hearing_coach: Coach, tenant: str) -> None:
    envelope = await hearing_coach.prepare(tenant, SuggestionKind.FOLLOW_UP, conversations=[TALK], account=ACCOUNT)
    found = sections_of(envelope)
    assert "排期图" in found["我们要做的"].what
    assert "设备清单" in found["客户要做的"].what
    assert found["参考打法"].claims[0].citations[-1].source_id.startswith("case:")


async def test_a_first_call_outline_opens_with_the_customer_and_asks_what_is_not_known(
    coach: Coach, tenant: str
) -> None:
    envelope = await coach.prepare(tenant, SuggestionKind.FIRST_CALL, account=ACCOUNT)
    found = sections_of(envelope)
    assert "医疗" in found["客户情况"].what
    assert {"客户可能会问", "可以这样说"} <= set(found)
    assert any("预算" in question for question in envelope.missing)


@pytest.mark.parametrize("kind", PREPARATIONS)
async def test_a_preparation_is_recorded_and_labelled(kind: SuggestionKind, hearing_coach: Coach, tenant: str) -> None:
    envelope = await hearing_coach.prepare(tenant, kind, text=NOTE, conversations=[TALK], account=ACCOUNT)
    decision = await hearing_coach.why(tenant, envelope.decision_id)
    assert decision.envelope == envelope
    assert not envelope.abstained
    assert envelope.label == "由AI生成，仅供参考，请核实后使用"
    assert all(claim.citations for one in envelope.suggestions for claim in one.claims)
