"""What the report shows, put into words once for the page and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import takewhile

from coaching.agreed import Agreed
from coaching.credit import credited
from coaching.hearing import Heard, heard
from coaching.losses import Loss
from coaching.metrics import default_ranges
from coaching.report import PRAISED_ACTS, Alert, Report
from coaching.scorecards import Evidence
from coaching.words import Say
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.footnotes import Footnote, Footnotes
from domain.signals import LogicBreak, Metric, Moment, RepAct, Severity, Signal, SignalKind
from domain.sources import SourceKind, turn_source_id
from domain.suggestions import Claim, Envelope, Suggestion

MOST_TIPS = 5
MOST_REASONS = 4
QUIET_LABELS = {"其他", "寒暄"}
_MOST_GAINS = 3
_SHORT = 60
"""Characters of a turn that a heading repeats."""


class Standing(StrEnum):
    """Where a metric lies against its range."""

    INSIDE = "inside"
    LOW = "low"
    HIGH = "high"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGroup:
    """One rule that the rep's wording broke, with every place where it did."""

    severity: Severity
    label: str
    message: str
    rewrite: str
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the few numbers at the top; `is_bad` asks for a look."""

    name: str
    value: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A metric in words: value, range, standing, and what both rest on."""

    metric: Metric
    name: str
    value: str
    range: str
    standing: Standing
    standing_words: str
    why: str
    divided_by: str
    source: str

    @property
    def words(self) -> str:
        """The gauge as one line, which is also its picture's text alternative."""
        parts = [f"{self.name} {self.value}", self.range, self.standing_words, self.why]
        return "，".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTip:
    """A tip from a war case: the customer's moment, what the rep said to it, and the better words.

    Attributes:
        answers: The rep's turns right after; none where the customer went on.
        is_met: What the rep said was good: the case's words add to it instead of correcting it.
    """

    suggestion: Suggestion
    asked: Turn | None
    answers: tuple[Turn, ...]
    claims: tuple[tuple[Claim, tuple[int, ...]], ...]
    is_met: bool = False


def alert_groups(alerts: Sequence[Alert]) -> list[AlertGroup]:
    """Gather alerts of one rule, gravest first."""
    groups: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in alerts:
        groups.setdefault((alert.severity, alert.label, alert.rule), []).append(alert)
    return [
        AlertGroup(
            severity=group[0].severity,
            label=group[0].label,
            message=group[0].message,
            rewrite=next((alert.rewrite for alert in group if alert.rewrite), ""),
            moments=tuple(alert.moment for alert in group),
        )
        for group in groups.values()
    ]


def headline(report: Report, say: Say) -> list[Figure]:
    """Return the numbers at the top; one that has no basis is left out."""
    figures = []
    if report.scorecard is not None and report.scorecard.total is not None:
        total = report.scorecard.total
        figures.append(Figure(name=say("total"), value=f"{total:.0f}", is_bad=total < 50))
    alerts = len(report.alerts)
    figures.append(Figure(name=say("alerts_short"), value=str(alerts), is_bad=alerts > 0))
    ratio = report.metric("talk_ratio")
    if ratio is not None and ratio.value is not None:
        bad = standing_of(ratio) is Standing.HIGH
        figures.append(Figure(name=say("talk_short"), value=amount(ratio.value, "ratio", say), is_bad=bad))
    steps = sum(one.is_step for one in report.summary.agreed)
    figures.append(Figure(name=say("steps_short"), value=str(steps), is_bad=steps == 0))
    return figures


def gauges_of(report: Report, say: Say, *, lang: str) -> list[Gauge]:
    """Put every metric into words, in the metrics' order."""
    return [_gauge(metric, say, lang) for metric in report.analysis.metrics]


def standing_of(metric: Metric) -> Standing:
    """Say where a metric lies; `NONE` without a value or a range."""
    if metric.value is None or metric.default_range is None:
        return Standing.NONE
    low, high = metric.default_range
    if low is not None and metric.value < low:
        return Standing.LOW
    return Standing.HIGH if high is not None and metric.value > high else Standing.INSIDE


def case_tips(report: Report) -> list[CaseTip]:
    """Return the tips that war cases gave, each with its moment."""
    given = report.tips.suggestions if report.tips else ()
    return [_case_tip(suggestion, report) for suggestion in given[:MOST_TIPS]]


def rule_tips(report: Report) -> list[Loss]:
    """Return the rubric's own advice that fills the tips up to five, dearest first."""
    return list(report.losses[: MOST_TIPS - len(case_tips(report))])


def reasons_of(report: Report) -> list[Loss]:
    """Return why the conversation went as it did: what cost most."""
    return list(report.losses[:MOST_REASONS])


