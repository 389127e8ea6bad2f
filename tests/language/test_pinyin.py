from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language.pinyin import fuzzy_distance, readings, split_syllable, syllable_distance, syllables

_CHINESE = st.text(st.sampled_from("启明软件云舟科技数擎智领瀚海王主任采集盒价格合同三四"), max_size=8)


def test_syllables_follow_the_phrase_a_character_stands_in() -> None:
    assert syllables("银行行长") == ["yin", "hang", "hang", "zhang"]


def test_what_is_not_chinese_stands_for_itself() -> None:
    assert syllables("用API，2次") == ["yong", "a", "p", "i", "，", "2", "ci"]


@given(st.text(max_size=30))
def test_every_character_has_exactly_one_syllable(text: str) -> None:
    assert len(syllables(text)) == len(text)


def test_u_umlaut_is_written_v() -> None:
    assert syllables("绿女") == ["lv", "nv"]


def test_a_polyphone_has_all_its_readings() -> None:
    assert {"zhong", "chong"} <= readings("重")


@pytest.mark.parametrize(
    ("syllable", "parts"),
    [
        ("liu", ("l", "iou")),
        ("gui", ("g", "uei")),
        ("yuan", ("", "üan")),
        ("ju", ("j", "ü")),
        ("zhi", ("zh", "-i")),
        ("wo", ("", "uo")),
        ("bo", ("b", "uo")),
        ("lv", ("l", "ü")),
    ],
)
def test_a_syllable_splits_into_its_true_initial_and_final(syllable: str, parts: tuple[str, str]) -> None:
    assert split_syllable(syllable) == parts


@pytest.mark.parametrize(
    ("a", "b"), [("lan", "nan"), ("xin", "xing"), ("zi", "zhi"), ("si", "shi"), ("cu", "chu"), ("fei", "hei")]
)
def test_regional_mergers_cost_little(a: str, b: str) -> None:
    assert 0 < syllable_distance(a, b) <= 0.3


def test_unrelated_sounds_cost_one() -> None:
    assert syllable_distance("ma", "qiong") == 1.0


def test_tones_do_not_count() -> None:
    assert fuzzy_distance("瀚海", "韩海") == 0


def test_a_mangled_name_is_nearer_than_another_name() -> None:
    assert fuzzy_distance("启明软件", "其名乱剑") < 0.5 < fuzzy_distance("启明软件", "云舟科技")


@given(_CHINESE, _CHINESE)
def test_distance_is_symmetric(a: str, b: str) -> None:
    assert fuzzy_distance(a, b) == pytest.approx(fuzzy_distance(b, a))


@given(_CHINESE, st.integers(0, 8))
def test_dropping_syllables_costs_exactly_as_many_gaps(text: str, count: int) -> None:
    assert fuzzy_distance(text, text[: max(0, len(text) - count)]) == pytest.approx(min(count, len(text)))
