"""Words of several speakers become turns: one unbroken stretch of one speaker each.

A turn ends at a pause of more than 0.8 s, or where the other speaker starts; it never spans the other's
turn. Speakers who only overlap at the edge keep their words whole, because an interruption is one.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from speech.timed_text import TimedText, said

PAUSE_MS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What one speaker says without a pause.

    Attributes:
        channel: None where channels mean nothing.
        start_ms: Start of the first word.
        end_ms: End of the last word.
    """

    speaker: str
    channel: int | None
    characters: TimedText
    start_ms: int
    end_ms: int


def stretch(speaker: str, channel: int | None, characters: TimedText) -> Stretch:
    """Make a stretch of characters of which at least one is said."""
    spoken = said(characters)
    end_ms = max(character.end_ms for character in spoken)
    return Stretch(speaker=speaker, channel=channel, characters=characters, start_ms=spoken[0].start_ms, end_ms=end_ms)


def stretches(speaker: str, channel: int | None, characters: TimedText) -> list[Stretch]:
    """Split what one speaker said at pauses of more than 0.8 s; marks stay with what they follow."""
    groups: list[list[int]] = []
    last_end = None
    for index, character in enumerate(characters):
        pause = not character.is_mark and last_end is not None and character.start_ms - last_end > PAUSE_MS
        if not groups or pause:
            groups.append([])
        groups[-1].append(index)
        if not character.is_mark:
            last_end = character.end_ms
    parts = (tuple(characters[index] for index in group) for group in groups)
    return [stretch(speaker, channel, part) for part in parts if said(part)]


def interleaved(pieces: Iterable[Stretch]) -> list[Stretch]:
    """Order stretches by time and cut each that another speaker's stretch lies inside of."""
    waiting = sorted(pieces, key=_begin)
    done: list[Stretch] = []
    while waiting:
        piece = waiting.pop(0)
        inner = _first_inside(piece, waiting)
        first, *rest = _cut(piece, inner.start_ms) if inner else [piece]
        done.append(first)
        for remainder in rest:
            insort(waiting, remainder, key=_begin)
    return done


def _first_inside(piece: Stretch, later: Sequence[Stretch]) -> Stretch | None:
    overlapping = takewhile(lambda other: other.start_ms < piece.end_ms, later)
    return next((other for other in overlapping if _lies_inside(other, piece)), None)


def _begin(piece: Stretch) -> tuple[int, int]:
    return piece.start_ms, piece.end_ms


def _lies_inside(inner: Stretch, outer: Stretch) -> bool:
    return inner.speaker != outer.speaker and outer.start_ms < inner.start_ms and inner.end_ms < outer.end_ms


def _cut(piece: Stretch, at_ms: int) -> list[Stretch]:
    """Cut before the first word that starts at or after a time; one piece where all words are on one side."""
    characters = piece.characters
    late = (i for i, character in enumerate(characters) if not character.is_mark and character.start_ms >= at_ms)
    index = next(late, len(characters))
    halves = [characters[:index], characters[index:]]
    if not all(said(half) for half in halves):
        return [piece]
    return [stretch(piece.speaker, piece.channel, half) for half in halves]


def joined(pieces: Sequence[Stretch]) -> list[Stretch]:
    """Join neighbours of one speaker that are not separated by a pause or by anybody else's words."""
    done: list[Stretch] = []
    for piece in pieces:
        last = done[-1] if done else None
        if last and last.speaker == piece.speaker and piece.start_ms - last.end_ms <= PAUSE_MS:
            whole = last.characters + piece.characters
            done[-1] = stretch(piece.speaker, piece.channel, whole)
        else:
            done.append(piece)
    return done
