"""Where a remembered moment lies in a conversation as it is now, e.g. after it was transcribed again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz

from domain.conversation import Transcript, Turn
from domain.signals import Moment

LEAST_LIKENESS = 60.0
"""Of 100: below this, words heard at the same time are not the words that were meant."""
FAR_MS = 15_000
"""Beyond this distance in time, the same words are another moment."""


class Anchoring(StrEnum):
    """How a moment was found again."""

    SAME = "same"
    MOVED = "moved"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A moment where it lies now; one that is lost stays as it was remembered."""

    moment: Moment
    how: Anchoring


def anchor(moment: Moment, transcript: Transcript) -> Anchored:
    """Find a moment again: its turn while that holds the quote, else the likest words near its time."""
    turns = {turn.id: turn for turn in transcript.turns}
    own = turns.get(moment.turn_id)
    if own is not None and moment.quote in own.text:
        return Anchored(moment=moment, how=Anchoring.SAME)
    near = [turn for turn in transcript.turns if _is_near(turn, moment)]
    best = max(near, key=lambda turn: _likeness(turn, moment), default=None)
    if best is None or _likeness(best, moment) < LEAST_LIKENESS:
        return Anchored(moment=moment, how=Anchoring.LOST)
    quote = moment.quote if moment.quote in best.text else best.text
    moved = Moment(turn_id=best.id, start_ms=best.start_ms, end_ms=best.end_ms, quote=quote)
    return Anchored(moment=moved, how=Anchoring.MOVED)


def _is_near(turn: Turn, moment: Moment) -> bool:
    """Whether they lie close together; without times every turn may be meant."""
    if None in (turn.start_ms, turn.end_ms, moment.start_ms, moment.end_ms):
        return True
    return (turn.start_ms or 0) <= (moment.end_ms or 0) + FAR_MS and (turn.end_ms or 0) >= (
        moment.start_ms or 0
    ) - FAR_MS


def _likeness(turn: Turn, moment: Moment) -> float:
    return float(fuzz.partial_ratio(moment.quote, turn.text))
