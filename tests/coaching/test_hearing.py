"""What the recogniser was unsure of is marked wherever it is quoted."""

from __future__ import annotations

from coaching.hearing import heard
from coaching.markdown import render_markdown
from coaching.metrics import measure
from coaching.page import render_html
from coaching.report import build_report
from coaching.scorecards import score
from coaching.testing import signal
from domain.conversation import Transcript, Turn, Word
from domain.signals import Analysis, SignalKind


def _words(text: str, unsure: str) -> tuple[Word, ...]:
    return tuple(
        Word(text=one, start_ms=at * 100, end_ms=at * 100 + 100, probability=0.2 if one in unsure else 0.9)
        for at, one in enumerate(text)
        if one not in "，。"
    )


TEXT = "我今天会和交付经理，确认排气。"
TURN = Turn(id="t1", speaker="rep", text=TEXT, start_ms=0, end_ms=1_600, words=_words(TEXT, "排气"))


def test_the_pieces_of_a_quote_are_the_quote_and_unsure_neighbours_are_one_piece() -> None:
    pieces = heard(TURN, "确认排气")
    assert "".join(piece.text for piece in pieces) == "确认排气"
    assert [piece.text for piece in pieces if piece.is_unsure] == ["排气"]


def test_a_chat_and_a_quote_that_was_corrected_since_are_shown_as_they_are() -> None:
    assert [piece.is_unsure for piece in heard(Turn(id="t", speaker="rep", text="好的"), "好的")] == [False]
    assert [piece.text for piece in heard(TURN, "确认排期")] == ["确认排期"]


def test_page_and_markdown_mark_the_words_and_say_so_to_those_who_listen() -> None:
    call = Transcript(id="c", turns=(TURN,), duration_ms=2_000)
    step = signal(SignalKind.NEXT_STEP, "下一步", TURN, TEXT[:-1], who="rep", what="确认排气", due="今天", due_on=None)
    metrics = measure(call, (step,))
    analysis = Analysis(conversation_id="c", signals=(step,), metrics=metrics)
    report = build_report(call, analysis, scorecard=score(call, (step,), metrics))
    page = render_html(report)
    assert page.count('<span class="unsure"') >= 2  # the step and the transcript
    assert "（听不准）" in page
    assert "以录音为准" in page
    assert "确认〔排气？〕" in render_markdown(report)
