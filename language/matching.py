"""Where the names of a lexicon stand in a text: as written, by an alias, or by their sound.

Recognisers write a name's sounds with other characters (数擎 → 树情). The names' syllables are kept in a tree;
each place of a text is walked down it once, so the cost is linear in the text and hardly grows with the lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from domain.lexicon import Lexicon, LexiconEntry
from language.pinyin import readings, split_syllable, syllable_distance, syllables

_HAN = re.compile(r"[㐀-鿿]+")
_MERGED_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "r": "l", "h": "f"}
_MERGED_FINALS = {"ing": "in", "eng": "en", "ang": "an", "iang": "ian", "uang": "uan", "ueng": "uen", "ong": "uen"}
_SLIP_FROM_SYLLABLES = 4
_MAX_DISTANCE_A_SYLLABLE = 0.16
_MAX_SLIP = 0.36
_MAX_READINGS = 16
_OFTEN_READ_TWO_WAYS = frozenset(
    "行重长乐还都单调朝中为传藏曾车会盛率给好和强相兴应大便当度发干更观号几假间教觉看空量露落奇切任散少舍省食数属似台系削血压要脏种转"
)
"""Other characters' second readings are rare, and would make many an everyday word sound like a name."""
_ANY = "*"


class Likeness(StrEnum):
    """How a name was recognised."""

    EXACT = "exact"
    ALIAS = "alias"
    HOMOPHONE = "homophone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A name of the lexicon at `text[start:end]`.

    Attributes:
        form: The name or alias that it stands for.
        distance: How far the sounds are apart, in syllables; 0 as written.
    """

    start: int
    end: int
    entry: LexiconEntry
    form: str
    likeness: Likeness
    distance: float = 0.0


class Matcher:
    """Finds one lexicon's names; built once for a lexicon, used for many texts."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._forms = {fold(form): (entry, form) for entry in reversed(lexicon) for form in entry.forms if form.strip()}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._literal = re.compile("|".join(_bounded(form) for form in longest_first)) if longest_first else None
        self._sounds = _SoundTree()
        for entry, form in self._forms.values():
            if len(form) > 1 and _HAN.fullmatch(form):
                self._sounds.add(form, entry)

    def literal(self, text: str) -> list[Match]:
        """Find names and aliases as written, longest first, leftmost, without overlap.

        Letter case and full-width forms do not matter; a name in Latin letters is never part of a longer word.
        """
        if self._literal is None:
            return []
        found = []
        for match in self._literal.finditer(fold(text)):
            entry, form = self._forms[match.group()]
            likeness = Likeness.EXACT if form == entry.name else Likeness.ALIAS
            found.append(Match(start=match.start(), end=match.end(), entry=entry, form=form, likeness=likeness))
        return found

    def homophones(self, text: str) -> list[Match]:
        """Find stretches that sound like a name but are written otherwise; same sounds win, then the longest.

        Names of four syllables and more may have one syllable wrong.
        """
        matches = sorted(
            self._sounds.walk(text),
            key=lambda match: (match.distance > 0, match.start - match.end, match.distance),
        )
        kept: list[Match] = []
        for match in matches:
            if not any(match.start < other.end and other.start < match.end for other in kept):
                kept.append(match)
        return sorted(kept, key=lambda match: match.start)


def fold(text: str) -> str:
    """Fold letter case and full-width forms, one character for one, so that offsets hold."""
    return "".join(_fold_character(character) for character in text)


@lru_cache(maxsize=65536)
def _fold_character(character: str) -> str:
    code = ord(character)
    if 0xFF01 <= code <= 0xFF5E:
        character = chr(code - 0xFEE0)
    lower = character.lower()
    return lower if len(lower) == 1 else character


def _bounded(form: str) -> str:
    before = r"(?<![a-z0-9])" if _is_latin(form[0]) else ""
    after = r"(?![a-z0-9])" if _is_latin(form[-1]) else ""
    return f"{before}{re.escape(form)}{after}"


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


@lru_cache(maxsize=4096)
def _merged(syllable: str) -> str:
    initial, final = split_syllable(syllable)
    return f"{_MERGED_INITIALS.get(initial, initial)}-{_MERGED_FINALS.get(final, final)}"


@lru_cache(maxsize=16384)
def _merged_readings(character: str) -> frozenset[str]:
    if not _HAN.fullmatch(character):
        return frozenset()
    return frozenset(_merged(reading) for reading in _usual_readings(character))


@lru_cache(maxsize=16384)
def _usual_readings(character: str) -> frozenset[str]:
    return readings(character) if character in _OFTEN_READ_TWO_WAYS else frozenset(syllables(character))


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node]
    names: list[tuple[str, LexiconEntry]]


class _SoundTree:
    """Names by their syllables, merged sounds (n/l, z/zh, in/ing, f/h) counted as one."""

    def __init__(self) -> None:
        self._root = _Node({}, [])

    def add(self, form: str, entry: LexiconEntry) -> None:
        """Add a name under every way its characters are read, and with any one syllable wrong if it is long."""
        paths = [[_merged_readings(character) for character in form]]
        if len(form) >= _SLIP_FROM_SYLLABLES:
            paths += [[*paths[0][:place], frozenset((_ANY,)), *paths[0][place + 1 :]] for place in range(len(form))]
        for path in paths:
            nodes = [self._root]
            for sounds in path:
                below = [node.children.setdefault(sound, _Node({}, [])) for node in nodes for sound in sorted(sounds)]
                nodes = below[:_MAX_READINGS]
            for node in nodes:
                node.names.append((form, entry))

    def walk(self, text: str) -> Iterator[Match]:
        """Yield every stretch whose sounds are near a name's and whose writing is not."""
        sounds = [_merged_readings(character) for character in text]
        for start in range(len(text)):
            for form, entry in self._names_at(sounds, start):
                said = text[start : start + len(form)]
                distance = _distance(said, form)
                if said != form and distance <= _allowed(len(form)):
                    yield Match(
                        start=start,
                        end=start + len(form),
                        entry=entry,
                        form=form,
                        likeness=Likeness.HOMOPHONE,
                        distance=distance,
                    )

    def _names_at(self, sounds: list[frozenset[str]], start: int) -> Iterable[tuple[str, LexiconEntry]]:
        here = [self._root]
        for position in range(start, len(sounds)):
            heard = (*sounds[position], _ANY) if sounds[position] else ()
            here = [node.children[sound] for node in here for sound in heard if sound in node.children]
            if not here:
                return
            for node in here:
                yield from node.names


def _allowed(syllables: int) -> float:
    slip = _MAX_SLIP if syllables >= _SLIP_FROM_SYLLABLES else 0.0
    return slip + _MAX_DISTANCE_A_SYLLABLE * (syllables - (slip > 0))


def _distance(said: str, form: str) -> float:
    return sum(_character_distance(one, other) for one, other in zip(said, form, strict=True))


@lru_cache(maxsize=65536)
def _character_distance(one: str, other: str) -> float:
    if one == other:
        return 0.0
    pairs = ((a, b) for a in _usual_readings(one) for b in _usual_readings(other))
    return min((syllable_distance(a, b) for a, b in pairs), default=1.0)
