"""Moments of a conversation worth coaching: where the customer was lost, and what to look up for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Intent, LogicBreak, RepAct, Signal, SignalKind

MOST_MOMENTS = 8
"""Moments looked up; the best of those that find a talk track become tips."""

# What a moment costs, a house ranking: an objection met with something harmful weighs most.
_OBJECTIONS: dict[str, float] = {
    Intent.REFUSE: 1.0,
    Intent.COMPLAIN: 1.0,
    Intent.PUSH_PRICE: 0.9,
    Intent.COMPARE_PRICE: 0.8,
    Intent.STALL: 0.8,
    Intent.COMPARE_COMPETITOR: 0.8,
    Intent.DELIVERY: 0.8,
    Intent.TECHNICAL_DOUBT: 0.7,
    Intent.DATA_SECURITY: 0.7,
    Intent.BUDGET: 0.6,
    Intent.CONTRACT_TERMS: 0.6,
    Intent.ASK_REFERENCE: 0.5,
    Intent.DECISION_CHAIN: 0.4,
    Intent.ASK_PRICE: 0.4,
}
_GOOD_ANSWERS = {RepAct.EMPATHY, RepAct.REFERENCE, RepAct.VALUE, RepAct.RESTATE}
_UNANSWERED, _RISKY, _MET_WELL = 0.7, 0.6, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LostMoment:
    """The customer's words that could have been met better; `cost` orders moments, dearest first.

    `fault` says how they were met: `unanswered`, `risky`, or empty where nothing more is known.
    """

    turn: Turn
    cost: float
    fault: str = ""

    @property
    def query(self) -> str:
        """What to search the case base for: the customer's own words."""
        return self.turn.text


def lost_moments(transcript: Transcript, signals: Sequence[Signal]) -> list[LostMoment]:
    """Return the customer's turns that could have been met better, dearest first."""
    by_turn: dict[str, list[Signal]] = {}
    for signal in signals:
        by_turn.setdefault(signal.turn_id, []).append(signal)
    moments = [
        LostMoment(turn=turn, cost=cost, fault=_fault(asked, answered))
        for turn, asked, answered in _noticed(transcript, by_turn)
        if (cost := _cost(asked, answered)) > 0
    ]
    return sorted(moments, key=lambda moment: -moment.cost)[:MOST_MOMENTS]


def _exchanges(transcript: Transcript) -> Iterator[tuple[Turn, Turn | None]]:
    """Yield each customer turn with the rep's turn that follows before the customer speaks again."""
    for turn, following in zip_longest(transcript.turns, transcript.turns[1:]):
        if turn.speaker == CUSTOMER:
            yield turn, following if following is not None and following.speaker == REP else None


def _noticed(
    transcript: Transcript, by_turn: Mapping[str, Sequence[Signal]]
) -> Iterator[tuple[Turn, Sequence[Signal], Sequence[Signal]]]:
    """Yield each customer turn with what was noticed in it and in the rep's answer."""
    for turn, answer in _exchanges(transcript):
        yield turn, by_turn.get(turn.id, ()), by_turn.get(answer.id, ()) if answer else ()


def _fault(asked: Sequence[Signal], answered: Sequence[Signal]) -> str:
    if _is_risky(answered):
        return "risky"
    return "unanswered" if _is_unanswered(asked) else ""


def _is_risky(answered: Sequence[Signal]) -> bool:
    return any(one.kind is SignalKind.RISK and one.attributes.get("severity") != "note" for one in answered)


def _is_unanswered(asked: Sequence[Signal]) -> bool:
    return any(one.kind is SignalKind.LOGIC_BREAK and one.label == LogicBreak.UNANSWERED for one in asked)


def _cost(asked: Sequence[Signal], answered: Sequence[Signal]) -> float:
    cost = max((_OBJECTIONS.get(one.label, 0.0) for one in asked if one.kind is SignalKind.INTENT), default=0.0)
    if _is_unanswered(asked):
        cost += _UNANSWERED
    if cost and _is_risky(answered):
        cost += _RISKY
    if any(one.kind is SignalKind.REP_ACT and one.label in _GOOD_ANSWERS for one in answered):
        cost -= _MET_WELL
    return cost
