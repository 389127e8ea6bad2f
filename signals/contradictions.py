"""Statements of one speaker that cannot both hold: another number, date or sign of the same thing.

A clause becomes a statement: what it names, its sign, whether it says free or charged, and its quantities. Two
are about the same thing when they name the same; a correction, a condition or another period excuses the difference.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from domain.conversation import Turn
from language.quantities import Dimension, Quantity, quantities
from language.spoken import spoken_clauses
from signals.rulebook import section

_RULES = "breaks"
_DENIED = re.compile(r"(?:不|没|别|无法)(支持|包含|需要|提供|可以|允许|接受|收|能[一-鿿]?|会[一-鿿]?|用[一-鿿]?|有|是)")
_AUTHORITY = "\0authority"
"""Stands for the subject of who decides, however it was worded."""
_REMEMBERED = 6
"""Statements kept for each speaker and term: keeps the cost linear in the turns."""
_COMPARED = frozenset(
    (
        Dimension.NUMBER,
        Dimension.MONEY,
        Dimension.PERCENT,
        Dimension.DURATION,
        Dimension.COUNT,
        Dimension.DATE,
        Dimension.DISCOUNT,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A clause of turn number `turn` at `[start, end)` that goes against turn number `earlier`."""

    turn: int
    start: int
    end: int
    earlier: int
    earlier_quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    turn: int
    start: int
    end: int
    text: str
    terms: frozenset[str]
    is_negative: bool
    charge: str
    authority: str
    milestones: frozenset[tuple[str, str]]
    amounts: tuple[Quantity, ...]


def contradictions_in(turns: Sequence[Turn]) -> Iterator[Contradiction]:
    """Yield the first contradiction of each turn; only the last statements about a term are compared: linear cost."""
    held: dict[tuple[str, str], deque[_Statement]] = defaultdict(lambda: deque(maxlen=_REMEMBERED))
    told: set[str] = set()
    for index, turn in enumerate(turns):
        if _rule("facts.revised").search(turn.text):
            continue
        statements = list(_statements(index, turn))
        for one in statements:
            if turn.id in told:
                break
            earlier = _contradicted(one, [before for term in one.terms for before in held[turn.speaker, term]])
            if earlier is not None:
                told.add(turn.id)
                yield Contradiction(
                    turn=index, start=one.start, end=one.end, earlier=earlier.turn, earlier_quote=earlier.text
                )
        for one in statements:
            for term in one.terms:
                held[turn.speaker, term].append(one)


def _statements(index: int, turn: Turn) -> Iterator[_Statement]:
    for clause in spoken_clauses(turn.text):
        text = clause.text
        mark = turn.text[clause.end : clause.end + 1]
        if mark in ("？", "?") or re.search(r"[吗么呢]$|多少|什么|是不是|能不能|有没有|几[个家天]", text):
            continue
        if _rule("facts.conditional").search(text):
            continue
        found = tuple(quantities(text))
        authority = _authority(text)
        terms = _pairs_of(text, found) | ({_AUTHORITY} if authority else frozenset())
        if terms:
            yield _Statement(
                turn=index,
                start=clause.start,
                end=clause.end,
                text=text,
                terms=terms,
                is_negative=len(_rule("facts.negative").findall(text)) % 2 == 1,
                charge=_charge(text),
                authority=authority,
                milestones=_milestones(text),
                amounts=tuple(q for q in found if q.dimension in _COMPARED and not q.is_article),
            )


def _pairs_of(text: str, amounts: Sequence[Quantity]) -> frozenset[str]:
    """The pairs of neighbouring characters that name things; quantities and function words are gaps.

    Pairs and not words: a dictionary cuts 改字段 and 培训费 now one way, now the other.
    """
    characters = list(text)
    for amount in amounts:
        characters[amount.start : amount.end] = " " * (amount.end - amount.start)
    for match in _milestone().finditer(text):  # when, not what
        characters[match.start() : match.end()] = " " * (match.end() - match.start())
    runs = re.split(f"[^一-鿿A-Za-z]|{section(_RULES, 'facts.gaps')}", "".join(characters))
    return frozenset(run[at : at + 2] for run in runs for at in range(len(run) - 1))