def clock(at_ms: int | None) -> str:
    """Write a time in the recording as m:ss; empty where there is none."""
    return "" if at_ms is None else f"{at_ms // 60_000}:{at_ms // 1000 % 60:02d}"


def place(moment: Moment) -> str:
    """Write where a moment is: its time, else its turn's number, #7."""
    return clock(moment.start_ms) or turn_number(moment.turn_id)


def turn_number(turn_id: str) -> str:
    """Write a turn's id as people count: #7 of t007; another kind of id stays."""
    number = turn_id.removeprefix("t")
    return f"#{int(number)}" if number.isdigit() else turn_id


def distinct(moments: Sequence[Moment], *, most: int = 3) -> list[Moment]:
    """Return the first moments that a reader can tell apart by their place."""
    found = {place(moment): moment for moment in reversed(moments)}
    return list(reversed(found.values()))[:most]


def short(words: str) -> str:
    """Cut a long turn for a heading."""
    return words if len(words) <= _SHORT else words[:_SHORT] + "……"


def amount(value: float, unit: str, say: Say) -> str:
    """Write a metric's value with its unit, the way people read it."""
    if unit == "ms":
        return say("seconds", number=_number(value / 1000))
    if unit == "ratio":
        return f"{100 * value:.0f}%"
    words = say(_UNIT_WORDS[unit]) if unit in _UNIT_WORDS else ""
    return f"{_number(value)} {words}".strip()


def marked_claims(suggestion: Suggestion) -> list[tuple[Claim, list[int]]]:
    """Return each claim with the numbers of its citations, counted through the suggestion."""
    footnotes = Footnotes()
    return [(claim, footnotes.numbers(claim)) for claim in suggestion.claims]


def footnotes_of(suggestion: Suggestion) -> list[Footnote]:
    """Return what stands under the numbers of a suggestion's claims."""
    footnotes = Footnotes()
    for claim in suggestion.claims:
        footnotes.numbers(claim)
    return footnotes.notes


def by_title(suggestion: Suggestion) -> list[tuple[str, list[Footnote]]]:
    """Return the footnotes under the title of what they are from, first cited first."""
    titles: dict[str, list[Footnote]] = {}
    for note in footnotes_of(suggestion):
        titles.setdefault(note.first.title, []).append(note)
    return list(titles.items())


def envelopes_of(report: Report) -> list[Envelope]:
    """Return what the agent wrote for this report."""
    return [envelope for envelope in (report.tips, report.brief, report.replies) if envelope is not None]


def labels_by_turn(report: Report) -> dict[str, list[tuple[str, str]]]:
    """Return the labels to show beside each turn, each label once; neutral feelings and 其他 are left out."""
    labels: dict[str, dict[str, str]] = {}
    asked = {
        one.turn_id for one in report.analysis.signals if one.label in (RepAct.OPEN_QUESTION, RepAct.CLOSED_QUESTION)
    }
    for signal in report.analysis.signals:
        # The act already says that it is a question, and of which form.
        repeats = signal.kind is SignalKind.QUESTION and signal.turn_id in asked
        if signal.label not in (*QUIET_LABELS, "中性") and not repeats:
            labels.setdefault(signal.turn_id, {}).setdefault(signal.label, signal.kind.value)
    return {turn_id: [(kind, label) for label, kind in found.items()] for turn_id, found in labels.items()}


def turn_name(turn: Turn, say: Say) -> str:
    """Name a turn's speaker for readers."""
    if turn.speaker in (REP, CUSTOMER):
        return say(turn.speaker)
    return f"{say('speaker')} {int(turn.speaker.rpartition('_')[2]) + 1}"


def is_alerted(report: Report, moment: Moment) -> bool:
    """Whether an alert lies on these words: a promise that must be taken back, not only kept in mind."""
    return any(
        alert.moment.turn_id == moment.turn_id
        and (alert.moment.quote in moment.quote or moment.quote in alert.moment.quote)
        for alert in report.alerts
    )


def shown_signals(report: Report) -> list[Signal]:
    """Return the signals that the timeline shows."""
    return [signal for signal in report.analysis.signals if signal.label not in QUIET_LABELS]


_UNIT_WORDS = {
    "questions/call": "unit_questions_call",
    "questions": "unit_questions",
    "switches/min": "unit_switches_min",
    "valence": "unit_valence",
    "字/分": "unit_speed",
    "字": "unit_characters",
}


def _gauge(metric: Metric, say: Say, lang: str) -> Gauge:
    standing = standing_of(metric)
    source = default_ranges()[metric.name].get(f"source_{lang}", metric.range_source)
    return Gauge(
        metric=metric,
        name=say(f"metric_{metric.name}"),
        value=say("undefined") if metric.value is None else amount(metric.value, metric.unit, say),
        range=_range_words(metric, say),
        standing=standing,
        standing_words="" if standing is Standing.NONE else say(f"standing_{standing}"),
        why=say(f"because_{metric.undefined_because}") if metric.undefined_because else "",
        divided_by=say(f"divided_{metric.name}"),
        source=str(source),
    )


