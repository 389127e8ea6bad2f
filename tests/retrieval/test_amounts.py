"""Amounts as people say them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.amounts import COUNT, SHARE, TIME, Amount, amounts, closeness


def read(text: str) -> tuple[str, float, float, str]:
    (amount,) = amounts(text)
    return amount.measure, round(amount.low, 3), round(amount.high, 3), amount.kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("几十号人", (COUNT, 20, 99, "people")),
        ("三十多号人", (COUNT, 30, 40, "people")),
        ("两百来号人", (COUNT, 170, 240, "people")),
        ("上千人", (COUNT, 1_000, 9_900, "people")),
        ("近百家分院", (COUNT, 85, 120, "shops")),
        ("四五十个人", (COUNT, 40, 50, "people")),
        ("十几部梯子", (COUNT, 11, 19, "machines")),
        ("不到十万块", (COUNT, 50_000, 99_900, "money")),
        ("三十来万", (COUNT, 255_000, 360_000, "")),
        ("四十几万", (COUNT, 410_000, 490_000, "")),
        ("一百多万", (COUNT, 1_000_000, 2_000_000, "")),
        ("三十个w", (COUNT, 300_000, 300_000, "")),
        ("八个点", (SHARE, 0.08, 0.08, "")),
        ("打八五折", (SHARE, 0.15, 0.15, "")),
        ("一成五", (SHARE, 0.15, 0.15, "")),
        ("万分之三", (SHARE, 0.0, 0.0, "")),
        ("二十来天", (TIME, 17, 24, "")),
        ("不到一个月", (TIME, 15, 29.97, "")),
        ("一个半月", (TIME, 45, 45, "")),
        ("个把月", (TIME, 30, 60, "")),
        ("俩月", (TIME, 60, 60, "")),
        ("七八周", (TIME, 49, 56, "")),
        ("两年半", (TIME, 912.5, 912.5, "")),
    ],
)
def test_what_is_said_becomes_a_range(text: str, expected: tuple[str, float, float, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "一个客户",
        "第三方",
        "2026年3月5日",
        "二零二五年",
        "周五",
        "C-0042",
        "一起",
        "几个",
        "三级",
        "三分之一",
    ],
)
def test_what_only_looks_like_an_amount_is_none(text: str) -> None:
    assert amounts(text) == frozenset()


@pytest.mark.parametrize(
    ("one", "other"),
    [("三周", "21天"), ("四十八万", "48w"), ("三十家门店", "30家门店"), ("三成", "30%"), ("两个月", "60天")],
)
def test_the_same_amount_is_the_same_however_it_is_written(one: str, other: str) -> None:
    (left,), (right,) = amounts(one), amounts(other)
    assert closeness(left, right) == 1.0


def test_people_are_no_shops_and_days_are_no_percents() -> None:
    assert closeness(Amount(COUNT, 30, 30, "people"), Amount(COUNT, 30, 30, "shops")) == 0.0
    assert closeness(Amount(TIME, 0.3, 0.3), Amount(SHARE, 0.3, 0.3)) == 0.0


positive = st.floats(min_value=0.01, max_value=1e9)


@given(positive, positive)
def test_an_amount_is_itself_and_closeness_is_mutual(one: float, other: float) -> None:
    left, right = Amount(COUNT, one, one), Amount(COUNT, other, other)
    assert closeness(left, left) == 1.0
    assert closeness(left, right) == pytest.approx(closeness(right, left))


@example(text="十折多")
@given(st.text(alphabet="几十百千万亿两三五半多来个月年天周成折%点w k第约不到以内123.,人家", max_size=12))
def test_any_text_is_read_without_failing(text: str) -> None:
    assert all(0 < amount.low <= amount.high for amount in amounts(text))


@pytest.mark.parametrize("text", ["3" + "亿" * 40, "9" * 400 + "台", "3" + "万" * 9 + "元", "0" * 30 + "台"])
def test_numbers_beyond_anything_are_no_amount_and_break_nothing(text: str) -> None:
    for one in amounts(text):
        assert 0 < one.low <= one.high < 1e18
        assert 0.0 <= closeness(one, next(iter(amounts("20台")))) <= 1.0


def test_a_clause_ends_at_its_comma() -> None:
    said = {(one.measure, one.kind) for one in amounts("员工200，3个月能上线吗")}
    assert len(said) == 2
    assert amounts("1,200台") == amounts("1200台")
