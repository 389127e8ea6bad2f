from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bots.splitting import Limit, numbered, parts, split

WECOM = Limit(max_bytes=2000)
DINGTALK = Limit(max_bytes=18000, max_characters=3500)
PIECES = st.sampled_from(
    [
        "客户嫌贵。",
        "价格",
        "a",
        " ",
        "\n",
        "\n\n",
        "[1]",
        "。[2]",
        "👨\u200d👩\u200d👧\u200d👦",
        "🇨🇳",
        "👍🏽",
        "é",
        "[链接](https://a.b/c)",
        "**粗**",
        "```py\nx = 1\n```\n",
        "`x`",
        "<@zhangsan>",
        "❤️",
        "\r\n",
        "，",
        "```",
        "https://a.b/c?d=e",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ]
)
TEXTS = st.lists(PIECES, max_size=200).map("".join)


@given(TEXTS, st.integers(64, 400), st.none() | st.integers(32, 200))
@example("x" * 1000, 64, None)
@example("```py\n" + "y = 2\n" * 40 + "```\n", 64, 32)
@settings(max_examples=150, deadline=None)
def test_parts_fit_and_joined_are_the_text(text: str, max_bytes: int, max_characters: int | None) -> None:
    limit = Limit(max_bytes=max_bytes, max_characters=max_characters)

    found = parts(text, limit)

    assert "".join(part.source for part in found) == text
    assert all(limit.holds(part.shown) for part in found)
    assert all(part.source for part in found) or text == ""


@given(TEXTS, st.integers(120, 300))
@settings(max_examples=100, deadline=None)
def test_what_a_reader_sees_as_one_is_never_cut(text: str, max_bytes: int) -> None:
    cuts, at = set(), 0
    for part in parts(text, Limit(max_bytes=max_bytes)):
        at += len(part.source)
        cuts.add(at)

    for whole in re.finditer(r"👨‍👩‍👧‍👦|👍🏽|é|❤️|\r\n|🏴󠁧󠁢󠁥󠁮󠁧󠁿|\[链接\]\(https://a\.b/c\)", text):
        assert not cuts & set(range(whole.start() + 1, whole.end()))


def test_ten_thousand_chinese_characters_go_out_in_order_at_sentence_ends() -> None:
    text = "客户说价格太高，我们先问清预算再谈分期付款的方案。" * 400

    found = split(text, WECOM)

    assert "".join(found) == text
    assert all(len(part.encode()) <= 2000 for part in found)
    assert all(part.endswith("。") for part in found)


def test_a_citation_stays_with_its_sentence() -> None:
    text = "客户去年因为价格选了别家，今年预算增加了。[1][2]" * 60

    found = split(text, Limit(max_bytes=200))

    assert all(part.endswith("[2]") for part in found)


def test_the_sources_beneath_an_answer_are_cut_between_lines() -> None:
    text = "\n".join(f"[{index}] 《电话 3 月 {index} 日》：“我们预算只有二十万”" for index in range(1, 30))

    assert all(re.match(r"\[\d+\] 《", part) for part in split(text, Limit(max_bytes=300)))


def test_paragraphs_are_preferred_to_sentences() -> None:
    text = "第一段第一句话在这里。第一段第二句话在这里。\n\n第二段第一句话。第二段第二句话在这里呢。"

    assert split(text, Limit(max_bytes=100))[0].endswith("\n\n")


def test_a_code_block_that_does_not_fit_is_closed_and_opened_again() -> None:
    text = "看：\n```sql\n" + "select 1;\n" * 40 + "```\n完。"

    found = split(text, Limit(max_bytes=128))

    assert len(found) > 3
    assert all(part.count("```") == 2 for part in found[:-1])
    assert all(part.startswith("```sql\n") for part in found[1:-1])


def test_a_code_block_that_fits_stays_whole() -> None:
    text = "一句话。" * 10 + "\n```\n" + "select 1;\n" * 8 + "```\n" + "又一句。" * 10

    assert any("```\n" + "select 1;\n" * 8 + "```" in part for part in split(text, Limit(max_bytes=160)))


def test_only_several_parts_are_numbered_and_the_number_has_room() -> None:
    limit = Limit(max_bytes=100)

    assert numbered("好的", limit) == ["好的"]
    found = numbered("客户说价格太高。" * 20, limit)
    assert found[0].startswith(f"(1/{len(found)})\n")
    assert all(limit.holds(part) for part in found)


def test_characters_are_limited_too() -> None:
    assert all(len(part) <= 3500 for part in split("a" * 9000, DINGTALK))


def test_a_limit_that_holds_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        split("好", Limit(max_bytes=10))
