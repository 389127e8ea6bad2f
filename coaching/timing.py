"""Who spoke when and for how long: the arithmetic under the conversation metrics.

A conversation with times is measured in milliseconds, one without in characters (字).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from domain.conversation import CUSTOMER, REP, Transcript, Turn
from domain.signals import Moment, Signal

_CHARACTER = re.compile(r"[㐀-鿿豈-﫿]|[A-Za-z0-9]+(?:[.'%-][A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive turns of one speaker; `size` is ms from first to last word, or characters."""

    speaker: str
    turns: tuple[Turn, ...]
    size: int


def count_characters(text: str) -> int:
    """Count what a Chinese reader calls 字: each Han character, and each run of Latin letters or digits."""
    return len(_CHARACTER.findall(text))


def is_timed(transcript: Transcript) -> bool:
    """Whether every turn has times, so that milliseconds can be measured."""
    return bool(transcript.turns) and all(turn.start_ms is not None for turn in transcript.turns)


def size_of(turn: Turn, *, timed: bool) -> int:
    """Speaking time of a turn in ms, or its characters."""
    return (turn.duration_ms or 0) if timed else count_characters(turn.text)


def stretches(transcript: Transcript) -> list[Stretch]:
    """Merge consecutive turns of one speaker, in order of time.

    Between two turns of one speaker nobody else spoke, so the pause belongs to the stretch.
    """
    timed = is_timed(transcript)
    ordered = sorted(transcript.turns, key=_start) if timed else list(transcript.turns)
    merged = []
    for speaker, group in groupby(ordered, key=lambda turn: turn.speaker):
        turns = tuple(group)
        size = _span_ms(turns) if timed else sum(count_characters(turn.text) for turn in turns)
        merged.append(Stretch(speaker=speaker, turns=turns, size=size))
    return merged


def speaking_size(transcript: Transcript, speaker: str) -> int:
    """Sum of a speaker's turns: ms, or characters where there are no times."""
    timed = is_timed(transcript)
    return sum(size_of(turn, timed=timed) for turn in transcript.turns if turn.speaker == speaker)


def unattributed_share(transcript: Transcript) -> float:
    """Share of speech whose speaker is not known to be rep or customer."""
    timed = is_timed(transcript)
    total = sum(size_of(turn, timed=timed) for turn in transcript.turns)
    known = speaking_size(transcript, REP) + speaking_size(transcript, CUSTOMER)
    return 1 - known / total if total else 0.0


def duration_ms(transcript: Transcript) -> int:
    """Length of the conversation: the recording's, else the last word's end."""
    last = max((turn.end_ms or 0 for turn in transcript.turns), default=0)
    return max(transcript.duration_ms or 0, last)


def spoken_ms(turns: Sequence[Turn]) -> int:
    """Time in which at least one of the turns is being spoken; overlaps count once."""
    covered, until = 0, 0
    for turn in sorted(turns, key=_start):
        start, end = max(_start(turn), until), turn.end_ms or 0
        covered += max(0, end - start)
        until = max(until, end)
    return covered


def overtalk(transcript: Transcript) -> list[tuple[Turn, int]]:
    """Return rep turns that began while the customer was speaking, with the overlap in ms."""
    found, customer_until = [], 0
    for turn in sorted(transcript.turns, key=_start):
        if turn.speaker == CUSTOMER:
            customer_until = max(customer_until, turn.end_ms or 0)
        elif turn.speaker == REP and customer_until > _start(turn):
            found.append((turn, min(customer_until, turn.end_ms or 0) - _start(turn)))
    return found


def reply_gaps(transcript: Transcript) -> list[tuple[Turn, int]]:
    """Return each rep turn that follows the customer with the pause before it in ms; overlap counts as none."""
    gaps = []
    for before, after in pairwise(stretches(transcript)):
        if (before.speaker, after.speaker) == (CUSTOMER, REP):
            end = max(turn.end_ms or 0 for turn in before.turns)
            gaps.append((after.turns[0], max(0, _start(after.turns[0]) - end)))
    return gaps


def offset_ms(turn: Turn, offset: int) -> int:
    """When the character at this offset of a timed turn is spoken.

    Read from the word it lies in; without word times, by its place in the turn.
    """
    start, end = turn.start_ms or 0, turn.end_ms or 0
    at = 0
    for word in turn.words:
        at = turn.text.find(word.text.strip(), at)
        if at < 0:
            break
        at += len(word.text.strip())
        if offset < at:
            return word.start_ms
    share = min(1.0, offset / len(turn.text)) if turn.text else 0.0
    return round(start + (end - start) * share)


def moment_of(signal: Signal, turn: Turn) -> Moment:
    """Return when a signal's quote is said; without times, only where."""
    if turn.start_ms is None:
        return Moment(turn_id=turn.id, quote=signal.quote)
    return Moment(
        turn_id=turn.id,
        start_ms=offset_ms(turn, signal.start),
        end_ms=offset_ms(turn, signal.end),
        quote=signal.quote,
    )


def _start(turn: Turn) -> int:
    return turn.start_ms or 0


def _span_ms(turns: Sequence[Turn]) -> int:
    return max(turn.end_ms or 0 for turn in turns) - min(_start(turn) for turn in turns)
