"""Which commitments a later turn takes back: 不用寄了, 周四不行, 改到周五."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from domain.conversation import Turn
from language.dates import find_dates
from language.sentences import Span
from signals.commitment_clauses import rule
from signals.commitment_kinds import Commitment, Force
from signals.topics import terms_of

_MOVED_WITHIN = 2


def withdrawn(
    turn: Turn,
    index: int,
    clauses: Sequence[Span],
    recent: Sequence[Commitment],
    speakers: Sequence[str],
    today: date | None,
) -> list[Commitment]:
    """Return what turn number `index` takes back.

    Args:
        turn: The turn, and its `clauses`.
        recent: The commitments that still stand, oldest first.
        speakers: The conversation's speakers, by turn number.
        today: The day of the conversation.

    Returns:
        A commitment goes when its day or its thing is named with a cancellation, when the other side refuses the last
        turn's, or when a meeting is moved.
    """
    cancelling = [at for at, clause in enumerate(clauses) if rule("not.cancel").search(clause.text)]
    unable = [at for at, clause in enumerate(clauses) if rule("not.unable").search(clause.text)]
    is_moving = any(rule("joint.moved").search(clause.text) for clause in clauses)
    if not (cancelling or unable or is_moving):
        return []
    said = "".join(clauses[at].text for at in cancelling)
    days = _days_named(clauses, [*cancelling, *unable], today)
    is_refusal = rule("not.refusal").match(turn.text) is not None
    gone = []
    for one in recent:
        refused = is_refusal and one.turn == index - 1 and turn.speaker != speakers[one.turn]
        same_day = (one.due is not None and one.due in said) or one.due_on in days
        moved = is_moving and one.force is Force.MEETING and index - one.turn <= _MOVED_WITHIN
        if refused or same_day or moved or (said and _is_same_thing(said, one.what)):
            gone.append(one)
    return gone


def _days_named(clauses: Sequence[Span], places: Sequence[int], today: date | None) -> set[date]:
    """The days said with the cancellation or just in front of it; what comes behind is the new day."""
    near = {at for place in places for at in (place - 1, place) if at >= 0}
    mentions = [mention for at in sorted(near) for mention in find_dates(clauses[at].text, today=today)]
    return {mention.on for mention in mentions if mention.on is not None}


def _is_same_thing(said: str, what: str) -> bool:
    """Whether the cancelling words name what was undertaken: a word of it, or two pairs of characters."""
    if terms_of(what) & terms_of(said):
        return True
    return sum(what[at : at + 2] in said for at in range(len(what) - 1)) >= 2
