"""Dates: the words said and the day they mean, rule by rule."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.dates import find_dates

WEDNESDAY = date(2026, 3, 11)


@pytest.mark.parametrize(
    ("said", "on"),
    [
        ("今天下班前", "2026-03-11"), ("明天下午", "2026-03-12"), ("后天一早", "2026-03-13"), ("大后天", "2026-03-14"),
        ("周五前", "2026-03-13"), ("这周五", "2026-03-13"), ("下周三", "2026-03-18"), ("下下周二", "2026-03-24"),
        ("本周内", "2026-03-15"), ("周末前", "2026-03-13"), ("15号", "2026-03-15"), ("下个月5号", "2026-04-05"),
        ("月底", "2026-03-31"), ("本月底前", "2026-03-31"), ("四月中旬", "2026-04-20"), ("八月份", "2026-08-31"),
        ("八月份前", "2026-07-31"), ("Q3", "2026-09-30"), ("二季度", "2026-06-30"), ("下半年", "2026-12-31"),
        ("年底前", "2026-12-31"), ("明年三月", "2027-03-31"), ("3月15号", "2026-03-15"), ("2026-04-01", "2026-04-01"),
        ("三天内", "2026-03-14"), ("两个工作日内", "2026-03-13"), ("三到五个工作日内", "2026-03-18"),
        ("24小时内", "2026-03-12"), ("半个月内", "2026-03-26"), ("一周后", "2026-03-18"), ("国庆前", "2026-09-30"),
        ("十一之后", "2026-10-08"), ("五一前", "2026-04-30"), ("年前", "2027-02-05"), ("春节后", "2027-02-13"),
        ("国庆后第一个工作日", "2026-10-08"), ("五一回来第一天", "2026-05-06"), ("下周第一个工作日", "2026-03-16"),
        ("下个月第一天", "2026-04-01"), ("过完年第一个工作日", "2027-02-15"), ("明儿一早", "2026-03-12"),
        ("下午三点前", "2026-03-11"), ("15号到18号", "2026-03-18"), ("3月13号周五下午", "2026-03-13"),
    ],
)  # fmt: skip
def test_words_mean_the_day_their_rule_says(said: str, on: str) -> None:
    found = find_dates(f"我{said}给您", today=WEDNESDAY)
    assert [(one.text, str(one.on)) for one in found] == [(said, on)]


@pytest.mark.parametrize("said", ["三年前", "每周五", "15号楼", "一周五天", "三个月", "六周上线", "然后天天来"])
def test_what_only_looks_like_a_date_is_none(said: str) -> None:
    assert find_dates(said, today=WEDNESDAY) == []


def test_a_vague_word_is_found_and_never_resolved() -> None:
    (found,) = find_dates("我尽快给您", today=WEDNESDAY)
    assert found.is_vague
    assert found.on is None


def test_without_a_day_to_count_from_only_absolute_dates_are_resolved() -> None:
    assert [one.on for one in find_dates("周五给您", today=None)] == [None]
    assert [one.on for one in find_dates("2026年5月1号给您", today=None)] == [date(2026, 5, 1)]


def test_yesterday_is_past_even_without_a_day_to_count_from() -> None:
    assert find_dates("昨天发的", today=None)[0].is_past


@given(
    st.text(alphabet="周五下三月底15号天内前后明年国庆我给您，。点半", max_size=30),
    st.dates(date(2021, 1, 1), date(2039, 1, 1)),
)
def test_every_mention_is_its_words_in_order_without_overlap(text: str, today: date) -> None:
    found = find_dates(text, today=today)
    assert all(text[one.start : one.end] == one.text for one in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
