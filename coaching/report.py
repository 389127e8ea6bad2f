"""The coaching report of one conversation: what happened, why, what next; compliance alerts first.

Tips, brief and replies come in as values, already grounded and cited; this room adds only what it can
compute from the transcript, its signals and metrics.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from coaching.agreed import Agreed, agreed_in
from coaching.contact import stop_request
from coaching.credit import credited, is_sure
from coaching.losses import Loss, find_losses
from coaching.scorecards import Scorecard
from coaching.timing import moment_of
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import (
    Analysis,
    Emotion,
    Intent,
    Metric,
    Moment,
    RepAct,
    Severity,
    Signal,
    SignalKind,
)
from domain.suggestions import Envelope

MOST_TOPICS = 3
PRAISED_ACTS: tuple[RepAct, ...] = (
    RepAct.OPEN_QUESTION,
    RepAct.RESTATE,
    RepAct.EMPATHY,
    RepAct.VALUE,
    RepAct.REFERENCE,
    RepAct.NEXT_STEP,
)
_NO_TOPIC = {Intent.OTHER, Intent.SMALL_TALK, Intent.NEXT_STEP}
"""What a customer wishes of the talk itself is no topic of it."""
_WORRIED = {Emotion.WORRIED, Emotion.UNHAPPY, Emotion.ANGRY}
_LOW_MOOD = -0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Wording of the rep that law or policy forbids or limits, gravest first."""

    label: str
    severity: Severity
    rule: str
    message: str
    rewrite: str
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """Something the rep did well, with its best moment and how often it was done."""

    act: str
    times: int
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The report's first lines, as facts to be put into words: topics, what was agreed, where the mood was low.

    Attributes:
        topics: What the customer came back to, most and longest first.
        agreed: Promises and next steps, each thing once.
        competitors: Known ones, by frequency; `candidates` are names that somebody has yet to check.
        worries: The customer's own words at the turns that carried a negative feeling, worst first.
    """

    topics: tuple[str, ...]
    competitors: tuple[str, ...]
    candidates: tuple[str, ...]
    promises: tuple[Moment, ...]
    next_steps: tuple[Moment, ...]
    worries: tuple[Moment, ...]
    agreed: tuple[Agreed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page, the Markdown and the JSON show.

    Attributes:
        losses: What cost points and what to do instead, dearest first; compliance has its alerts.
        stop_request: Where the customer asked not to be contacted again; then nothing is drafted for them.
        asked: What the replies answer.
    """

    transcript: Transcript
    analysis: Analysis
    summary: Summary
    alerts: tuple[Alert, ...]
    strengths: tuple[Strength, ...]
    breaks: tuple[Signal, ...]
    account_name: str = ""
    scorecard: Scorecard | None = None
    tips: Envelope | None = None
    brief: Envelope | None = None
    replies: Envelope | None = None
    asked: Moment | None = None
    losses: tuple[Loss, ...] = ()
    stop_request: Moment | None = None

    def metric(self, name: str) -> Metric | None:
        """Return a metric by name."""
        return next((metric for metric in self.analysis.metrics if metric.name == name), None)


def build_report(
    transcript: Transcript,
    analysis: Analysis,
    *,
    account_name: str = "",
    scorecard: Scorecard | None = None,
    tips: Envelope | None = None,
    brief: Envelope | None = None,
    replies: Envelope | None = None,
    asked: Turn | None = None,
) -> Report:
    """Gather what one conversation shows."""
    turns = {turn.id: turn for turn in transcript.turns}
    signals = [signal for signal in analysis.signals if signal.turn_id in turns]
    alerts = _alerts(signals, turns)
    return Report(
        transcript=transcript,
        analysis=analysis,
        summary=_summary(signals, turns),
        alerts=alerts,
        strengths=_strengths(credited(signals, turns), turns, shadowed={alert.moment.turn_id for alert in alerts}),
        breaks=tuple(signal for signal in signals if signal.kind is SignalKind.LOGIC_BREAK),
        account_name=account_name,
        scorecard=scorecard,
        tips=tips,
        brief=brief,
        replies=replies,
        asked=Moment(turn_id=asked.id, start_ms=asked.start_ms, end_ms=asked.end_ms, quote=asked.text)
        if asked
        else None,
        losses=find_losses(transcript, signals, scorecard),
        stop_request=stop_request(transcript),
    )


