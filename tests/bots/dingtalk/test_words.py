"""What a rep reads in DingTalk, word for word."""

from __future__ import annotations

from syrupy.assertion import SnapshotAssertion

from bots.dingtalk.words import command, messages_of, title_of
from bots.inbound import Sender
from bots.outgoing import Button, Card, Outgoing, State

TEXT = """**可以这样回**（发送前请核对）

**1 · 交换条件**
先确认排期，再谈折扣。[1]

**2 · 总成本**
把三年的总成本算给他看。[2]

**来源**
战例《轴承厂 ＜b＞价格＜/b＞ 之争》第 2 版
> [1] “先确认排期，再谈折扣。”
> [2] “把三年的总成本算给他看。”
客户档案：预算 第 1 版
> [3] “今年没有预算。”

由AI生成，仅供参考，请核实后使用"""
CARD = Card(
    task_id="dec_1",
    title="这几条回复，哪条能用？",
    lines=("发 采纳 1、修改 1 新的说法、不合适 1、质疑 1，都会记到这条建议上。",),
    buttons=(Button(text="采纳 1", key="accept:dec_1:s1"), Button(text="质疑", key="challenge:dec_1")),
)


def outgoing(*, is_group: bool = False, text: str = TEXT, card: Card | None = None) -> Outgoing:
    return Outgoing(
        answer_id="a-1",
        to=Sender(user_id="user123", conversation_id="cidX==" if is_group else "user123", is_group=is_group),
        text=text,
        state=State.FINISHED,
        asked_at=0.0,
        card=card,
    )


def test_three_replies_in_a_single_chat(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(card=CARD), has_buttons=False) == snapshot


def test_three_replies_in_a_group(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(is_group=True, card=CARD), has_buttons=False) == snapshot


def test_three_replies_above_a_templates_buttons(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(card=CARD), has_buttons=True) == snapshot


def test_a_push_with_a_link(snapshot: SnapshotAssertion) -> None:
    card = Card(
        task_id="report-1",
        title="通话报告好了",
        lines=("华星轴承 · 12 分钟", "| 项目 | 得分 |\n| --- | --- |\n| 倾听 | 82 |"),
        buttons=(Button(text="看依据", key="why:dec_1"),),
        link="https://zq.example.com/calls/1",
    )
    push = outgoing(text="", card=card)
    assert messages_of(push, has_buttons=False) == snapshot
    assert title_of(push) == "通话报告好了"


def test_a_decision(snapshot: SnapshotAssertion) -> None:
    done = Card(task_id="dec_1", title="这几条回复，哪条能用？", done="已采纳 ✓")
    assert messages_of(outgoing(text="", card=done), has_buttons=False) == snapshot


def test_nothing_is_no_message() -> None:
    assert messages_of(outgoing(text=""), has_buttons=False) == []


def test_a_button_in_words_names_the_suggestion_once() -> None:
    assert command(Button(text="采纳", key="accept:dec_1:s2")) == "采纳 2"
    assert command(Button(text="采纳 2", key="accept:dec_1:s2")) == "采纳 2"
    assert command(Button(text="质疑", key="challenge:dec_1")) == "质疑"


def test_control_characters_are_not_sent() -> None:
    assert messages_of(outgoing(text="一\x07二\x1b[0m三"), has_buttons=False) == ["一二[0m三"]
