from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.script import Script, apply_edits, as_read, in_digits, in_script, simplified, space_edits


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("30%", "百分之三十"), ("48万", "四十八万"), ("2台设备", "两台设备"), ("2024年", "二零二四年"), ("10:30", "十点半"),
        ("13800138000", "一三八零零一三八零零零"), ("1.5倍", "一点五倍"), ("200多张", "两百多张"), ("第2次", "第二次"),
        ("3-5天", "三到五天"), ("12305", "一万两千三百零五"), ("1,234,567", "一百二十三万四千五百六十七"), ("02:05", "两点零五分"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_they_are_read_aloud(written: str, read: str) -> None:
    assert as_read(written) == read


@pytest.mark.parametrize("name", ["B2B", "5G", "V2.0", "A4", "H264"])
def test_digits_of_a_name_stay(name: str) -> None:
    assert as_read(f"用{name}的") == f"用{name}的"


@pytest.mark.parametrize(
    ("read", "digits"),
    [
        ("四十八万", "48万"),
        ("百分之三十", "30%"),
        ("一三八零零一三八零零零", "13800138000"),
        ("十二万一个月", "12万一个月"),
        ("二零二四年", "2024年"),
    ],
)
def test_digits_are_the_other_form(read: str, digits: str) -> None:
    assert in_digits(read) == digits


@pytest.mark.parametrize("text", ["三周一起", "十分重要", "千万别", "万一不行", "十几台", "三四天"])
def test_small_counts_approximations_and_words_stay(text: str) -> None:
    assert in_digits(text) == text


@given(st.integers(10, 9_999_999))
def test_a_count_read_aloud_and_written_back_is_itself(value: int) -> None:
    from language.numerals import numeral_value

    assert numeral_value(as_read(str(value))) == value


@given(st.text(max_size=40))
def test_characters_change_and_their_number_does_not(text: str) -> None:
    assert len(simplified(text)) == len(text)


def test_traditional_becomes_simplified_and_back_for_its_readers() -> None:
    assert simplified("啟明軟體的報價") == "启明软体的报价"
    assert in_script("报价", Script.TAIWAN) == "報價"


def test_no_space_beside_chinese_and_one_between_latin_words() -> None:
    text = "用 CRM 系统 和 Apple Watch"

    assert apply_edits(text, space_edits(text)) == "用CRM系统和Apple Watch"
