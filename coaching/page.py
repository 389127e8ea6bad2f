"""The report as one self-contained HTML page: readable on a phone, printable, nothing remote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from coaching import alternatives, pictures, view
from coaching.hearing import is_any_unsure
from coaching.report import Report
from coaching.words import Say, in_words, speaker_of
from domain.conversation import CUSTOMER, REP
from domain.signals import SignalKind
from domain.sources import turn_source_id
from domain.suggestions import AI_LABEL

LANES: tuple[tuple[str, tuple[SignalKind, ...], str], ...] = (
    ("lane_intent", (SignalKind.INTENT,), "#e07b39"),
    ("lane_question", (SignalKind.QUESTION,), "#2f6fde"),
    ("lane_competitor", (SignalKind.COMPETITOR,), "#7c3aed"),
    ("lane_promise", (SignalKind.PROMISE, SignalKind.NEXT_STEP), "#1f8a4c"),
    ("lane_risk", (SignalKind.RISK,), "#b91c1c"),
)


Listen = Callable[[str, int], str]
"""The address that plays a turn, by its id, from a moment in ms."""


def render_html(report: Report, *, lang: str = "zh", listen: Listen | None = None) -> str:
    """Render the report; every claim shows its citations, every picture its text alternative.

    Args:
        listen: Where each moment can be heard, if the reader has the recording at hand.
    """
    say = speaker_of(lang)
    values = _values(report, say, lang)
    return template("page.html.j2", lang).render(report=report, say=say, view=view, listen=listen, **values)


@cache
def template(name: str, lang: str) -> jinja2.Template:
    """Load one of this room's page templates, with the filters that all of them use."""
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(lambda part: (files("coaching") / part).read_text(encoding="utf-8")),
    )
    environment.filters.update(
        clock=view.clock,
        place=view.place,
        marked=view.marked_claims,
        titles=view.by_title,
        distinct=view.distinct,
        short=view.short,
        words=lambda words: in_words(words, lang),
    )
    environment.globals.update(html_lang="zh-CN" if lang == "zh" else "en", css=_css())
    return environment.get_template(name)


def joined(names: list[str] | tuple[str, ...], lang: str) -> str:
    """Write a list the way the language does."""
    return ("、" if lang == "zh" else ", ").join(in_words(name, lang) for name in names)


def _css() -> Markup:
    return Markup((files("coaching") / "page.css").read_text(encoding="utf-8"))  # noqa: S704  # our own file


def _values(report: Report, say: Say, lang: str) -> dict[str, Any]:
    transcript = report.transcript
    duration_ms = transcript.duration_ms or 0
    return {
        "ai_label": AI_LABEL,
        "meta": say("meta", minutes=duration_ms // 60_000, seconds=duration_ms // 1000 % 60) if duration_ms else "",
        "headline": view.headline(report, say),
        "alert_groups": view.alert_groups(report.alerts),
        "reasons": view.reasons_of(report),
        "gains": view.gains_of(report),
        "steps": [one for one in report.summary.agreed if one.is_step],
        "promises": [one for one in report.summary.agreed if not one.is_step],
        "turns": {turn.id: turn for turn in transcript.turns},
        "turn_of": {turn_source_id(transcript.id, turn.id): turn.id for turn in transcript.turns},
        "has_unsure": is_any_unsure(transcript.turns),
        "case_tips": view.case_tips(report),
        "rule_tips": view.rule_tips(report),
        "pictures": [(caption, Markup(picture)) for caption, picture in _pictures(report, say, lang)],  # noqa: S704  # drawsvg escapes
        "gauges": [(gauge, _gauge_picture(gauge)) for gauge in view.gauges_of(report, say, lang=lang)],
        "labels": view.labels_by_turn(report),
        "happened": happened(report, say, lang),
        "envelopes": view.envelopes_of(report),
        "speakers": {turn.id: view.turn_name(turn, say) for turn in transcript.turns},
        "aigc_json": json.dumps([asdict(one.aigc) for one in view.envelopes_of(report)], ensure_ascii=False),
    }


def happened(report: Report, say: Say, lang: str) -> str:
    """Return what happened in a sentence or two."""
    summary, ratio = report.summary, report.metric("talk_ratio")
    lines = [say("topics", topics=joined(summary.topics, lang)) if summary.topics else say("no_topics")]
    if summary.competitors:
        lines.append(say("competitors", names=joined(summary.competitors, lang)))
    if summary.candidates:
        lines.append(say("candidates", names=joined(summary.candidates, lang)))
    if ratio is not None and ratio.value is not None:
        lines.append(say("talk", percent=f"{100 * ratio.value:.0f}"))
    return ("" if lang == "zh" else " ").join(lines)


def _pictures(report: Report, say: Say, lang: str) -> list[tuple[str, str]]:
    transcript, signals = report.transcript, report.analysis.signals
    worded = partial(in_words, lang=lang)
    lanes = [pictures.Lane(title=say(name), kinds=kinds, colour=colour) for name, kinds, colour in LANES]
    shown = view.shown_signals(report)
    drawn = []
    if pictures.Axis(transcript).timed:
        title = alternatives.describe_talk_bar(transcript, say)
        bar = pictures.draw_talk_bar(transcript, title=title, minute=say("minute", number="{number}"))
        drawn.append((say("talk_bar"), bar))
    title = alternatives.describe_timeline(transcript, shown, lanes, say)
    timeline = pictures.draw_timeline(transcript, shown, lanes=lanes, title=title, worded=worded)
    drawn.append((say("timeline"), timeline))
    names = {REP: say("rep"), CUSTOMER: say("customer")}
    title = alternatives.describe_emotions(transcript, signals, say, lang=lang)
    curve = pictures.draw_emotion_curve(transcript, signals, title=title, names=names, worded=worded)
    return [*drawn, (say("emotion_curve"), curve)] if curve else drawn


def _gauge_picture(gauge: view.Gauge) -> Markup:
    picture = pictures.draw_gauge(gauge.metric, title=gauge.words)
    return Markup(picture) if picture else Markup()  # noqa: S704  # drawsvg escapes
