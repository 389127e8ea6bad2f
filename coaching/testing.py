"""A small call and its report, for tests of what is shown."""

from __future__ import annotations

from datetime import UTC, datetime

from coaching.metrics import measure
from coaching.report import Report, build_report
from coaching.scorecards import score
from domain.conversation import Transcript, Turn
from domain.signals import Analysis, Signal, SignalKind
from domain.sources import Source, SourceKind, cite, content_hash
from domain.suggestions import Aigc, Claim, Envelope, Suggestion, SuggestionKind

TURNS = (
    Turn(id="t001", speaker="customer", text="你们太贵了<b>！</b>", start_ms=0, end_ms=4_000),
    Turn(id="t002", speaker="rep", text="我们全国第一，您放心。", start_ms=4_500, end_ms=9_000),
)
CALL = Transcript(id="c", turns=TURNS, duration_ms=10_000)


def signal(kind: SignalKind, label: str, turn: Turn, quote: str, **attributes: object) -> Signal:
    """Make a signal on a quote of a turn."""
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
    """Make an envelope with one reply of one cited claim."""
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


def report(signals: tuple[Signal, ...] = SIGNALS, *, replies: Envelope | None = None) -> Report:
    """Make the report of the small call."""
    metrics = measure(CALL, signals)
    analysis = Analysis(conversation_id="c", signals=signals, metrics=metrics)
    return build_report(CALL, analysis, account_name="恒远", scorecard=score(CALL, signals, metrics), replies=replies)
