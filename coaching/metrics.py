"""The field's conversation metrics, each with unit, denominator, default range and the range's source.

Computed in code from times, or from characters where there are none; never by a model. A metric
without a basis is undefined and says why (`no_times`, `no_rep`, …): there are no made-up zeros.
Ranges with their sources: `coaching/ranges.toml`.
"""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

from coaching import timing
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Metric, Moment, QuestionForm, RepAct, Signal, SignalKind

FIRST_STRETCH_MS = 90_000
MOST_UNATTRIBUTED = 0.2
"""Above this share of unattributed speech, who-spoke-how-much would be a guess."""
HALF_SCORE_SWITCHES = 2.5
"""Speaker switches a minute at which the interactivity score is 5 of 10."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A metric's number with its unit and what it was divided by."""

    value: float
    unit: str
    denominator: str
    evidence: tuple[Moment, ...] = ()


@dataclass(frozen=True, slots=True)
class _Undefined:
    """Why there is no number: a stable code, put into words by `coaching.because_<code>`."""

    because: str
    unit: str
    denominator: str


class _Reading:
    """A transcript and its signals, with the look-ups that several metrics share."""

    def __init__(self, transcript: Transcript, signals: Sequence[Signal]) -> None:
        self.transcript = transcript
        self.timed = timing.is_timed(transcript)
        self.unit = "ms" if self.timed else "字"
        self.turns = {turn.id: turn for turn in transcript.turns}
        self._signals = signals

    def signals(self, kind: SignalKind, *, speaker: str | None = None, label: str | None = None) -> list[Signal]:
        return [
            signal
            for signal in self._signals
            if signal.kind is kind
            and signal.turn_id in self.turns
            and (speaker is None or self.turns[signal.turn_id].speaker == speaker)
            and (label is None or signal.label == label)
        ]

    def moment(self, signal: Signal) -> Moment:
        turn = self.turns[signal.turn_id]
        return Moment(turn_id=turn.id, start_ms=turn.start_ms, end_ms=turn.end_ms, quote=signal.quote)


Measure = Callable[[_Reading], _Value | _Undefined]


def measure(transcript: Transcript, signals: Sequence[Signal] = ()) -> tuple[Metric, ...]:
    """Measure every metric of a conversation, in a fixed order.

    Args:
        signals: The conversation's signals; questions, acts, competitors, next steps and emotion are read.
    """
    reading = _Reading(transcript, signals)
    return tuple(_metric(name, compute(reading)) for name, compute in _MEASURES.items())


def interactivity_score(switches_per_minute: float) -> float:
    """Map speaker switches a minute to 0–10: 10·s / (s + 2.5). Ours; Gong's formula is unpublished."""
    return 10 * switches_per_minute / (switches_per_minute + HALF_SCORE_SWITCHES)


@cache
def default_ranges() -> dict[str, dict[str, float | str]]:
    """Return metric name → `low`, `high` (either may be absent) and `source`."""
    return tomllib.loads((files("coaching") / "ranges.toml").read_text(encoding="utf-8"))


def _metric(name: str, outcome: _Value | _Undefined) -> Metric:
    given = default_ranges()[name]
    low, high = given.get("low"), given.get("high")
    in_unit = not outcome.unit.startswith("字") or outcome.unit == "字/分"
    return Metric(
        name=name,
        value=outcome.value if isinstance(outcome, _Value) else None,
        unit=outcome.unit,
        denominator=outcome.denominator,
        undefined_because=outcome.because if isinstance(outcome, _Undefined) else None,
        # A range in seconds says nothing about a length in characters.
        default_range=(_number(low), _number(high)) if in_unit else None,
        range_source=str(given["source"]),
        evidence=outcome.evidence if isinstance(outcome, _Value) else (),
    )


def _number(bound: float | str | None) -> float | None:
    return None if bound is None else float(bound)


