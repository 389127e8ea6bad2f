"""Replies are short, cited, different from each other, and give nobody else away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.coach import Coach
from agent.compliance import SafeWording, compliance_topics, make_safe, notes_for
from agent.replies import MOST_CHARACTERS
from agent.talk import adapt
from agent.testing import publish
from domain.accounts import Deal
from domain.cases import Outcome, WarCase
from domain.lexicon import LexiconEntry, LexiconKind
from domain.signals import Intent, Signal, SignalKind
from domain.suggestions import Decision, Envelope
from eval.tied_words import by_sentence, is_unframed_promise, labelled_sentences
from language.quantities import Dimension, quantities
from retrieval.testing import SearchInMemory
from signals.pipeline import Reading, SignalDetector, observe
from store.work import Store

DEAL = Deal(industry="制造业", product="MES制造执行系统", stage="商务谈判")
WORDS = ["你们太贵了，比别家高17万，我没法跟老板交代", "我们的老设备没有网口，能接吗？", "能不能保证三周上线？"]


class PriceDetector:
    """Hears only 太贵."""

    name = "intents"
    version = "1"

    def detect(self, reading: Reading) -> Sequence[Signal]:
        return [
            observe(self, turn, kind=SignalKind.INTENT, label=Intent.PUSH_PRICE, score=0.9, start=at, end=at + 2)
            for turn in reading.turns
            if (at := turn.text.find("太贵")) >= 0
        ]


@pytest.fixture(params=WORDS)
async def envelope(request: pytest.FixtureRequest, coach: Coach, tenant: str) -> Envelope:
    return await coach.reply(tenant, request.param, deal=DEAL)


async def test_there_are_three_short_replies_with_different_tactics(envelope: Envelope) -> None:
    assert len({one.tactic for one in envelope.suggestions}) == 3
    assert all(len(one.what) <= MOST_CHARACTERS for one in envelope.suggestions)


async def test_every_sentence_is_cited_and_its_citation_resolves(envelope: Envelope, store: Store, tenant: str) -> None:
    citations = [one for s in envelope.suggestions for claim in s.claims for one in claim.citations]
    async with store.read(tenant) as work:
        sources = await work.sources.cited(citations)
    assert citations
    assert all(sources[one.source_id, one.version].text[one.start : one.end] == one.quote for one in citations)


async def test_no_price_of_another_deal_is_told(envelope: Envelope) -> None:
    measures = [one.dimension for s in envelope.suggestions for one in quantities(s.what)]
    assert Dimension.MONEY not in measures


async def test_only_won_cases_are_advice(envelope: Envelope, sample_cases: list[WarCase]) -> None:
    won = {case.id for case in sample_cases if case.outcome is Outcome.WON}
    cited = {one.source_id.split(":")[1] for s in envelope.suggestions for c in s.claims for one in c.citations}
    assert cited <= won


async def test_nothing_that_another_deal_promised_is_said_as_ours(envelope: Envelope) -> None:
    labels = by_sentence("examples", labelled_sentences())
    ours = f"{DEAL.industry}{DEAL.product}" + "".join(WORDS)
    judged = [is_unframed_promise(claim, labels, ours=ours) for s in envelope.suggestions for claim in s.claims]
    assert judged == [False] * len(judged)


async def test_evidence_of_another_customer_is_told_as_theirs_and_comes_with_a_question(
    coach: Coach, tenant: str
) -> None:
    envelope = await coach.reply(tenant, "有没有同行业的案例？", deal=DEAL)
    told = [one for one in envelope.suggestions if ":result" in one.claims[0].citations[0].source_id]
    assert told
    assert all("当时的" in one.what and "？" in one.what for one in told)


async def test_words_without_a_conversation_are_read_for_what_the_customer_wants(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    coach = Coach(store, SearchInMemory(sample_cases), detector=SignalDetector([PriceDetector()]))
    envelope = await coach.reply(tenant, WORDS[0], deal=DEAL)
    decision = await coach.why(tenant, envelope.decision_id)
    assert isinstance(decision, Decision)
    assert decision.context["intents"] == [Intent.PUSH_PRICE.value]
    assert not any(source_id.startswith("turn:") for source_id in decision.inputs)


async def test_no_sentence_is_said_twice(envelope: Envelope) -> None:
    quotes = [c.citations[0].quote for s in envelope.suggestions for c in s.claims]
    assert len(quotes) == len(set(quotes))


async def test_a_case_base_without_a_won_case_gives_no_advice(
    store: Store, tenant: str, sample_cases: list[WarCase]
) -> None:
    lost = [replace(case, outcome=Outcome.LOST) for case in sample_cases]
    changed = [now for now, before in zip(lost, sample_cases, strict=True) if now != before]
    await publish(store, changed, tenant=tenant)
    envelope = await Coach(store, SearchInMemory(lost)).reply(tenant, WORDS[0], deal=DEAL)
    assert envelope.abstained


async def test_a_message_without_words_is_ambiguous(coach: Coach, tenant: str) -> None:
    envelope = await coach.reply(tenant, "👍👍👍")
    assert envelope.reason_code == "ambiguous"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("向客户说明三年总成本。", "我们向您说明三年总成本。"),
        ("王主任您好，接口放到评审之后再接，我们一起排期。", "接口放到评审之后再接，我们一起排期。"),
        ("我们在恒澜港务集团做过一遍。", "我们在一家同行业的客户做过一遍。"),
        ("我们最后58万元成交。", None),
        ("我们给您打八折。", None),
        ("有问题打我电话13912345678。", None),
        ("我们比云舟科技便宜。", None),
    ],
)
def test_a_cases_words_are_adapted_or_kept_back(source: str, said: str | None) -> None:
    rivals = (LexiconEntry(name="云舟科技", kind=LexiconKind.COMPETITOR),)
    assert adapt(source, lexicon=rivals) == said


def test_absolute_wording_is_softened_and_said_to_be() -> None:
    safe = make_safe("我们一定能通过验收。")
    assert safe is not None
    assert "一定能" not in safe.text
    assert safe.removed


def test_every_topic_of_the_contract_is_there() -> None:
    assert len(compliance_topics()) >= 10


def test_a_note_stands_on_the_words_that_touch_its_rule() -> None:
    what = "表里写清楚。三周内先跑起来。"
    note = next(one for one in notes_for(what) if one.rule == "交付承诺须以书面排期为准")
    assert note.start >= what.index("三周")


def test_a_note_on_the_customers_words_says_so() -> None:
    rule = "交付承诺须以书面排期为准"
    asked = next(one for one in notes_for("我先列一张清单。", topics=(rule,)) if one.rule == rule)
    worded = next(one for one in notes_for("三周内先跑起来。", topics=(rule,)) if one.rule == rule)
    assert asked.message.startswith("客户的话里问到")
    assert not worded.message.startswith("客户的话里问到")


def test_compliance_messages_hold_no_number() -> None:
    assert all(not quantities(topic.message) for topic in compliance_topics())


@pytest.mark.parametrize(
    "text",
    [
        "第一期先上两条产线。",
        "技术方面第一版方案明天发您。",
        "服务第一件事是看现场。",
        "绝对值误差在三度以内。",
        "最好先看一下现场。",
        "最快下周三能到。",
        "唯一的要求是网络要通。",
    ],
)
def test_an_ordinal_or_a_term_is_no_absolute_claim(text: str) -> None:
    assert make_safe(text) == SafeWording(text=text)
    assert "不得使用绝对化用语" not in {note.rule for note in notes_for(text)}


@pytest.mark.parametrize("text", ["我们是最好的。", "我们在行业里排第一。", "这个绝对没问题。"])
def test_an_absolute_claim_is_still_one(text: str) -> None:
    assert make_safe(text) != SafeWording(text=text)
