"""Stretches of recognised text that sound like a name or a term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from language.pinyin import fuzzy_distance, syllable_distance, syllables

_HAN = re.compile(r"[\u3400-\u9fff]+")
_FURTHEST = 0.3
_FURTHEST_SYLLABLE = 0.75
_ELASTIC_FROM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NearName:
    """`said[start:end]` sounds like `form`; `distance` is in syllables, 0 for homophones."""

    start: int
    end: int
    form: str
    distance: float

    @property
    def mean_distance(self) -> float:
        """Distance per syllable of the name."""
        return self.distance / len(self.form)


class NameIndex:
    """Names by sound; built once for a list of names.

    Only purely Chinese forms of two characters and more take part: a single syllable sounds like too much.
    """

    def __init__(self, forms: Iterable[str]) -> None:
        self.forms = tuple(dict.fromkeys(form for form in forms if len(form) >= 2 and _HAN.fullmatch(form)))
        self._sounds = {form: tuple(syllables(form)) for form in self.forms}
        self._by_sound: tuple[dict[str, list[str]], ...] = ({}, {})
        for form, sounds in self._sounds.items():
            for place in (0, 1):
                self._by_sound[place].setdefault(sounds[place], []).append(form)
        self._like: dict[tuple[str, int], tuple[str, ...]] = {}

    def near(self, said: str) -> list[NearName]:
        """Return every stretch that sounds like a form and is not written so; they may overlap.

        Args:
            said: Text without marks and spaces.
        """
        sounds = syllables(said)
        return [near for start in range(len(said)) for near in self._near_at(said, sounds, start)]

    def _near_at(self, said: str, sounds: Sequence[str], start: int) -> Iterator[NearName]:
        for form in self._may_start(sounds, start):
            limit = _FURTHEST * len(form)
            for length in _lengths(len(form)):
                stretch = said[start : start + length]
                if len(stretch) < length or stretch == form or not _HAN.fullmatch(stretch):
                    continue
                distance = _distance(sounds[start : start + length], self._sounds[form], limit)
                if distance <= limit:
                    yield NearName(start=start, end=start + length, form=form, distance=distance)

    def _may_start(self, sounds: Sequence[str], start: int) -> Iterable[str]:
        """Forms of which one of the first two syllables is near: a cheap test that most fail."""
        first = self._forms_like(sounds[start], 0)
        second = self._forms_like(sounds[start + 1], 1) if start + 1 < len(sounds) else ()
        return dict.fromkeys((*first, *second))

    def _forms_like(self, sound: str, place: int) -> tuple[str, ...]:
        if (sound, place) not in self._like:
            self._like[sound, place] = tuple(
                form
                for other, forms in self._by_sound[place].items()
                if syllable_distance(sound, other) <= _FURTHEST
                for form in forms
            )
        return self._like[sound, place]


def _lengths(length: int) -> tuple[int, ...]:
    """A long name may gain or lose a syllable in recognition; in a short one that leaves nothing to go by."""
    return (length,) if length < _ELASTIC_FROM else (length, length - 1, length + 1)


def _distance(sounds: Sequence[str], name: Sequence[str], limit: float) -> float:
    if len(sounds) != len(name):
        return fuzzy_distance(sounds, name)
    total = 0.0
    for sound, wanted in zip(sounds, name, strict=True):
        apart = syllable_distance(sound, wanted)
        total += apart if apart <= _FURTHEST_SYLLABLE or len(name) >= _ELASTIC_FROM else len(name)
        if total > limit:
            break
    return total