def _range_words(metric: Metric, say: Say) -> str:
    if metric.default_range is None or metric.value is None:
        return ""
    bounds = metric.default_range
    low, high = (None if bound is None else amount(bound, metric.unit, say) for bound in bounds)
    if None not in bounds and metric.unit != "ratio":
        low = _number((bounds[0] or 0.0) / (1000 if metric.unit == "ms" else 1))  # the unit stands once, behind both
    if low is not None and high is not None and metric.default_range[0]:
        return say("range", low=low, high=high)
    return say("range_high", high=high) if high is not None else say("range_low", low=low)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"


def _case_tip(suggestion: Suggestion, report: Report) -> CaseTip:
    """Split a tip: the sentence that quotes the customer is its heading, the others are the better words."""
    asked = _asked_turn(suggestion, report.transcript)
    answers = _answers_to(asked, report.transcript) if asked else ()
    rows = [(claim, tuple(marks)) for claim, marks in marked_claims(suggestion)]
    better = [row for row in rows if not all(one.source_kind is SourceKind.TURN for one in row[0].citations)]
    return CaseTip(
        suggestion=suggestion,
        asked=asked,
        answers=answers,
        claims=tuple(better if asked else rows),
        is_met=asked is not None and _is_met(report, asked, answers),
    )


def _asked_turn(suggestion: Suggestion, transcript: Transcript) -> Turn | None:
    cited = {citation.source_id for claim in suggestion.claims for citation in claim.citations}
    return next((turn for turn in transcript.turns if turn_source_id(transcript.id, turn.id) in cited), None)


def _answers_to(asked: Turn, transcript: Transcript) -> tuple[Turn, ...]:
    """Return the rep's turns right after; none where the customer went on."""
    turns = list(transcript.turns)
    return tuple(takewhile(lambda turn: turn.speaker == REP, turns[turns.index(asked) + 1 :]))


def _is_met(report: Report, asked: Turn, answers: Sequence[Turn]) -> bool:
    """Whether the rep's answer holds a good act and no fault: then there is nothing to correct."""
    said = {turn.id for turn in answers}
    signals = report.analysis.signals
    if any(signal.kind is SignalKind.LOGIC_BREAK and signal.turn_id == asked.id for signal in signals):
        return False
    faults = [one for one in signals if one.turn_id in said and _is_fault(one)]
    turns = {turn.id: turn for turn in report.transcript.turns}
    good = [
        one
        for one in credited(signals, turns)
        if one.turn_id in said and one.kind is SignalKind.REP_ACT and one.label in PRAISED_ACTS
    ]
    return bool(good) and not faults


def _is_fault(signal: Signal) -> bool:
    """A risk above a note, a feature list, or a break of the rep's own; to answer a question is the customer's part."""
    if signal.kind is SignalKind.RISK:
        return signal.attributes.get("severity") != Severity.NOTE
    if signal.kind is SignalKind.LOGIC_BREAK:
        return signal.label != LogicBreak.UNANSWERED
    return signal.kind is SignalKind.REP_ACT and signal.label == RepAct.MONOLOGUE


def pieces(turn: Turn | None, words: str, *, whole: bool = False) -> list[Heard]:
    """Cut words of a turn for reading: where the recogniser was unsure, and (not `whole`) where a heading ends."""
    if whole or len(words) <= _SHORT:
        return heard(turn, words)
    return [*heard(turn, words[:_SHORT]), Heard(text="……", is_unsure=False)]


def marked(pieces: Sequence[Heard]) -> str:
    """Write pieces without colours: an unsure word stands in 〔〕 with a question mark."""
    return "".join(f"〔{piece.text}？〕" if piece.is_unsure else piece.text for piece in pieces)


def gains_of(report: Report) -> list[Evidence]:
    """Return what earned most, for a conversation that lost nothing worth a line."""
    if report.scorecard is None or report.losses:
        return []
    fired = [one for item in report.scorecard.items for one in item.evidence if one.points > 0 and one.moments]
    return sorted(fired, key=lambda one: -one.points)[:_MOST_GAINS]


def day(on: date, say: Say) -> str:
    """Write a day the way a to-do list does: 11-19 周四."""
    return say("day", month=on.month, day=on.day, weekday=say(f"weekday_{on.isoweekday()}"))


def hand(one: Agreed, say: Say) -> str:
    """Return who does it."""
    return say(one.who) if one.who in (REP, CUSTOMER, "both") else say("speaker")
