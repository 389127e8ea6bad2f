"""What the lexical channels match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.english import chinese_words
from retrieval.tokens import bigrams, latin_share, lexical_tokens, phonetic_tokens, romanised_tokens


def test_chinese_is_pairs_and_latin_is_words() -> None:
    assert lexical_tokens("MES报价65万，OK？") == ["mes", "报价", "65", "万", "ok"]


def test_width_and_case_do_not_matter() -> None:
    assert lexical_tokens("ＭＥＳ系统９９．９％") == lexical_tokens("mes系统99.9%")


@pytest.mark.parametrize(
    ("one", "other"), [("数擎软件", "树情软件"), ("云舟科技", "云州科技"), ("四周上线", "试轴上限"), ("评审", "平审")]
)
def test_homophones_share_their_sounds(one: str, other: str) -> None:
    assert phonetic_tokens(one) == phonetic_tokens(other)


def test_other_words_do_not() -> None:
    assert not set(phonetic_tokens("价格太贵")) & set(phonetic_tokens("交付周期"))


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=30))
def test_pairs_put_together_again_are_the_run(run: str) -> None:
    pairs = bigrams(run)
    assert "".join(pair[0] for pair in pairs) + pairs[-1][1] == run


@pytest.mark.parametrize(("text", "share"), [("", 0.0), ("价格太贵", 0.0), ("delivery time", 1.0)])
def test_the_share_of_latin(text: str, share: float) -> None:
    assert latin_share(text) == share


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("hospital wants three weeks", "医院 医疗 3周"),
        ("170k yuan", "170000元"),
        ("3.2 million records", "3200000"),
        ("300 thousand a day", "300000"),
        ("2-week trial", "2周 试用"),
        ("a 12-month contract", "12个月 合同"),
        ("five percent discount", "5% 折扣 优惠 降价"),
        ("payment terms", "付款条款 账期"),
    ],
)
def test_english_questions_bring_chinese_words_and_quantities(text: str, chinese: str) -> None:
    assert chinese_words(text) == chinese


@pytest.mark.parametrize("text", ["MES 报价太高了，能不能便宜一点", "价格太贵", ""])
def test_chinese_questions_are_left_alone(text: str) -> None:
    assert chinese_words(text) == ""


@pytest.mark.timeout(10)
def test_long_made_up_words_are_cut_in_no_time() -> None:
    for word in ("ao" * 900 + "v", "a" * 1500, " ".join("aoaoaoaoaoaoaoaoaoaoaov" for _ in range(80))):
        assert romanised_tokens(word) is not None
