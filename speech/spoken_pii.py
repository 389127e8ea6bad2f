"""Personal data that was said, as spans of a turn and as times of the recording, so that a player can bleep it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.conversation import Transcript, Turn
from language.pii import PiiKind, find_pii
from speech.timed_text import MARKS


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenPii:
    """Personal data at `turn.text[start:end]`; times are absent where the turn has no words with times."""

    turn_id: str
    kind: PiiKind
    start: int
    end: int
    start_ms: int | None
    end_ms: int | None


def spoken_pii(transcript: Transcript) -> tuple[SpokenPii, ...]:
    """Return the personal data of all turns, written or spoken digit by digit, in order."""
    return tuple(
        SpokenPii(turn_id=turn.id, kind=span.kind, start=span.start, end=span.end, start_ms=start_ms, end_ms=end_ms)
        for turn in transcript.turns
        for span in find_pii(turn.text)
        for start_ms, end_ms in [span_times(turn, span.start, span.end)]
    )


def span_times(turn: Turn, start: int, end: int) -> tuple[int | None, int | None]:
    """When a span of a turn's text was said: from its first word's start to its last word's end.

    Words hold what is said without marks, in order, so the n-th said character belongs to the word that holds it.
    The whole turn is the answer where words and text do not agree, None where there are no times at all.
    """
    said = [index for index, character in enumerate(turn.text) if character not in MARKS]
    owners = [word for word in turn.words for _ in word.text]
    if not owners or len(owners) != len(said):
        return turn.start_ms, turn.end_ms
    inside = [word for index, word in zip(said, owners, strict=True) if start <= index < end]
    if not inside:
        return turn.start_ms, turn.end_ms
    return min(word.start_ms for word in inside), max(word.end_ms for word in inside)
