"""The report page shows every claim with its source and every picture with words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from coaching.metrics import measure
from coaching.page import render_html
from coaching.pictures import draw_emotion_curve
from coaching.report import Report, build_report
from coaching.scorecards import score
from domain.conversation import Transcript, Turn
from domain.signals import Analysis, Severity, Signal, SignalKind
from domain.sources import Source, SourceKind, cite, content_hash
from domain.suggestions import AI_LABEL, Aigc, Claim, Envelope, Suggestion, SuggestionKind

TURNS = (
    Turn(id="t001", speaker="customer", text="你们太贵了<b>！</b>", start_ms=0, end_ms=4_000),
    Turn(id="t002", speaker="rep", text="我们全国第一，您放心。", start_ms=4_500, end_ms=9_000),
)
CALL = Transcript(id="c", turns=TURNS, duration_ms=10_000)


def signal(kind: SignalKind, label: str, turn: Turn, quote: str, **attributes: object) -> Signal:
    start = turn.text.index(quote)
    return Signal(
        id=label,
        kind=kind,
        label=label,
        score=0.9,
        turn_id=turn.id,
        start=start,
        end=start + len(quote),
        quote=quote,
        extractor="test",
        version="1",
        attributes=attributes,
    )


SIGNALS = (
    signal(SignalKind.INTENT, "压价", TURNS[0], "太贵了"),
    signal(SignalKind.RISK, "绝对化用语", TURNS[1], "全国第一", severity="rewrite", rule="r1", message="没有依据"),
    signal(SignalKind.REP_ACT, "共情", TURNS[1], "您放心"),
)


def replies() -> Envelope:
    text = "先看三年总成本，再谈单价。"
    source = Source(
        source_id="case:C-1:talk_track",
        version=1,
        kind=SourceKind.CASE,
        title="降本案例",
        text=text,
        content_hash=content_hash(text),
    )
    claim = Claim(text=text, start=0, end=len(text), citations=(cite(source, 0, len(text)),))
    suggestion = Suggestion(id="1", tactic="算总账", what=text, why="", next="", confidence=0.8, claims=(claim,))
    return Envelope(
        decision_id="d-1",
        kind=SuggestionKind.REPLY,
        engine="extractive",
        suggestions=(suggestion,),
        aigc=Aigc(ContentProducer="zhanqing", ProduceID="d-1"),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def report(signals: tuple[Signal, ...] = SIGNALS, **parts: Envelope) -> Report:
    metrics = measure(CALL, signals)
    analysis = Analysis(conversation_id="c", signals=signals, metrics=metrics)
    return build_report(CALL, analysis, account_name="恒远", scorecard=score(CALL, signals, metrics), **parts)


def test_alerts_come_before_everything_else() -> None:
    page = render_html(report())
    assert page.index("先看合规") < page.index("一分钟看懂")
    assert report().alerts[0].severity is Severity.REWRITE


def test_a_turn_with_an_alert_is_not_praised() -> None:
    assert report().strengths == ()


def test_each_claim_shows_its_mark_and_its_quote_with_the_source() -> None:
    page = render_html(report(replies=replies()))
    assert "再谈单价。<sup>[1]</sup>" in page
    assert "“先看三年总成本，再谈单价。”" in page
    assert "case:C-1:talk_track · v1" in page


def test_what_people_said_cannot_become_markup() -> None:
    page = render_html(report())
    assert "<b>！</b>" not in page
    assert "&lt;b&gt;！" in page


def test_the_page_loads_nothing_from_elsewhere() -> None:
    page = render_html(report(replies=replies()))
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert "url(" not in page
    assert "<script" not in page


def test_the_page_is_labelled_as_made_by_ai_with_all_seven_fields() -> None:
    page = render_html(report(replies=replies()))
    assert AI_LABEL in page
    for name in ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID"):
        assert f"&#34;{name}&#34;" in page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_picture_has_words(lang: str) -> None:
    page = render_html(report(), lang=lang)
    pictures = re.findall(r"<svg[^>]*>", page)
    assert len(pictures) > 3
    assert all('role="img"' in picture and "aria-label=" in picture for picture in pictures)


def test_without_emotion_cues_no_curve_is_drawn() -> None:
    assert draw_emotion_curve(CALL, SIGNALS, title="", names={"rep": "", "customer": ""}) is None


def test_an_empty_conversation_still_makes_a_page() -> None:
    empty = Transcript(id="e", turns=())
    analysis = Analysis(conversation_id="e", signals=(), metrics=measure(empty))
    assert "无法计算" in render_html(build_report(empty, analysis))