def _talk_ratio(reading: _Reading) -> _Value | _Undefined:
    what = "speaking time" if reading.timed else "characters spoken"
    denominator = f"all {what} of rep and customer, silence excluded"
    rep, customer = (timing.speaking_size(reading.transcript, who) for who in (REP, CUSTOMER))
    if not rep + customer:
        return _Undefined("nobody_known", "ratio", denominator)
    if timing.unattributed_share(reading.transcript) > MOST_UNATTRIBUTED:
        return _Undefined("too_much_unknown", "ratio", denominator)
    return _Value(rep / (rep + customer), "ratio", denominator)


def _longest(speaker: str) -> Measure:
    def compute(reading: _Reading) -> _Value | _Undefined:
        denominator = "longest stretch in which nobody else spoke"
        own = [stretch for stretch in timing.stretches(reading.transcript) if stretch.speaker == speaker]
        if not own:
            return _Undefined(f"no_{speaker}", reading.unit, denominator)
        longest = max(own, key=lambda stretch: stretch.size)
        return _Value(float(longest.size), reading.unit, denominator, _stretch_moment(longest.turns))

    return compute


def _stretch_moment(turns: Sequence[Turn]) -> tuple[Moment, ...]:
    return (Moment(turn_id=turns[0].id, start_ms=turns[0].start_ms, end_ms=turns[-1].end_ms),)


