from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from bots.outgoing import Button, Card
from bots.testing.wecom_api import card_problem
from bots.wecom.cards import template_card, words_of
from bots.wecom.mentions import without_mention

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
CARDS = st.builds(
    Card,
    task_id=st.text(min_size=1, max_size=200),
    title=WORDS.filter(str.strip),
    lines=st.lists(WORDS | st.just("客户：华星") | st.just("商机：OPP-2041"), max_size=12).map(tuple),
    buttons=st.lists(WORDS.filter(str.strip), min_size=1, max_size=9).map(
        lambda texts: tuple(Button(text=text, key=f"k:{index}") for index, text in enumerate(texts))
    ),
    done=st.sampled_from(["", "已采纳"]),
)
ADVICE = Card(
    task_id="dec_01JH:s1",
    title="这条建议对你有用吗？",
    lines=("客户：华星电子", "商机：OPP-2041", "来源：电话 3 月 4 日", "客户要 **3 年质保**报价，周五前回复。[1]"),
    buttons=(
        Button(text="采纳", key="accept:dec_01JH:s1", style=2),
        Button(text="修改", key="edit:dec_01JH:s1"),
        Button(text="不合适", key="reject:dec_01JH:s1"),
        Button(text="质疑", key="challenge:dec_01JH:s1"),
    ),
)


@given(CARDS)
@settings(max_examples=150, deadline=None)
def test_wecom_takes_every_card(card: Card) -> None:
    made = template_card(card)

    assert made is not None
    assert card_problem(made) == ""
    assert len(made["main_title"]["title"]) <= 26
    assert len(made.get("sub_title_text", "")) <= 112
    assert all(len(button["text"]) <= 10 for button in made["button_list"])
    assert all(len(row["value"]) <= 26 for row in made.get("horizontal_content_list", []))


@pytest.mark.parametrize(
    "card",
    [
        ADVICE,
        Card(task_id="t", title=ADVICE.title, lines=ADVICE.lines, done="已采纳"),
        Card(task_id="r", title="报告好了", lines=("85 分",), link="https://zq.example/calls/1"),
    ],
    ids=["advice", "advice_accepted", "report"],
)
def test_cards_as_a_rep_sees_them(card: Card, snapshot: SnapshotAssertion) -> None:
    assert json.dumps(template_card(card), ensure_ascii=False, indent=1) == snapshot


def test_a_card_without_buttons_or_page_is_words() -> None:
    card = Card(task_id="t", title="今日复盘", lines=("3 通电话",))

    assert template_card(card) is None
    assert words_of(card) == "**今日复盘**\n3 通电话"


def test_a_key_that_wecom_does_not_take_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="1024"):
        template_card(Card(task_id="t", title="x", buttons=(Button(text="a", key="k" * 1025),)))


def test_the_longer_of_two_names_is_taken_off() -> None:
    assert without_mention("@教练助手 在吗 @教练 你好", ["教练", "教练助手"]) == "在吗 你好"
