"""Which characters of a quote the recogniser was unsure of, so that nobody takes a misheard word for what was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from domain.conversation import Turn

UNSURE_BELOW = 0.4
"""Probability under which a word is marked: 5 % of the sample call's characters, a third of which are wrong."""
_LOOK_AHEAD = 6
"""Characters between two words (marks, spaces) at most; a word that is not found there was corrected since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A piece of a quote; `is_unsure` asks the reader to listen again."""

    text: str
    is_unsure: bool


def heard(turn: Turn | None, words: str) -> list[Heard]:
    """Cut a quote of a turn where the recogniser was unsure; one piece where it was sure, or was not asked (chats)."""
    start = turn.text.find(words) if turn is not None else -1
    if turn is None or start < 0:
        return [Heard(text=words, is_unsure=False)]
    unsure = {at for begin, end in _unsure_spans(turn) for at in range(begin, end)}
    marked = groupby(range(start, start + len(words)), key=lambda at: at in unsure)
    return [Heard(text="".join(turn.text[at] for at in places), is_unsure=is_unsure) for is_unsure, places in marked]


def is_any_unsure(turns: tuple[Turn, ...]) -> bool:
    """Whether a transcript has a word to mark at all."""
    return any(True for turn in turns for _ in _unsure_spans(turn))


def _unsure_spans(turn: Turn) -> Iterator[tuple[int, int]]:
    """Yield the range in the turn's text of each word of low probability."""
    at = 0
    for word in turn.words:
        start = turn.text.find(word.text, at, at + len(word.text) + _LOOK_AHEAD)
        if start < 0:
            continue
        at = start + len(word.text)
        if word.probability < UNSURE_BELOW:
            yield start, at