def _interactivity(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "switches/min", "minutes from the first word to the last; mapped to 0-10 by 10·s/(s+2.5)"
    if not reading.timed:
        return _Undefined("no_times", unit, denominator)
    turns = reading.transcript.turns
    span_ms = max(turn.end_ms or 0 for turn in turns) - min(turn.start_ms or 0 for turn in turns)
    if not span_ms:
        return _Undefined("no_times", unit, denominator)
    switches = len(timing.stretches(reading.transcript)) - 1
    return _Value(switches / (span_ms / 60_000), unit, denominator)


def _patience(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "ms", "median over the rep's answers to the customer; talking over counts as 0"
    if not reading.timed:
        return _Undefined("no_times", unit, denominator)
    gaps = timing.reply_gaps(reading.transcript)
    if not gaps:
        return _Undefined("no_answer", unit, denominator)
    return _Value(float(statistics.median(gap for _, gap in gaps)), unit, denominator)


def _question_rate(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "questions/call", "one conversation; questions of the rep, open and closed"
    if not any(turn.speaker == REP for turn in reading.transcript.turns):
        return _Undefined("no_rep", unit, denominator)
    asked = reading.signals(SignalKind.QUESTION, speaker=REP)
    return _Value(float(len(asked)), unit, denominator, tuple(map(reading.moment, asked)))


def _open_questions_first_90s(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "questions", "the first 90 s; open questions of the rep"
    if not reading.timed:
        return _Undefined("no_times", unit, denominator)
    if not any(turn.speaker == REP for turn in reading.transcript.turns):
        return _Undefined("no_rep", unit, denominator)
    early = [
        signal
        for signal in reading.signals(SignalKind.QUESTION, speaker=REP, label=QuestionForm.OPEN)
        if timing.offset_ms(reading.turns[signal.turn_id], signal.start) <= FIRST_STRETCH_MS
    ]
    return _Value(float(len(early)), unit, denominator, tuple(map(reading.moment, early)))


def _talking_speed(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "字/分", "minutes of the rep's own turns, pauses inside a turn included"
    if not reading.timed:
        return _Undefined("no_times", unit, denominator)
    spoken_ms = timing.speaking_size(reading.transcript, REP)
    if not spoken_ms:
        return _Undefined("no_rep", unit, denominator)
    own = (turn.text for turn in reading.transcript.turns if turn.speaker == REP)
    return _Value(sum(map(timing.count_characters, own)) / (spoken_ms / 60_000), unit, denominator)


def _interruptions(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "ratio", "whole conversation; time the rep speaks over the customer after cutting in"
    duration_ms = timing.duration_ms(reading.transcript)
    if not reading.timed or not duration_ms:
        return _Undefined("no_times", unit, denominator)
    if not {REP, CUSTOMER} <= {turn.speaker for turn in reading.transcript.turns}:
        return _Undefined("not_both_known", unit, denominator)
    cut_in = timing.overtalk(reading.transcript)
    moments = tuple(Moment(turn_id=turn.id, start_ms=turn.start_ms, end_ms=turn.end_ms) for turn, _ in cut_in)
    return _Value(sum(overlap for _, overlap in cut_in) / duration_ms, unit, denominator, moments)


def _silence(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "ratio", "whole conversation"
    duration_ms = timing.duration_ms(reading.transcript)
    if not reading.timed or not duration_ms:
        return _Undefined("no_times", unit, denominator)
    return _Value(1 - timing.spoken_ms(reading.transcript.turns) / duration_ms, unit, denominator)


def _company_pitch(reading: _Reading) -> _Value | _Undefined:
    denominator = "rep sentences that only present the own company or product (act 产品独白)"
    if not any(turn.speaker == REP for turn in reading.transcript.turns):
        return _Undefined("no_rep", reading.unit, denominator)
    pitched = reading.signals(SignalKind.REP_ACT, speaker=REP, label=RepAct.MONOLOGUE)
    size = sum(_signal_size(reading, signal) for signal in pitched)
    return _Value(float(size), reading.unit, denominator, tuple(map(reading.moment, pitched)))


def _signal_size(reading: _Reading, signal: Signal) -> int:
    if not reading.timed:
        return timing.count_characters(signal.quote)
    turn = reading.turns[signal.turn_id]
    return timing.offset_ms(turn, signal.end) - timing.offset_ms(turn, signal.start)


def _competitor_timing(reading: _Reading) -> _Value | _Undefined:
    unit = "ratio"
    denominator = "whole conversation; where a competitor is first named, 0 = start"
    mentions = reading.signals(SignalKind.COMPETITOR)
    if not mentions:
        return _Undefined("no_competitor", unit, denominator)
    return _Value(_first_place(reading, mentions), unit, denominator, tuple(map(reading.moment, mentions)))


def _first_place(reading: _Reading, signals: Iterable[Signal]) -> float:
    if reading.timed:
        first = min(timing.offset_ms(reading.turns[signal.turn_id], signal.start) for signal in signals)
        return first / timing.duration_ms(reading.transcript) if timing.duration_ms(reading.transcript) else 0.0
    lengths = [len(turn.text) for turn in reading.transcript.turns]
    offsets = dict(zip(reading.turns, accumulate(lengths, initial=0), strict=False))
    return min(offsets[signal.turn_id] + signal.start for signal in signals) / max(1, sum(lengths))


def _next_step_specificity(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "ratio", "agreed next steps; specific = it has an owner and a date"
    steps = reading.signals(SignalKind.NEXT_STEP)
    if not steps:
        return _Undefined("no_next_step", unit, denominator)
    specific = [step for step in steps if step.attributes.get("who") and step.attributes.get("due")]
    return _Value(len(specific) / len(steps), unit, denominator, tuple(map(reading.moment, steps)))


def _emotion_volatility(reading: _Reading) -> _Value | _Undefined:
    unit, denominator = "valence", "standard deviation over the customer's turns"
    cues = reading.signals(SignalKind.EMOTION, speaker=CUSTOMER)
    valences = [valence for cue in cues if isinstance(valence := cue.attributes.get("valence"), int | float)]
    if len(valences) < 2:
        return _Undefined("too_few_cues", unit, denominator)
    return _Value(statistics.pstdev(valences), unit, denominator)


_MEASURES: dict[str, Measure] = {
    "talk_ratio": _talk_ratio,
    "longest_monologue": _longest(REP),
    "longest_customer_story": _longest(CUSTOMER),
    "interactivity": _interactivity,
    "patience": _patience,
    "question_rate": _question_rate,
    "open_questions_first_90s": _open_questions_first_90s,
    "talking_speed": _talking_speed,
    "interruptions": _interruptions,
    "silence": _silence,
    "company_pitch": _company_pitch,
    "competitor_timing": _competitor_timing,
    "next_step_specificity": _next_step_specificity,
    "emotion_volatility": _emotion_volatility,
}
