"""The coach end to end: what is asked is answered from live sources, kept, and explained from storage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.coach import Coach
from agent.explaining import explain_lines
from agent.testing import publish
from domain.accounts import Account, Contact, Deal
from domain.cases import WarCase
from domain.conversation import Transcript, Turn
from domain.errors import NotFoundError
from domain.suggestions import BRIEF_SECTIONS, AbstentionReason, Envelope
from language.quantities import quantities
from retrieval import library
from retrieval.testing import SearchInMemory
from store.work import Store
from wire.suggestions import dump_envelope, read_envelope, read_turns

QUESTION = "轴承厂11台老设备全部接完用了多少天？"
ACCOUNT = Account(
    account_id="A-1",
    name="城东医院",
    industry="医疗",
    customer_size="大型",
    product="设备运维管理系统",
    stage="方案谈判",
    amount_cny=680000,
    contacts=(Contact(name="王主任", title="设备科主任", role="技术负责人"),),
)
TALK = Transcript(
    id="call-1",
    turns=(
        Turn(id="t001", speaker="rep", text="您这边时间上怎么安排？"),
        Turn(id="t002", speaker="customer", text="我们八月要迎接等级评审，四周上线还是有点长。"),
        Turn(id="t003", speaker="rep", text="明天上午十点前我发给您一份排期图。"),
        Turn(id="t004", speaker="customer", text="预算审批延迟了，要到下个季度才能批下来。"),
    ),
)


def said(envelope: Envelope) -> str:
    return "\n".join(one.what for one in envelope.suggestions)


async def test_a_case_question_is_answered_with_the_cases_own_sentence(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, QUESTION)
    assert "13天" in said(envelope)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("王主任的手机号是多少？", AbstentionReason.NOT_PERMITTED),
        ("云杉科技的报价比我们低多少？", AbstentionReason.UNKNOWN_COMPETITOR),
        ("帮我写一句保证三周一定上线的话", AbstentionReason.UNSAFE_REQUEST),
        ("轴承厂那个案例的毛利率是多少？", AbstentionReason.NO_EVIDENCE),
        ("", AbstentionReason.AMBIGUOUS),
        ("🙂🙂", AbstentionReason.AMBIGUOUS),
    ],
)
async def test_what_no_source_answers_is_not_answered(
    coach: Coach, tenant: str, text: str, code: AbstentionReason
) -> None:
    envelope = await coach.ask(tenant, text)
    assert envelope.reason_code is code
    assert not quantities(envelope.reason or "")
    assert "云杉" not in (envelope.reason or "")


async def test_a_wrong_number_is_corrected_with_the_cited_fact(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, "轴承厂那11台老设备是三周接完的吧？")
    assert "13天" in said(envelope)
    assert "三周" not in said(envelope)


async def test_a_lost_case_told_as_a_success_is_corrected(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, "C-0012我们是怎么赢下来的？")
    assert "丢单" in said(envelope)


async def test_a_very_long_question_is_answered_or_declined(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, "请问" * 10_000)
    assert envelope.abstained


async def test_another_tenants_case_is_not_there(coach: Coach, store: Store, other_cases: list[WarCase]) -> None:
    await publish(store, other_cases, tenant="another")
    envelope = await coach.ask("default", "恒澜港务有多少台龙门吊？")
    assert envelope.abstained


async def test_a_withdrawn_case_is_not_answered_from(coach: Coach, store: Store, tenant: str) -> None:
    async with store.begin(tenant) as work:
        await library.retire(work, ["C-0007"], by="testing")
    assert "13天" not in said(await coach.ask(tenant, QUESTION))


async def test_a_new_version_answers_instead_of_the_old(store: Store, tenant: str, sample_cases: list[WarCase]) -> None:
    old = next(case for case in sample_cases if case.id == "C-0007")
    await publish(store, [replace(old, result="11台老设备用了17天全部接完。")], tenant=tenant)
    envelope = await Coach(store, SearchInMemory(sample_cases)).ask(tenant, QUESTION)
    assert "17天" in said(envelope)
    assert "13天" not in said(envelope)


async def test_removing_the_cited_source_changes_the_answer(coach: Coach, store: Store, tenant: str) -> None:
    before = await coach.ask(tenant, QUESTION)
    async with store.begin(tenant) as work:
        await work.sources.retire_many([before.suggestions[0].claims[0].citations[0].source_id])
        await work.corpus.grow()
    after = await coach.ask(tenant, QUESTION)
    assert said(after) != said(before)


async def test_an_inline_talk_and_deal_are_sources_before_they_are_cited(
    coach: Coach, store: Store, tenant: str
) -> None:
    talk = read_turns([{"speaker": "customer", "text": "今年批了八十万，多了就要重新走流程。"}])
    envelope = await coach.ask(tenant, "客户说的预算是多少？", conversation=talk, deal=Deal(industry="制造业"))
    cited = envelope.suggestions[0].claims[0].citations[0]
    async with store.read(tenant) as work:
        source = await work.sources.get(cited.source_id, cited.version)
    assert source.text[cited.start : cited.end] == cited.quote


async def test_a_decision_is_explained_from_storage_alone(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, QUESTION)
    decision = await coach.why(tenant, envelope.decision_id)
    lines = "\n".join(explain_lines(decision))
    assert decision.envelope == envelope
    assert decision.chain is not None
    assert "case:C-0007:result" in lines


async def test_an_unknown_decision_is_not_found(coach: Coach, tenant: str) -> None:
    with pytest.raises(NotFoundError):
        await coach.why(tenant, "d-nothing")


async def test_another_tenants_decision_is_not_found(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, QUESTION)
    with pytest.raises(NotFoundError):
        await coach.why("another", envelope.decision_id)


async def test_an_envelope_carries_label_and_metadata_through_its_json(coach: Coach, tenant: str) -> None:
    envelope = await coach.ask(tenant, QUESTION)
    document = dump_envelope(envelope)
    assert document["label"] == "由AI生成，仅供参考，请核实后使用"
    assert len(document["aigc"]) == 7
    assert document["aigc"]["ProduceID"] == envelope.decision_id
    assert read_envelope(document) == envelope


async def test_a_brief_has_exactly_its_sections(coach: Coach, tenant: str) -> None:
    envelope = await coach.brief(tenant, conversations=[TALK], account=ACCOUNT)
    assert tuple(one.tactic for one in envelope.suggestions) == BRIEF_SECTIONS


async def test_background_and_blockers_cite_only_this_customer(coach: Coach, tenant: str) -> None:
    envelope = await coach.brief(tenant, conversations=[TALK], account=ACCOUNT)
    cited = [c.source_id for s in envelope.suggestions[:2] for claim in s.claims for c in claim.citations]
    assert cited
    assert all(one.startswith(("crm:account:A-1:", "turn:call-1:")) for one in cited)


async def test_mentors_won_with_a_similar_customer_and_name_their_case(
    coach: Coach, tenant: str, sample_cases: list[WarCase]
) -> None:
    envelope = await coach.brief(tenant, conversations=[TALK], account=ACCOUNT)
    mentors = envelope.suggestions[BRIEF_SECTIONS.index("导师")]
    similar = {
        c.id for c in sample_cases if c.outcome == "won" and (c.industry == "医疗" or c.product == ACCOUNT.product)
    }
    for claim in mentors.claims:
        case_id = claim.citations[0].source_id.split(":")[1]
        assert case_id in similar
        assert case_id in claim.text
    assert 1 <= len(mentors.claims) <= 3


async def test_what_a_brief_does_not_know_it_asks(coach: Coach, tenant: str) -> None:
    envelope = await coach.brief(tenant, conversations=[], account=Account(name="城西医院"))
    assert any("行业" in question for question in envelope.missing)
    assert any("预算" in question for question in envelope.missing)


async def test_a_brief_about_nobody_is_ambiguous(coach: Coach, tenant: str) -> None:
    envelope = await coach.brief(tenant, conversations=[])
    assert envelope.reason_code is AbstentionReason.AMBIGUOUS


async def test_a_decision_shows_what_became_of_its_sources(coach: Coach, store: Store, tenant: str) -> None:
    envelope = await coach.ask(tenant, QUESTION)
    async with store.begin(tenant) as work:
        await library.retire(work, ["C-0007"], by="testing")
    retired = "\n".join(await coach.explain(tenant, envelope.decision_id))
    async with store.begin(tenant) as work:
        await work.sources.erase_many(["case:C-0007:result"])
    erased = "\n".join(await coach.explain(tenant, envelope.decision_id))
    assert ("†" in retired, "下架" in retired, "13天" in retired) == (True, True, True)
    assert ("删除" in erased, "13天" in erased) == (True, False)
    assert "†" not in "\n".join(await coach.explain(tenant, (await coach.ask(tenant, "你好吗")).decision_id))
