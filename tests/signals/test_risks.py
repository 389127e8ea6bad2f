"""Compliance wording: violations found, exempt uses noted, everyday talk left alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversation import Transcript, Turn
from domain.signals import Risk, Severity
from language.encoder import Encoder
from signals.pipeline import SignalDetector
from signals.risks import RiskDetector, check_wording

BAD_PITCH = (
    "我们公司是全国第一的客户管理平台，功能最全，价格最低，绝对是行业最好的产品，很多世界五百强都在用，您用了以后业绩保证翻一倍。"
    "瀚海系统不行的，他们快要倒闭了。回扣方面我们也好商量。要不您把身份证号和手机号发我。"
)


def test_the_bad_pitch_holds_every_kind_of_risk_on_its_words() -> None:
    found = [(one.label, BAD_PITCH[one.start : one.end]) for one in check_wording(BAD_PITCH, rivals=["瀚海系统"])]
    wanted = [
        (Risk.ABSOLUTE, "全国第一"), (Risk.ABSOLUTE, "功能最全"), (Risk.ABSOLUTE, "价格最低"),
        (Risk.FALSE_DATA, "很多世界五百强都在用"), (Risk.OVER_PROMISE, "业绩保证翻一倍"), (Risk.DISPARAGE, "瀚海系统不行"),
        (Risk.DISPARAGE, "他们快要倒闭"), (Risk.KICKBACK, "回扣方面我们也好商量"), (Risk.ASK_SENSITIVE, "把身份证号和手机号发我"),
    ]  # fmt: skip
    assert all(any(label is risk and words in said for label, said in found) for risk, words in wanted)


@pytest.mark.parametrize(
    ("text", "exempt"),
    [
        ("我们的目标是做行业最好的平台", "own_goal"),
        ("旗舰版是我们产品线里功能最全的", "self_compare"),
        ("最佳施肥时间是早上八点以前", "usage_tip"),
        ("这个电机是国家级二级能效产品", "national_grade"),
        ("我们是工信部认定的国家级专精特新小巨人，名单里能查到", "award"),
        ("根据2025年中物联的统计，我们在华东冷链里发货量排名第一，报告可以发您", "scoped_fact"),
    ],
)
def test_an_exempt_use_is_a_note_that_says_why(text: str, exempt: str) -> None:
    found = check_wording(text)
    assert [(one.severity, one.exempt) for one in found] == [(Severity.NOTE, exempt)]


@pytest.mark.parametrize(
    "text",
    ["您最关心的是哪一块？", "第一步先勘察，第二步出方案", "我们不敢说是最好的", "我们公司有规定，不能给任何回扣",
     "请不要把密码告诉任何人", "方便留个联系电话吗", "他们的情况我不太了解，不好评价", "我们不敢保证业绩翻倍",
     "质保三年，三年内免费上门维修"],
)  # fmt: skip
def test_everyday_and_careful_talk_is_left_alone(text: str) -> None:
    assert check_wording(text) == []


def test_yield_and_cure_claims_have_no_leniency_in_their_domain() -> None:
    assert [one.severity for one in check_wording("这款理财稳赚不赔")] == [Severity.BLOCK]
    assert [one.severity for one in check_wording("三个疗程根治", domain="medical")] == [Severity.BLOCK]


def test_a_customers_words_are_no_risk_of_ours() -> None:
    turns = (Turn(id="t1", speaker="customer", text="你们是全国第一吗，有回扣吗"),)
    assert SignalDetector([RiskDetector()]).detect(Transcript(id="c", turns=turns)) == ()


def test_of_an_unattributed_speaker_only_what_must_be_blocked_is_reported() -> None:
    turns = (Turn(id="t1", speaker="speaker_0", text="功能最全，回扣方面好商量"),)
    found = SignalDetector([RiskDetector()]).detect(Transcript(id="c", turns=turns))
    assert [one.label for one in found] == [Risk.KICKBACK]


@given(st.text(alphabet="我们最好的第一全国他不行回扣保证您发，。？", max_size=40))
def test_findings_lie_in_the_text_and_do_not_overlap(text: str) -> None:
    found = check_wording(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(left.end <= right.start for left, right in pairwise(found))


@pytest.mark.model
def test_slander_without_a_rules_words_is_heard_by_its_meaning(encoder: Encoder) -> None:
    turns = (Turn(id="t1", speaker="rep", text="他们家饲料猪吃了拉稀，去年害得好几个养殖户血本无归"),)
    found = SignalDetector([RiskDetector()], encoder=encoder).detect(Transcript(id="c", turns=turns))
    assert [(one.label, one.attributes["rule"]) for one in found] == [(Risk.DISPARAGE, "rival.disparage.heard")]