def _alerts(signals: Sequence[Signal], turns: dict[str, Turn]) -> tuple[Alert, ...]:
    """List the rep's risky wording, gravest first; notes on exempt wording are no alerts."""
    gravity = [Severity.BLOCK, Severity.REWRITE]
    found = [
        Alert(
            label=signal.label,
            severity=Severity(str(signal.attributes["severity"])),
            rule=str(signal.attributes.get("rule", "")),
            message=str(signal.attributes.get("message", "")),
            rewrite=str(signal.attributes.get("suggested_rewrite") or ""),
            moment=moment_of(signal, turns[signal.turn_id]),
        )
        for signal in signals
        if signal.kind is SignalKind.RISK
        and turns[signal.turn_id].speaker != CUSTOMER
        and signal.attributes.get("severity") in gravity
    ]
    return tuple(sorted(found, key=lambda alert: gravity.index(alert.severity)))


def _strengths(signals: Sequence[Signal], turns: dict[str, Turn], *, shadowed: set[str]) -> tuple[Strength, ...]:
    """List good acts by frequency; a turn with an alert is never praised."""
    strengths = []
    for act in PRAISED_ACTS:
        done = [
            signal
            for signal in signals
            if signal.kind is SignalKind.REP_ACT
            and signal.label == act
            and turns[signal.turn_id].speaker == REP
            and signal.turn_id not in shadowed
        ]
        if done:
            best = max(done, key=lambda signal: signal.score)
            strengths.append(Strength(act=act, times=len(done), moment=moment_of(best, turns[best.turn_id])))
    return tuple(sorted(strengths, key=lambda strength: -strength.times))


def _summary(signals: Sequence[Signal], turns: dict[str, Turn]) -> Summary:
    named = _of(signals, SignalKind.COMPETITOR)
    known = Counter(signal.label for signal in named if signal.attributes.get("known", True))
    unknown = Counter(signal.label for signal in named if not signal.attributes.get("known", True))
    worries = [
        signal
        for signal in _of(signals, SignalKind.EMOTION)
        if turns[signal.turn_id].speaker == CUSTOMER and signal.label in _WORRIED and _valence(signal) <= _LOW_MOOD
    ]
    return Summary(
        topics=_topics(_of(signals, SignalKind.INTENT), turns),
        competitors=tuple(name for name, _ in known.most_common()),
        candidates=tuple(name for name, _ in unknown.most_common()),
        promises=_moments(_of(signals, SignalKind.PROMISE), turns),
        next_steps=_moments(_of(signals, SignalKind.NEXT_STEP), turns),
        worries=_moments(sorted(worries, key=_valence)[:MOST_TOPICS], turns),
        agreed=agreed_in(signals, turns),
    )


def _topics(intents: Sequence[Signal], turns: dict[str, Turn]) -> tuple[str, ...]:
    """Name what the customer spoke of: by how surely it came up, then by how much was said in those turns."""
    sure: dict[str, float] = defaultdict(float)
    length: dict[str, int] = defaultdict(int)
    for signal in intents:
        turn = turns[signal.turn_id]
        if turn.speaker == CUSTOMER and is_sure(signal) and signal.label not in _NO_TOPIC:
            sure[signal.label] += signal.score
            length[signal.label] += len(turn.text)
    ranked = sorted(sure, key=lambda topic: (-round(sure[topic]), -length[topic]))
    return tuple(ranked[:MOST_TOPICS])


def _of(signals: Sequence[Signal], kind: SignalKind) -> list[Signal]:
    return [signal for signal in signals if signal.kind is kind]


def _moments(signals: Sequence[Signal], turns: dict[str, Turn]) -> tuple[Moment, ...]:
    return tuple(moment_of(signal, turns[signal.turn_id]) for signal in signals)


def _valence(signal: Signal) -> float:
    valence = signal.attributes.get("valence", 0.0)
    return float(valence) if isinstance(valence, int | float) else 0.0
