"""Clauses that name a topic only to put it aside: 价格这块倒不是问题，主要是…"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from language.sentences import Span
from language.spoken import spoken_clauses
from signals.rulebook import pattern

_RULES = "intents"
_ASKING = re.compile("[吗么嘛吧呢？?]$")


@dataclass(frozen=True, slots=True)
class Focus:
    """What a turn is about once topics put aside are left out.

    Attributes:
        text: The rest, its clauses joined; the whole turn where nothing or everything was put aside.
        is_cut: Something was left out.
        is_all_aside: Every clause puts something aside.
    """

    text: str
    is_cut: bool
    is_all_aside: bool


def focus_of(text: str) -> Focus:
    """Leave out the clauses that put a topic aside, unless none or all do."""
    clauses = spoken_clauses(text)
    aside = [_is_aside(text, clauses, place) for place in range(len(clauses))]
    if not any(aside):
        return Focus(text, False, False)
    if all(aside):
        return Focus(text, False, True)
    kept = [f"{clause.text}{_mark(text, clause)}" for clause, out in zip(clauses, aside, strict=True) if not out]
    return Focus("，".join(kept), True, False)


def _is_aside(text: str, clauses: Sequence[Span], place: int) -> bool:
    """Whether a clause denies a topic, or calls it settled before a contrast; a question does neither."""
    clause = clauses[place]
    if _ASKING.search(clause.text) or _mark(text, clause) in ("？", "?"):
        return False
    if pattern(_RULES, "aside.forms").search(clause.text):
        return True
    settled = pattern(_RULES, "aside.settled").search(clause.text) is not None
    return settled and any(pattern(_RULES, "aside.contrast").match(later.text) for later in clauses[place + 1 :])


def _mark(text: str, clause: Span) -> str:
    """The question or exclamation mark that ends a clause."""
    mark = text[clause.end : clause.end + 1]
    return mark if mark in ("？", "?", "！", "!") else ""
