"""Facts that decide between cases that otherwise tell the same story."""

from __future__ import annotations

import pytest

from retrieval.amounts import amounts
from retrieval.english import chinese_words
from retrieval.facts import HeldNumbers, match_facets, match_numbers, query_facts


def held(text: str, asked: str = "") -> HeldNumbers:
    return HeldNumbers(all=amounts(f"{text}。{asked}"), asked=amounts(asked))


@pytest.mark.parametrize(
    ("text", "industry", "other"),
    [
        ("三甲医院要三周上线", "医疗", "制造业"),
        ("老机床没网口", "制造业", "医疗"),
        ("城商行数据不出行", "金融", "电信"),
        ("hospital budget delayed", "医疗", "餐饮"),
        ("跨境电商的案例", "跨境电商", "物流"),
        ("我们是宠物行业", "宠物", "化工"),
    ],
)
def test_an_industry_is_meant_by_its_cues_or_its_name(text: str, industry: str, other: str) -> None:
    right, wrong = match_facets(query_facts(text), [{"industry": (industry,)}, {"industry": (other,)}])
    assert (right.industry, wrong.industry) == (1.0, -1.0)


def test_a_query_that_names_no_industry_prefers_none() -> None:
    (match,) = match_facets(query_facts("价格太贵了"), [{"industry": ("医疗",)}])
    assert match.industry == 0.0


@pytest.mark.parametrize(
    ("text", "outcome"), [("压价丢单的案例", "lost"), ("最后怎么拿下的", "won"), ("还在评审的项目", "pending")]
)
def test_outcomes(text: str, outcome: str) -> None:
    facets = [{"outcome": (value,)} for value in ("won", "lost", "pending")]
    assert [match.outcome > 0 for match in match_facets(query_facts(text), facets)] == [
        value == outcome for value in ("won", "lost", "pending")
    ]


@pytest.mark.parametrize("text", ["客户数据丢了怎么办", "怕数据弄丢"])
def test_lost_data_is_no_lost_deal(text: str) -> None:
    assert query_facts(text).outcomes == frozenset()


def test_sizes() -> None:
    match = match_facets(query_facts("小型客户嫌贵"), [{"customer_size": ("小型",)}, {"customer_size": ("集团",)}, {}])
    assert [one.size for one in match] == [1.0, -1.0, 0.0]


def test_the_case_that_holds_the_number_wins_and_the_one_that_asked_another_loses() -> None:
    scores = match_numbers(
        query_facts("三周能上线吗"),
        [held("项目很大", "三周上线"), held("项目很大", "六周上线"), held("没有数字")],
    )
    assert scores[0] > scores[2] > scores[1]


def test_a_rare_number_counts_more_than_a_common_one() -> None:
    common = match_numbers(query_facts("三周"), [held("三周"), held("三周"), held("三周"), held("")])
    rare = match_numbers(query_facts("三周"), [held("三周"), held(""), held(""), held("")])
    assert rare[0] > common[0] > 0


def test_no_number_asked_no_number_counts() -> None:
    assert match_numbers(query_facts("太贵了"), [held("48万")]) == [0.0]


@pytest.mark.parametrize(
    ("text", "industry", "other"),
    [
        ("tiny noodle shop chain found it too expensive", "餐饮", "零售"),
        ("上游炼化装置要停车检修", "化工", "金融"),
        ("how a petrochemical plant agreed", "化工", "保险"),
    ],
)
def test_words_of_the_trade_say_the_industry(text: str, industry: str, other: str) -> None:
    right, wrong = match_facets(query_facts(text), [{"industry": (industry,)}, {"industry": (other,)}])
    assert (right.industry, wrong.industry) == (1.0, -1.0)


def test_small_is_no_shopping_mall() -> None:
    assert query_facts("a small law firm").industries.isdisjoint({"零售", "连锁"})
    assert query_facts("a small firm of lawyers").sizes == {"小型"}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("we cleared the backlog and they renewed", "won"),
        ("靠算总账赢的", "won"),
        ("they went with a competitor", "lost"),
    ],
)
def test_how_it_ended_is_read_from_what_was_done(text: str, outcome: str) -> None:
    assert query_facts(text).outcomes == {outcome}


def test_one_alone_counts_nothing() -> None:
    text = "a one-page summary for each approver"
    assert query_facts(text, chinese_words(text)).numbers == frozenset()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("没签下来的那家加盟品牌", "lost"),
        ("后来解约那个码头为什么砸了", "lost"),
        ("we did not sign them in the end", "lost"),
        ("差点走掉，最后又留下来的", "won"),
        ("药柜那个还没定的医院", "pending"),
        ("the deal is still open", "pending"),
    ],
)
def test_how_it_ended_is_read_from_what_nobody_listed(text: str, outcome: str) -> None:
    assert query_facts(text).outcomes == {outcome}


@pytest.mark.parametrize("text", ["some parcels were lost on the way", "怕丢了客户怎么办"])
def test_what_is_feared_or_lost_otherwise_is_no_lost_deal(text: str) -> None:
    assert query_facts(text).outcomes == frozenset()


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("我们就几十号人", {"小型"}),
        ("六百来人吃饭的单位", {"中型", "大型"}),
        ("two thousand employees", {"大型", "集团"}),
        ("小规模的快运客户", {"小型"}),
        ("小区的物业", set()),
        ("三千人入场的展会", set()),
    ],
)
def test_so_many_people_are_a_size(text: str, sizes: set[str]) -> None:
    assert query_facts(text, chinese_words(text)).sizes == sizes


@pytest.mark.parametrize(
    ("query", "right", "trap"),
    [
        ("还有二十来天就开学了", "只剩三周", "还有八周"),
        ("less than a month before term starts", "只剩三周", "还有八周"),
        ("不到十万块能做什么", "一共就8万", "一共有30万"),
        ("打八折不然换人", "再降20%", "再降8%"),
        ("两千多号人等着干活", "员工两千四百人", "员工四十来人"),
        ("about 40 employees", "员工四十来人", "员工两千四百人"),
    ],
)
def test_a_vague_number_finds_the_case_whose_number_lies_within_it(query: str, right: str, trap: str) -> None:
    scores = match_numbers(query_facts(query, chinese_words(query)), [held("", right), held("", trap)])
    assert scores[0] > scores[1]
