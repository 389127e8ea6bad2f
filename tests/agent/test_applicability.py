"""A case's promise stays in its deal; a question, an argument or a way to go on may be said to anybody."""

from __future__ import annotations

import pytest

from agent.applicability import Applicability, Setting, apply_to
from agent.hearers import backing_of
from domain.sources import Source, SourceKind, content_hash

NOBODY = Setting()


def kind_of(sentence: str, setting: Setting = NOBODY) -> Applicability:
    return apply_to(sentence, setting).kind


@pytest.mark.parametrize(
    "sentence",
    [
        "我们驻场两周，遇到问题当天解决。",
        "违约金按日千分之一算。",
        "三周内先跑起来。",
        "明天上午十点前给您排期图。",
        "接不通的设备我们写进合同，不收这几台的钱。",
        "先免费用三天，不合适我们把设备拿走。",
        "不达标您一分钱不用付。",
        "以后您只找我和一位固定的工程师。",
        "导入台账我们来做，您发一张表格就行。",
        "数据都能找回来，我们保证不会丢。",
        "单价就降一档。",
        "信息科的同事只管签字确认。",
        "采集盒从电流互感器取信号。",
    ],
)
def test_what_was_promised_counted_or_claimed_in_one_deal_is_bound_to_it(sentence: str) -> None:
    applied = apply_to(sentence, NOBODY)
    assert applied.kind is Applicability.DEAL_BOUND
    assert applied.bindings


@pytest.mark.parametrize(
    "sentence",
    [
        "差价确实要说清楚，我们把三年的总成本放在一张表上比，会更公平。",
        "价格我可以去申请，同时也请您帮我确认，如果价格合适，月底之前能不能签。",
        "赔偿范围需要法务确认，我不能口头答应。",
        "再考虑是应该的，您能不能告诉我，主要是时间、预算，还是效果这三项里的哪一项？",
        "范围、费用、时间都要写进合同才算数，不能随口答应。",
        "我建议做一张对比表，把接口、培训、售后三项都列清楚，您再比。",
        "我们先把验收列成一条一条能打勾的表。",
    ],
)
def test_a_move_of_the_talk_may_be_said_to_anybody(sentence: str) -> None:
    applied = apply_to(sentence, NOBODY)
    assert applied.kind is Applicability.TRANSFERABLE
    assert applied.rest == sentence


@pytest.mark.parametrize(
    ("sentence", "rest"),
    [
        ("我建议先列一张清单，三周内先跑起来，接口放到下一步一起谈。", "我建议先列一张清单，接口放到下一步一起谈。"),
        ("我不在电话里口头保证日期，明天上午十点前给您排期图，您拿着它去协调。", "我不在电话里口头保证日期。"),
        ("两个月后如果目标达成，我们按约定的价格签，没达成我们一起看原因。", ""),
        ("三周内先跑起来。", ""),
    ],
)
def test_the_free_clauses_are_kept_where_they_stand_alone(sentence: str, rest: str) -> None:
    assert apply_to(sentence, NOBODY).rest == rest


def test_a_customers_own_words_free_what_is_said_of_them() -> None:
    sentence = "给财务科的测算，我建议用您自己的记录来算。"
    assert kind_of(sentence) is Applicability.DEAL_BOUND
    assert kind_of(sentence, Setting(ours="财务科还要看一遍。")) is Applicability.TRANSFERABLE


def test_a_promise_stays_bound_where_the_customer_asked_for_the_same_number() -> None:
    asked = Setting(ours="能不能保证三周以内？")
    assert kind_of("我们先把报修放进第一期，三周内先跑起来。", asked) is Applicability.DEAL_BOUND


def test_things_of_a_trade_are_said_within_it_only() -> None:
    sentence = "我建议先挑您认为最难的一个厂做试点。"
    assert kind_of(sentence) is Applicability.DEAL_BOUND
    assert kind_of(sentence, Setting(is_near=True)) is Applicability.TRANSFERABLE


def test_nouns_of_the_other_customers_business_bind() -> None:
    theirs = Setting(theirs="码头的集装箱翻箱太多。")
    assert kind_of("我建议先把集装箱的记录拿来看。", theirs) is Applicability.DEAL_BOUND
    assert kind_of("我建议先把集装箱的记录拿来看。") is Applicability.TRANSFERABLE


def document(text: str) -> Source:
    return Source(
        source_id="doc:price",
        kind=SourceKind.DOCUMENT,
        version=1,
        title="价格表",
        text=text,
        content_hash=content_hash(text),
    )


def test_a_fact_that_a_live_document_states_is_a_product_fact() -> None:
    papers = [document("标准版按台按月计费，数据可以完整导出。")]
    setting = Setting(is_backed=lambda clause: backing_of(clause, papers) is not None)
    assert kind_of("我们的标准版按台按月计费。", setting) is Applicability.PRODUCT_FACT
    assert kind_of("我们的标准版按台按月计费。") is Applicability.DEAL_BOUND


@pytest.mark.parametrize("text", ["标准版六周上线。", "标准版不能四周上线。", "专业版支持断网打卡。"])
def test_a_document_that_says_something_else_backs_nothing(text: str) -> None:
    assert backing_of("标准版四周上线", [document(text)]) is None


def test_a_clause_is_backed_by_the_sentence_that_states_it() -> None:
    backing = backing_of("标准版四周上线", [document("费用另计。标准版四周上线。")])
    assert backing is not None
    assert backing.quote == "标准版四周上线。"
