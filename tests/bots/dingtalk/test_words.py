"""What a rep reads in DingTalk, word for word."""

from __future__ import annotations

from datetime import UTC, datetime

from syrupy.assertion import SnapshotAssertion

from bots.dingtalk.words import command, messages_of, title_of
from bots.inbound import Sender
from bots.outgoing import Button, Card, Outgoing, State
from bots.rendering import render
from domain.sources import Citation, SourceKind
from domain.suggestions import Aigc, Claim, Envelope, Suggestion, SuggestionKind

TEXTS = ("先确认排期，再谈折扣。", "把三年的总成本算给他看。", "请他说出比的是哪一家。")
TACTICS = ("交换条件", "总成本", "反问")


def citation(text: str) -> Citation:
    return Citation(
        source_id="case:1",
        source_kind=SourceKind.CASE,
        version=2,
        content_hash="0" * 64,
        title="轴承厂 <b>价格</b> 之争",
        start=TEXTS.index(text) * 50,
        end=TEXTS.index(text) * 50 + len(text),
        quote=text,
    )


def suggestion(number: int) -> Suggestion:
    text = TEXTS[number]
    claim = Claim(text=text, start=0, end=len(text), citations=(citation(text),))
    return Suggestion(
        id=f"s{number + 1}", tactic=TACTICS[number], what=text, why="", next="", confidence=0.8, claims=(claim,)
    )


def reply() -> Envelope:
    return Envelope(
        decision_id="dec_1",
        kind=SuggestionKind.REPLY,
        engine="extractive",
        suggestions=tuple(map(suggestion, range(3))),
        aigc=Aigc(ContentProducer="zhanqing", ProduceID="dec_1"),
        created_at=datetime(2026, 11, 20, tzinfo=UTC),
        missing=("客户的预算是多少？",),
    )


def outgoing(*, is_group: bool = False, text: str | None = None, card: Card | None = None) -> Outgoing:
    shown = render(reply())
    return Outgoing(
        answer_id="a-1",
        to=Sender(user_id="user123", conversation_id="cidX==" if is_group else "user123", is_group=is_group),
        text=shown.text if text is None else text,
        state=State.FINISHED,
        asked_at=0.0,
        card=card if card or text is not None else shown.card,
    )


def test_three_replies_in_a_single_chat(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(), has_buttons=False) == snapshot


def test_three_replies_in_a_group(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(is_group=True), has_buttons=False) == snapshot


def test_three_replies_above_a_templates_buttons(snapshot: SnapshotAssertion) -> None:
    assert messages_of(outgoing(), has_buttons=True) == snapshot


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
