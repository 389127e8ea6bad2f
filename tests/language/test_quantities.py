"""Numbers are compared by what they mean, not by how they are written."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from language.numerals import numeral_value
from language.quantities import Bound, Dimension, agrees, quantities

DIGITS = "零一二三四五六七八九"


def only(text: str):
    found = quantities(text)
    assert len(found) == 1, [one.text for one in found]
    return found[0]


@pytest.mark.parametrize(
    ("claimed", "given_"),
    [
        ("三周", "21天"),
        ("三周", "3周"),
        ("3个星期", "三周"),
        ("百分之十五", "15%"),
        ("15％", "一成五"),
        ("十五个点", "15%"),
        ("500万", "五百万元"),
        ("5,000,000", "五百万元"),
        ("¥500万", "500万元人民币"),
        ("两成", "20%"),
        ("半年", "6个月"),
        ("一年半", "18个月"),
        ("90天", "三个月"),
        ("一年", "12个月"),
        ("365天", "一年"),
        ("24小时", "一天"),
        ("打八折", "优惠20%"),
        ("八五折", "85折"),
        ("四到六周", "4-6周"),
        ("3~5万", "三万到五万"),
        ("两三周", "2到3周"),
        ("三千五", "3500"),
        ("三家", "3个客户"),
        ("2025年3月15日", "2025-03-15"),
        ("3月", "2025年3月"),
        ("星期五", "周五"),
        ("上午十点", "上午10:00"),
        ("第三季度", "Q3"),
        ("翻番", "翻了一倍"),
        ("iso27001", "ISO 27001"),
    ],
)
def test_two_ways_to_write_the_same_quantity_agree(claimed: str, given_: str) -> None:
    source = quantities(given_.replace("ISO 27001", "ISO-27001"))
    assert any(agrees(only(claimed), one) for one in source)


@pytest.mark.parametrize(
    ("claimed", "given_"),
    [
        ("三周", "三个月"),
        ("5天", "5个工作日"),
        ("15%", "15个百分点"),
        ("两台", "两家"),
        ("四周", "四到六周"),
        ("30%", "不到30%"),
        ("超过30%", "不到30%"),
        ("30%", "至少30%"),
        ("500万美元", "500万元"),
        ("打八折", "停机下降20%"),
        ("2025年3月", "3月"),
        ("3月15日", "3月16日"),
        ("500万", "50万"),
        ("上午十点", "下午十点"),
        ("第二名", "第一名"),
    ],
)
def test_unlike_quantities_do_not_agree(claimed: str, given_: str) -> None:
    assert not any(agrees(only(claimed), one) for one in quantities(given_))


@pytest.mark.parametrize(("claimed", "given_"), [("最快四周", "四到六周"), ("最多六周", "4-6周")])
def test_an_end_of_a_range_is_supported_when_the_claim_says_which(claimed: str, given_: str) -> None:
    assert agrees(only(claimed), only(given_))


@pytest.mark.parametrize(
    "text",
    [
        "我们一起看",
        "第三方",
        "十分满意",
        "统一口径",
        "进一步沟通",
        "万一不行",
        "一般来说",
        "一对一服务",
        "三甲医院",
        "千万别说",
    ],
)
def test_words_that_only_look_like_numbers_are_none(text: str) -> None:
    assert quantities(text) == []


def test_one_of_something_is_an_article_unless_it_is_a_time() -> None:
    assert only("一家客户").is_article
    assert not only("一周").is_article
    assert not only("1家客户").is_article


def test_a_rate_is_an_amount_and_a_time() -> None:
    amount, time = quantities("大概十二万一个月吧")
    assert (amount.low, amount.bound) == (Decimal(120_000), Bound.ABOUT)
    assert (time.dimension, time.low, time.unit) == (Dimension.DURATION, Decimal(1), "month")


def test_more_than_a_round_number_is_a_bound() -> None:
    assert only("两百多张").bound is Bound.OVER
    assert only("十几家").bound is Bound.ABOUT
    assert only("三周以内").bound is Bound.UNDER


def test_codes_are_compared_letter_by_letter() -> None:
    assert only("C-0042").words == frozenset({"C0042"})
    assert not agrees(only("C-0042"), only("C-0043"))


def _in_chinese(number: int) -> str:
    if number >= 10_000:
        head, rest = divmod(number, 10_000)
        return f"{_in_chinese(head)}万" + (("零" if rest < 1000 else "") + _in_chinese(rest) if rest else "")
    text, zero = "", False
    for unit, value in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = number // value % 10
        if digit:
            text += ("零" if zero and text else "") + DIGITS[digit] + unit
            zero = False
        else:
            zero = True
    return text


@given(st.integers(min_value=1, max_value=99_999_999))
@example(10)
@example(10_010)
@example(20_305)
def test_a_written_out_numeral_has_the_value_it_was_written_from(number: int) -> None:
    assert numeral_value(_in_chinese(number)) == number


@given(st.integers(min_value=2, max_value=9999), st.sampled_from(["周", "台", "元", "%", "个月", "小时"]))
def test_digits_and_chinese_numerals_agree_before_any_unit(number: int, unit: str) -> None:
    assert agrees(only(f"{number}{unit}"), only(f"{_in_chinese(number)}{unit}"))


@given(st.text(alphabet="一二三十百万3571.,年月周天%元折成个台第约半到-至 ，的是A", max_size=24))
@example("三到")
@example("十二万一个")
def test_spans_hold_their_text_and_never_overlap(text: str) -> None:
    found = quantities(text)
    assert all(text[one.start : one.end] == one.text and one.start < one.end for one in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
