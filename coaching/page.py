"""The report as one self-contained HTML page: readable on a phone, printable, nothing remote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from coaching import pictures
from coaching.report import Report
from domain.conversation import CUSTOMER, REP, Turn
from domain.messages import text
from domain.signals import Metric, SignalKind
from domain.sources import Citation
from domain.suggestions import AI_LABEL, Claim, Envelope, Suggestion

LANES: tuple[tuple[str, tuple[SignalKind, ...], str], ...] = (
    ("lane_intent", (SignalKind.INTENT,), "#e07b39"),
    ("lane_question", (SignalKind.QUESTION,), "#2f6fde"),
    ("lane_competitor", (SignalKind.COMPETITOR,), "#7c3aed"),
    ("lane_promise", (SignalKind.PROMISE, SignalKind.NEXT_STEP), "#1f8a4c"),
    ("lane_risk", (SignalKind.RISK,), "#b91c1c"),
)
_QUIET_LABELS = {"其他", "寒暄"}
Say = Callable[..., str]


def render_html(report: Report, *, lang: str = "zh") -> str:
    """Render the report; every claim shows its citations, every picture its text alternative."""

    def say(name: str, **params: object) -> str:
        return text(f"coaching.{name}", lang, **params)

    view = _view(report, say)
    return _template().render(report=report, say=say, lang="zh-CN" if lang == "zh" else "en", **view)


def clock(at_ms: int | None) -> str:
    """Write a time in the recording as m:ss; empty where there is none."""
    return "" if at_ms is None else f"{at_ms // 60_000}:{at_ms // 1000 % 60:02d}"


def amount(value: float, unit: str) -> str:
    """Write a metric's value the way people read it."""
    if unit == "ms":
        return f"{value / 1000:.1f} s"
    if unit == "ratio":
        return f"{100 * value:.0f}%"
    return f"{value:.1f}" if value != int(value) else f"{value:.0f}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(clock=clock, marked=marked_claims, citations=numbered_citations)
    return environment.from_string((files("coaching") / "page.html.j2").read_text(encoding="utf-8"))


def marked_claims(suggestion: Suggestion) -> list[tuple[Claim, list[int]]]:
    """Return each claim with the numbers of its citations, counted through the suggestion."""
    numbers: dict[tuple[str, int, int], int] = {}
    rows = []
    for claim in suggestion.claims:
        keys = [(citation.source_id, citation.start, citation.end) for citation in claim.citations]
        rows.append((claim, [numbers.setdefault(key, len(numbers) + 1) for key in keys]))
    return rows


def numbered_citations(suggestion: Suggestion) -> list[tuple[int, Citation]]:
    """Return each distinct citation of a suggestion once, with the number its claims show."""
    numbered: dict[int, Citation] = {}
    for claim, marks in marked_claims(suggestion):
        for mark, citation in zip(marks, claim.citations, strict=True):
            numbered.setdefault(mark, citation)
    return list(numbered.items())


