"""How a rep's turn is worded, act by act: which signs and doubts stand in which clause, and which clauses are exempt.

The patterns are data (`rules/rep_acts.toml`). What they are worth is learned in `signals.train_rep_acts`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from domain.signals import RepAct
from language.sentences import Span
from language.spoken import spoken_clauses
from signals.rulebook import rulebook

ACTS = tuple(RepAct)
_RULES = "rep_acts"
_BLANK = "＿"
_MOST_SIGNS, _MOST_DOUBTS = 5, 2
WORDING = _MOST_SIGNS + _MOST_DOUBTS + 5
"""How many numbers describe the wording of a turn for one act."""
SHAPE = 6
"""How many numbers describe a turn's shape."""
_TYPICAL_LOG_LENGTH = 3.0
_PER = 20


@dataclass(frozen=True, slots=True)
class ActRule:
    """The compiled patterns of one act."""

    idioms: tuple[re.Pattern[str], ...]
    exempt: tuple[re.Pattern[str], ...]
    signs: tuple[re.Pattern[str], ...]
    doubts: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class ActWording:
    """One turn, looked at for one act.

    Attributes:
        exempt: Which clauses are an exempt use.
        weights: Signs of each clause that no doubt stands against.
        features: float32 (WORDING,).
    """

    exempt: tuple[bool, ...]
    weights: tuple[int, ...]
    features: NDArray[np.float32]


@cache
def act_rules() -> dict[RepAct, ActRule]:
    """Return every act's patterns, compiled once."""
    book = rulebook(_RULES)
    return {
        act: ActRule(*(_compiled(book[act][key]) for key in ("idioms", "exempt", "signs", "doubts"))) for act in ACTS
    }


def _compiled(expressions: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(expression) for expression in expressions)


def clauses_of(text: str) -> tuple[Span, ...]:
    """Return the clauses of a turn; a turn without any is one clause."""
    return spoken_clauses(text) or (Span(start=0, end=len(text), text=text),)


def read_wording(text: str, act: RepAct) -> ActWording:
    """Look at a turn for one act."""
    rule = act_rules()[act]
    clauses = clauses_of(text)
    said = text
    for idiom in rule.idioms:
        said = idiom.sub(lambda match: _BLANK * len(match.group()), said)
    exempt = tuple(_any(rule.exempt, said[clause.start : clause.end]) for clause in clauses)
    for clause, is_exempt in zip(clauses, exempt, strict=True):
        if is_exempt:
            said = said[: clause.start] + _BLANK * (clause.end - clause.start) + said[clause.end :]
    weights = tuple(_weight(rule, said[clause.start : clause.end]) for clause in clauses)
    return ActWording(exempt, weights, _features(rule, text, said, exempt, weights))


def shape_of(text: str) -> NDArray[np.float32]:
    """Return float32 (SHAPE,): length, how often the customer is addressed, list marks, 有, a final question mark."""
    size = max(len(text), 1)
    addressed = sum(text.count(word) for word in "您你贵")
    pauses = sum(text.count(mark) for mark in "，,/；")
    shape = [
        np.log(size) - _TYPICAL_LOG_LENGTH,
        addressed / size * _PER,
        text.count("、") / size * _PER,
        pauses / size * _PER,
        text.count("有") / size * _PER,
        float(text.endswith(("?", "？"))),
    ]
    return np.array(shape, np.float32)


def _weight(rule: ActRule, clause: str) -> int:
    return 0 if _any(rule.doubts, clause) else sum(sign.search(clause) is not None for sign in rule.signs)


def _features(
    rule: ActRule, text: str, said: str, exempt: Sequence[bool], weights: Sequence[int]
) -> NDArray[np.float32]:
    signs = [float(sign.search(said) is not None) for sign in rule.signs]
    doubts = [float(doubt.search(said) is not None) for doubt in rule.doubts]
    best = max(weights)
    tail = [float(any(exempt)), float(said != text), float(best >= 1), float(best >= 2), float(best >= 3)]
    padded = [*signs, *[0.0] * (_MOST_SIGNS - len(signs)), *doubts, *[0.0] * (_MOST_DOUBTS - len(doubts)), *tail]
    return np.array(padded, np.float32)


def _any(patterns: Sequence[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)
