"""What cost a conversation its points, what to do instead, and at which moment.

Nothing here is drafted: reasons and advice are the rubric's own words, so that they hold without any war case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coaching.credit import is_sure
from coaching.scorecards import Evidence, ItemScore, Missed, Scorecard
from coaching.timing import stretches
from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Intent, Moment, Signal, SignalKind

COMPLIANCE = "合规"
"""The item whose losses are told as alerts, with their own rewrites."""
POINTS_A_LEVEL = 25
"""Points of 100 that one of the five levels is worth."""
GOOD_LEVEL = 4.0
"""From this level on, a good act that never came is no loss: the item was met in other ways."""
_OBJECTIONS = {
    Intent.PUSH_PRICE,
    Intent.COMPARE_PRICE,
    Intent.COMPARE_COMPETITOR,
    Intent.TECHNICAL_DOUBT,
    Intent.DATA_SECURITY,
    Intent.STALL,
    Intent.REFUSE,
    Intent.COMPLAIN,
    Intent.DELIVERY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that cost points, or a good act that never came.

    Attributes:
        cost: Points of the whole card (0–100) at stake, the order of losses.
        moments: Where it happened, or where the act was due; at least one.
    """

    ability: str
    why: str
    advice: str
    cost: float
    moments: tuple[Moment, ...]


def find_losses(transcript: Transcript, signals: Sequence[Signal], card: Scorecard | None) -> tuple[Loss, ...]:
    """Return what cost points, dearest first; what has no moment to point at is left out."""
    if card is None:
        return ()
    found = []
    for item in card.items:
        if item.name == COMPLIANCE or item.level is None:
            continue
        bad = [fired for fired in item.evidence if fired.points < 0]
        found += [loss for fired in bad if (loss := _lost(item, fired, transcript, signals))]
        if item.level < GOOD_LEVEL:
            found += [loss for missed in item.missed if (loss := _missed(item, missed, transcript, signals))]
    return tuple(sorted(found, key=lambda loss: -loss.cost))


def _lost(item: ItemScore, fired: Evidence, transcript: Transcript, signals: Sequence[Signal]) -> Loss | None:
    moments = fired.moments or _due(fired.anchor, transcript, signals)
    cost = POINTS_A_LEVEL * item.weight * -fired.points
    return Loss(ability=item.name, why=fired.why, advice=fired.advice, cost=cost, moments=moments) if moments else None


def _missed(item: ItemScore, missed: Missed, transcript: Transcript, signals: Sequence[Signal]) -> Loss | None:
    moments = _due(missed.anchor, transcript, signals)
    cost = POINTS_A_LEVEL * item.weight * missed.worth
    return (
        Loss(ability=item.name, why=missed.why, advice=missed.advice, cost=cost, moments=moments) if moments else None
    )


def _due(anchor: str, transcript: Transcript, signals: Sequence[Signal]) -> tuple[Moment, ...]:
    """Return the turn an anchor names as a moment; nothing for no anchor, or where there is no such turn."""
    due = _ANCHORS[anchor](transcript, signals) if anchor else None
    return (Moment(turn_id=due.id, start_ms=due.start_ms, end_ms=due.end_ms, quote=due.text),) if due else ()


def _longest_rep(transcript: Transcript, _: Sequence[Signal]) -> Turn | None:
    own = [stretch for stretch in stretches(transcript) if stretch.speaker == REP]
    return max(own, key=lambda stretch: stretch.size).turns[0] if own else None


def _longest_customer(transcript: Transcript, _: Sequence[Signal]) -> Turn | None:
    own = [turn for turn in transcript.turns if turn.speaker == CUSTOMER]
    return max(own, key=lambda turn: len(turn.text), default=None)


def _last_rep(transcript: Transcript, _: Sequence[Signal]) -> Turn | None:
    return next((turn for turn in reversed(transcript.turns) if turn.speaker == REP), None)


def _first_objection(transcript: Transcript, signals: Sequence[Signal]) -> Turn | None:
    raised = {
        one.turn_id for one in signals if one.kind is SignalKind.INTENT and one.label in _OBJECTIONS and is_sure(one)
    }
    return next((turn for turn in transcript.turns if turn.id in raised and turn.speaker == CUSTOMER), None)


_ANCHORS: Mapping[str, Callable[[Transcript, Sequence[Signal]], Turn | None]] = {
    "longest_rep": _longest_rep,
    "longest_customer": _longest_customer,
    "last_rep": _last_rep,
    "objection": _first_objection,
}
