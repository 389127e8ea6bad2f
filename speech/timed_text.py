"""Text whose every character knows when it was said and how sure the recogniser was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from domain.conversation import Word
from language.script import Edit

MARKS = frozenset("，。？！；：、…,.?!;:“”‘’\"'《》（）()【】—~ \u3000")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCharacter:
    """One character with its times in the recording and its probability; a mark takes no time."""

    text: str
    start_ms: int
    end_ms: int
    probability: float

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation or a space, which nobody says."""
        return self.text in MARKS


TimedText = tuple[TimedCharacter, ...]


def plain(characters: Iterable[TimedCharacter]) -> str:
    """The text without its times."""
    return "".join(character.text for character in characters)


def spread(text: str, start_ms: int, end_ms: int, probability: float) -> TimedText:
    """Spread a time range evenly over the characters that are said; marks sit at the end of what they follow."""
    said = sum(character not in MARKS for character in text)
    step = (end_ms - start_ms) / max(1, said)
    timed, at = [], float(start_ms)
    for character in text:
        until = at if character in MARKS else at + step
        timed.append(TimedCharacter(text=character, start_ms=round(at), end_ms=round(until), probability=probability))
        at = until
    return tuple(timed)


def edited(characters: TimedText, edits: Iterable[Edit]) -> TimedText:
    """Return the text with edits done; new characters share the time and the mean probability of what they replace.

    Args:
        characters: Offsets of the edits count in these.
        edits: In order, without overlaps.
    """
    parts: list[TimedCharacter] = []
    at = 0
    for edit in edits:
        parts += characters[at : edit.start]
        parts += _replacement(characters, edit)
        at = edit.end
    return (*parts, *characters[at:])


def _replacement(characters: TimedText, edit: Edit) -> TimedText:
    old = characters[edit.start : edit.end]
    if not old:
        at = characters[edit.start - 1].end_ms if edit.start else (characters[0].start_ms if characters else 0)
        return spread(edit.text, at, at, 1.0)
    if len(old) == len(edit.text):
        return tuple(replace(character, text=text) for character, text in zip(old, edit.text, strict=True))
    sureness = fmean(character.probability for character in old)
    return spread(edit.text, old[0].start_ms, old[-1].end_ms, sureness)


def words(characters: TimedText) -> tuple[Word, ...]:
    """One word per Chinese character and per run of Latin letters or digits; marks are left out."""
    groups: list[list[TimedCharacter]] = []
    joined = False
    for character in characters:
        if character.is_mark:
            joined = False
            continue
        latin = character.text.isascii()
        if joined and latin:
            groups[-1].append(character)
        else:
            groups.append([character])
        joined = latin
    return tuple(_word(group) for group in groups)


def _word(group: Sequence[TimedCharacter]) -> Word:
    return Word(
        text=plain(group),
        start_ms=group[0].start_ms,
        end_ms=max(group[0].start_ms, group[-1].end_ms),
        probability=round(fmean(character.probability for character in group), 3),
    )


def said(characters: Iterable[TimedCharacter]) -> list[TimedCharacter]:
    """The characters that are said: no marks, no spaces."""
    return [character for character in characters if not character.is_mark]