def _charge(text: str) -> str:
    if _rule("facts.charged").search(text):
        return "charged"
    return "free" if _rule("facts.free").search(text) else ""


def _authority(text: str) -> str:
    """Who decides by these words: `own`, `others`, or nobody named."""
    return next((who for who in ("others", "own") if re.search(section(_RULES, f"authority.{who}"), text)), "")


def _milestones(text: str) -> frozenset[tuple[str, str]]:
    """The moments a clause ties its thing to: {("验收", "after")} of 验收完再付."""
    return frozenset(
        (match["event"], "before" if match["before"] else "after") for match in _milestone().finditer(text)
    )


@cache
def _milestone() -> re.Pattern[str]:
    event, before, after = (section(_RULES, f"milestones.{name}") for name in ("event", "before", "after"))
    return re.compile(f"(?P<event>{event})(?:(?P<before>{before})|{after})")


def _contradicted(one: _Statement, earlier: Sequence[_Statement]) -> _Statement | None:
    for before in reversed(earlier):
        if before.turn != one.turn and _same_thing(one, before) and _differ(one, before):
            return before
    return None


def _same_thing(one: _Statement, other: _Statement) -> bool:
    """Whether what the two speak of is shared: at least two fifths of the shorter statement's naming pairs."""
    if one.authority and other.authority:
        return True
    weak = _weak_terms()
    mine, theirs = one.terms - weak, other.terms - weak
    shared = mine & theirs
    return bool(shared) and 5 * len(shared) >= 2 * min(len(mine), len(theirs))


def _differ(one: _Statement, other: _Statement) -> bool:
    if {one.charge, other.charge} == {"free", "charged"} or {one.authority, other.authority} == {"own", "others"}:
        return True
    if (
        one.milestones
        and other.milestones
        and {side for _, side in one.milestones | other.milestones} == {"before", "after"}
    ):
        return not one.milestones & other.milestones
    pairs = [(a, b) for a in one.amounts for b in other.amounts if _comparable(a, b)]
    if pairs:
        return not any(_equal(a, b) for a, b in pairs)
    if one.is_negative == other.is_negative or _rule("facts.own_view").search(one.text + other.text):
        return False
    denied, asserted = (one, other) if one.is_negative else (other, one)
    return any(predicate in asserted.text for predicate in _denied_predicates(denied.text))


def _denied_predicates(text: str) -> list[str]:
    """What is denied: 支持 of 不支持, 有 of 没有, 定 of 定不了."""
    found = _DENIED.findall(text)
    bare = [word[1:] for word in found if word[0] in "能会" and len(word) > 1]
    return [*found, *bare, *re.findall(r"([一-鿿])不了", text)]


def _comparable(a: Quantity, b: Quantity) -> bool:
    if a.dimension is not b.dimension:
        return {a.dimension, b.dimension} <= {Dimension.NUMBER, Dimension.MONEY}
    return a.unit == b.unit or a.dimension in (Dimension.DURATION, Dimension.DATE)


def _equal(a: Quantity, b: Quantity) -> bool:
    if a.dimension is Dimension.DATE:
        return bool(a.words & b.words)
    return (a.low, a.high) == (b.low, b.high) or _within(a, b) or _within(b, a)


def _within(a: Quantity, b: Quantity) -> bool:
    return None not in (a.low, a.high, b.low, b.high) and b.low <= a.low and a.high <= b.high  # type: ignore[operator]  # None is ruled out


@cache
def _weak_terms() -> frozenset[str]:
    return frozenset(section(_RULES, "facts.weak_terms").split())


@cache
def _rule(path: str) -> re.Pattern[str]:
    return re.compile(section(_RULES, path))
