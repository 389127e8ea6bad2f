"""An envelope in a chat: each mark has its quote, the label is always there, and nobody's words become markup."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.rendering import MOST_SOURCES, feedback_key, read_feedback_key, render, render_so_far
from domain.signals import Severity
from domain.sources import Citation, SourceKind
from domain.suggestions import (
    AI_LABEL,
    AbstentionReason,
    Aigc,
    Claim,
    ComplianceNote,
    Envelope,
    FeedbackAction,
    Suggestion,
    SuggestionKind,
    VerifiedSentence,
)


def citation(quote: str, *, source: str = "case:C-1:result", title: str = "轴承厂") -> Citation:
    return Citation(
        source_id=source,
        source_kind=SourceKind(source.partition(":")[0]),
        version=2,
        content_hash="sha256:0",
        title=title,
        start=0,
        end=len(quote),
        quote=quote,
    )


def suggestion(*claims: tuple[str, list[Citation]], name: str = "s1", tactic: str = "案例佐证") -> Suggestion:
    made, at = [], 0
    for text, cited in claims:
        made.append(Claim(text=text, start=at, end=at + len(text), citations=tuple(cited)))
        at += len(text)
    what = "".join(text for text, _ in claims)
    return Suggestion(id=name, tactic=tactic, what=what, why="", next="", confidence=0.9, claims=tuple(made))


def envelope(*suggestions: Suggestion, kind: SuggestionKind = SuggestionKind.REPLY, **changes: object) -> Envelope:
    made = Envelope(
        decision_id="d-1",
        kind=kind,
        engine="extractive",
        suggestions=suggestions,
        aigc=Aigc(ContentProducer="zhanqing", ProduceID="d-1"),
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
        abstained=not suggestions,
        reason=None if suggestions else "没有依据。",
        reason_code=None if suggestions else AbstentionReason.NO_EVIDENCE,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test's own values


FORTY = citation("停机降了四成")
BOXES = citation("13天接完", source="case:C-2:result", title="机床厂")


def test_the_same_span_keeps_its_number_and_quotes_stand_under_their_source() -> None:
    said = suggestion(("停机降了四成。", [FORTY]), ("13天接完，停机降了四成。", [BOXES, FORTY]))
    text = render(envelope(said)).text
    assert "停机降了四成。[1]13天接完，停机降了四成。[2][1]" in text
    assert "战例《轴承厂》第 2 版\n> [1] “停机降了四成”\n\n战例《机床厂》第 2 版\n> [2] “13天接完”" in text
    assert text.endswith(AI_LABEL)


def test_somebody_elses_words_are_no_markup() -> None:
    said = suggestion(("**点这里** [钓鱼](http://x) <@all>。", [citation("<font color=warning>", title="`x`")]))
    text = render(envelope(said)).text
    assert "**点这里**" not in text and "[钓鱼](" not in text and "<@" not in text and "<font" not in text


def test_notes_stand_beneath_their_suggestion_once_each() -> None:
    note = ComplianceNote(rule="r", severity=Severity.NOTE, message="先走审批。", start=0, end=2)
    said = replace(suggestion(("停机降了四成。", [FORTY])), compliance=(note, note))
    assert render(envelope(said)).text.count("⚠️ 先走审批") == 1


def test_a_note_on_several_replies_stands_once_and_says_on_which() -> None:
    note = ComplianceNote(rule="r", severity=Severity.NOTE, message="先走审批。", start=0, end=2)
    one, two = suggestion(("停机降了四成。", [FORTY])), suggestion(("十三天接完。", [FORTY]))
    three = replace(one, compliance=(note,))
    text = render(envelope(three, two, replace(two, compliance=(note,)), kind=SuggestionKind.REPLY)).text
    assert text.count("先走审批") == 1 and "⚠️ 先走审批（第 1、3 条）" in text


def test_an_abstention_has_its_reason_the_label_and_no_buttons() -> None:
    rendered = render(envelope())
    assert rendered.text == f"没有依据。\n\n{AI_LABEL}" and rendered.card is None


def test_a_section_that_no_source_fills_is_not_shown() -> None:
    empty = replace(suggestion(("有。", [FORTY])), what="", claims=(), tactic="导师")
    text = render(envelope(suggestion(("停机降了四成。", [FORTY])), empty, kind=SuggestionKind.BRIEF)).text
    assert "导师" not in text


def test_what_fits_no_screen_is_counted() -> None:
    many = [citation(f"第{number}句", source=f"case:C-{number}:result") for number in range(MOST_SOURCES + 3)]
    text = render(envelope(suggestion(*((f"第{number}句。", [one]) for number, one in enumerate(many))))).text
    assert f"[{MOST_SOURCES}]" in text.partition("**来源**")[2] and "还有 3 条来源" in text


def test_a_stream_shows_what_is_verified_with_its_sources_and_the_label() -> None:
    (claim,) = suggestion(("停机降了四成。", [FORTY])).claims
    text = render_so_far([VerifiedSentence(suggestion_id="s1", tactic="案例佐证", claim=claim)])
    assert "停机降了四成。[1]" in text and "> [1] “停机降了四成”" in text and AI_LABEL in text


@pytest.mark.parametrize("action", list(FeedbackAction))
def test_button_keys_read_back(action: FeedbackAction) -> None:
    assert read_feedback_key(feedback_key(action, "d-1", "s2")) == (action, "d-1", "s2")
    assert read_feedback_key(feedback_key(action, "d-1")) == (action, "d-1", None)


@pytest.mark.parametrize("key", ["", "accept", "accept:", "drop:d-1", "hear:call-1"])
def test_what_is_no_key_of_ours_is_none(key: str) -> None:
    assert read_feedback_key(key) is None


def test_english_is_complete() -> None:
    said = suggestion(("停机降了四成。", [FORTY]))
    rendered = render(envelope(said, missing=("Q?",), notes=("N",)), "en")
    assert "**Sources**" in rendered.text and rendered.card is not None
    assert [button.text for button in rendered.card.buttons] == ["Use 1", "Edit", "Not fitting", "Challenge"]