def _view(report: Report, say: Say) -> dict[str, Any]:
    transcript = report.transcript
    duration_ms = transcript.duration_ms or 0
    return {
        "ai_label": AI_LABEL,
        "css": Markup((files("coaching") / "page.css").read_text(encoding="utf-8")),  # noqa: S704  # our own file
        "meta": say("meta", minutes=duration_ms // 60_000, seconds=duration_ms // 1000 % 60) if duration_ms else "",
        "pictures": [(caption, Markup(picture)) for caption, picture in _pictures(report, say)],  # noqa: S704  # drawsvg escapes
        "gauges": [_gauge(metric, say) for metric in report.analysis.metrics],
        "labels": _labels_by_turn(report),
        "words": _summary_words(report, say),
        "envelopes": _envelopes(report),
        "speakers": {turn.id: turn_name(turn, say) for turn in transcript.turns},
        "aigc_json": json.dumps([asdict(envelope.aigc) for envelope in _envelopes(report)], ensure_ascii=False),
    }


def _envelopes(report: Report) -> list[Envelope]:
    return [envelope for envelope in (report.tips, report.brief, report.replies) if envelope is not None]


def _pictures(report: Report, say: Say) -> list[tuple[str, str]]:
    transcript, signals = report.transcript, report.analysis.signals
    lanes = [pictures.Lane(title=say(name), kinds=kinds, colour=colour) for name, kinds, colour in LANES]
    shown = [signal for signal in signals if signal.label not in _QUIET_LABELS]
    drawn = []
    if pictures.Axis(transcript).timed:
        bar = pictures.draw_talk_bar(transcript, title=say("talk_bar"), minute=say("minute", number="{number}"))
        drawn.append((say("talk_bar"), bar))
    drawn.append((say("timeline"), pictures.draw_timeline(transcript, shown, lanes=lanes, title=say("timeline"))))
    names = {REP: say("rep"), CUSTOMER: say("customer")}
    curve = pictures.draw_emotion_curve(transcript, signals, title=say("emotion_curve"), names=names)
    return [*drawn, (say("emotion_curve"), curve)] if curve else drawn


def _gauge(metric: Metric, say: Say) -> dict[str, Any]:
    name = say(f"metric_{metric.name}")
    picture = pictures.draw_gauge(metric, title=f"{name} {metric.value}")
    return {
        "name": name,
        "value": say("undefined") if metric.value is None else amount(metric.value, metric.unit),
        "unit": "" if metric.value is None else _unit_words(metric.unit, say),
        "why": say(f"because_{metric.undefined_because}") if metric.undefined_because else "",
        "range": _range_words(metric, say),
        "source": metric.range_source,
        "denominator": metric.denominator,
        "picture": Markup(picture) if picture else "",  # noqa: S704  # drawsvg escapes
    }


_UNIT_WORDS = {
    "questions/call": "unit_questions_call",
    "questions": "unit_questions",
    "switches/min": "unit_switches_min",
    "valence": "unit_valence",
    "字/分": "unit_speed",
    "字": "unit_characters",
}


def _unit_words(unit: str, say: Say) -> str:
    return say(_UNIT_WORDS[unit]) if unit in _UNIT_WORDS else ""


def _range_words(metric: Metric, say: Say) -> str:
    if metric.default_range is None or metric.value is None:
        return ""
    low, high = (None if bound is None else amount(bound, metric.unit) for bound in metric.default_range)
    if low is not None and high is not None:
        return say("range", low=low, high=high)
    return say("range_low", low=low) if low is not None else say("range_high", high=high)


def _summary_words(report: Report, say: Say) -> dict[str, str]:
    summary, ratio = report.summary, report.metric("talk_ratio")
    comma = "、"
    return {
        "topics": say("topics", topics=comma.join(summary.topics)) if summary.topics else say("no_topics"),
        "competitors": say("competitors", names=comma.join(summary.competitors)) if summary.competitors else "",
        "talk": say("talk", percent=f"{100 * ratio.value:.0f}") if ratio and ratio.value is not None else "",
    }


def _labels_by_turn(report: Report) -> dict[str, list[tuple[str, str]]]:
    """Return the labels to show beside each turn, once each; neutral feelings and 其他 are left out."""
    labels: dict[str, list[tuple[str, str]]] = {}
    for signal in report.analysis.signals:
        entry = (signal.kind.value, signal.label)
        if signal.label not in (*_QUIET_LABELS, "中性") and entry not in labels.setdefault(signal.turn_id, []):
            labels[signal.turn_id].append(entry)
    return labels


def turn_name(turn: Turn, say: Say) -> str:
    """Name a turn's speaker for readers."""
    if turn.speaker in (REP, CUSTOMER):
        return say(turn.speaker)
    return f"{say('speaker')} {int(turn.speaker.rpartition('_')[2]) + 1}"
