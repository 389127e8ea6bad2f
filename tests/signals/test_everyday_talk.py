"""What strangers type and say: own business, indirect promises, slang, dodges, unknown vendors met in passing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Signal
from signals.competitors import CompetitorDetector
from signals.logic_breaks import LogicBreakDetector
from signals.next_steps import NextStepDetector
from signals.pipeline import Detector, SignalDetector
from signals.promises import PromiseDetector
from signals.risks import RiskDetector

DUE = (PromiseDetector(), NextStepDetector())


def found(detectors: tuple[Detector, ...], *lines: str) -> tuple[Signal, ...]:
    turns = tuple(
        Turn(id=f"t{number}", speaker=REP if line.startswith("r:") else CUSTOMER, text=line[2:])
        for number, line in enumerate(lines, start=1)
    )
    held = datetime(2026, 3, 11, 10, tzinfo=UTC)
    return SignalDetector(detectors).detect(Transcript(id="c", turns=turns, started_at=held))


@pytest.mark.parametrize(
    "lines",
    [
        ("r:现在方便说几分钟吗？", "c:可以，我十分钟以后，还有一个会。"),
        ("r:现在方便说几分钟吗？", "c:可以，我十分钟以后还有个会"),
        ("r:您哪天方便过一下方案？", "c:周四下午，还得去接孩子"),
        ("r:基础考勤他们免费",),
        ("r:要是今年签，付款方式我们有三种。",),
        ("r:很多客户原来的电脑坏了都要换。",),
    ],
)
def test_what_somebody_has_to_do_for_themselves_or_a_rival_gives_is_nothing_for_the_deal(
    lines: tuple[str, ...],
) -> None:
    assert found(DUE, *lines) == ()


def test_a_bare_date_still_answers_when_to_meet() -> None:
    steps = found(DUE, "r:您哪天方便过一下方案？", "c:周四上午吧，到时候叫上老刘")
    assert [one.attributes["who"] for one in steps] == ["both"]


@pytest.mark.parametrize("rest", ["就去你们公司吧。", "我就在会议室等你们。"])
def test_what_is_said_of_the_meeting_place_does_not_undo_the_meeting(rest: str) -> None:
    steps = found(DUE, "r:您哪天方便过一下方案？", f"c:周五上午十点可以，{rest}")
    assert [one.attributes["who"] for one in steps] == ["both"]


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ("r:到货少一箱我们补一箱", "rep"),
        ("r:坏一个赔一个", "rep"),
        ("r:坏了我们免费给您换", "rep"),
        ("r:拆旧的钱我们来出", "rep"),
        ("c:等样机跑过一周，我们就下单", "customer"),
        ("c:你把总价谈到五万，我当场付定金", "customer"),
    ],
)
def test_an_indirect_promise_counts(line: str, who: str) -> None:
    assert {one.attributes["who"] for one in found(DUE, line)} == {who}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("c:押金退不退", "r:嗯嗯", "r:有空来店里坐坐，咱们新品到了"), {("未回答的问题", "t1"), ("话题跳转", "t3")}),
        (("r:您一个月发多少单？", "c:你们在成都有办事处没"), {("未回答的问题", "t1"), ("话题跳转", "t2")}),
        (("r:设备款安装完再结就行", "c:好", "r:设备款要进场前结清"), {("前后矛盾", "t3")}),
        (("c:这事我能拍板", "r:太好了", "c:我定不了，得问我们老板"), {("前后矛盾", "t3")}),
        (("r:装了我们的没有一家退货的",), {("无依据主张", "t1")}),
    ],
)
def test_a_tear_in_everyday_words_is_found(lines: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    assert {(one.label, one.turn_id) for one in found((LogicBreakDetector(),), *lines)} == expected


@pytest.mark.parametrize(
    "lines",
    [
        ("c:你们一套多少钱？", "r:您那边要装几个点？"),
        ("r:您一个月发多少单？", "c:你是说旺季还是平时？"),
        ("r:首款签约后付。", "c:那尾款呢？", "r:尾款验收前付清。"),
        ("c:这事我说了算", "r:好的", "c:系统要跟总部的系统对接"),
        ("c:这事我说了算", "r:好的", "c:这个还要跟老板娘说声谢谢"),
    ],
)
def test_asking_back_what_is_needed_and_two_dues_of_two_sums_are_sound(lines: tuple[str, ...]) -> None:
    assert found((LogicBreakDetector(),), *lines) == ()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("c:前几天蓝岸的人也来找过我", ["蓝岸"]),
        ("c:我刷到一个叫铺小二的，功能挺像", ["铺小二"]),
        ("c:这回恒坤和拓联都来投标了", ["恒坤", "拓联"]),
        ("r:您主要用考勤做什么", []),
        ("c:消防的人昨天也来找过我", []),
        ("c:台达那边报价更低", ["台达"]),
        ("c:万科物业的销售昨天来找过我", ["万科物业"]),
        ("c:绿源环保的销售昨天来找过我", ["绿源环保"]),
        ("c:环保局的人昨天也来找过我", []),
        ("c:原来用的那套太慢了", []),
    ],
)
def test_a_vendor_met_in_passing_is_a_candidate(line: str, names: list[str]) -> None:
    assert [one.quote for one in found((CompetitorDetector(),), line)] == names


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("r:论做门窗，这条街没有能打的", {"绝对化用语"}),
        ("r:他们就是套壳的，根本没研发", {"贬低竞品"}),
        ("r:来我们这儿保证期末上90", {"夸大承诺"}),
        ("r:客户复购率百分之百", {"虚假数据"}),
        ("r:另外一家报了多少，截图发我看看", {"索要敏感信息"}),
        ("r:这是我们自家产品里最轻的", set()),
        ("r:效果我不敢拍胸脯，先试一个月", set()),
        ("r:合同原件您自己留着就行", set()),
        ("r:我保证10点前到", set()),
    ],
)
def test_slang_is_judged_like_plain_words(line: str, labels: set[str]) -> None:
    risks = [one for one in found((RiskDetector(),), line) if one.attributes["severity"] != "note"]
    assert {one.label for one in risks} == labels
