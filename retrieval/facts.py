"""Decisive facts: what a query says of industry, size, outcome and numbers, held against a case.

Two cases may tell the same story and differ in one fact; the words around it drown it, so it is read by itself.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from retrieval.amounts import COUNT, Amount, amounts, closeness
from retrieval.tokens import fold

_CONTRADICTED = 0.5
_HELD = 0.9
# From how many to how many people work at a customer of each size; set by hand, the classes that people use overlap.
_STAFF = {"小型": (1, 100), "中型": (60, 800), "大型": (400, 10_000), "集团": (1_500, math.inf)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFacts:
    """What a query says about the deal it means; an empty set says nothing.

    Attributes:
        text: The folded query, in which names of facet values are looked for as they stand.
        industries: Parts of industry names that fit.
    """

    text: str
    industries: frozenset[str]
    sizes: frozenset[str]
    outcomes: frozenset[str]
    numbers: frozenset[Amount]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetMatch:
    """How a case's facets stand to a query's: 1 the same, -1 another, 0 where either side says nothing."""

    industry: float = 0.0
    size: float = 0.0
    outcome: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNumbers:
    """The numbers of a case: all of them, and those of what the customer asked."""

    all: frozenset[Amount]
    asked: frozenset[Amount]


def query_facts(text: str, chinese: str = "") -> QueryFacts:
    """Read the facts of a query.

    Args:
        text: Chinese or English.
        chinese: What `retrieval.english` makes of an English one; its numbers are read there alone.
    """
    plain = fold(f"{text} {chinese}")
    table = _table()
    cued = [concept for concept in table.industries if any(cue in plain for cue in concept.cues)]
    numbers = amounts(chinese or text)
    return QueryFacts(
        text=plain,
        industries=frozenset(name for concept in cued for name in concept.names),
        sizes=_sizes(plain, numbers, table),
        outcomes=_outcomes(plain, table),
        numbers=numbers,
    )


def match_facets(query: QueryFacts, candidates: Sequence[Mapping[str, Sequence[str]]]) -> list[FacetMatch]:
    """Hold the facets of several cases, by column, against a query.

    An industry counts as meant when a cue says so or when its own name stands in the query.
    """
    names = {value for facets in candidates for value in facets.get("industry", ()) if fold(value) in query.text}
    industries = query.industries | names
    return [
        FacetMatch(
            industry=_industry(industries, facets.get("industry", ())),
            size=_member(query.sizes, facets.get("customer_size", ())),
            outcome=_member(query.outcomes, facets.get("outcome", ())),
        )
        for facets in candidates
    ]


def match_numbers(query: QueryFacts, held: Sequence[HeldNumbers]) -> list[float]:
    """Hold the numbers of several cases against a query's.

    A number that few of the cases hold counts up to 1, one that all hold nothing, one that is near counts less; a
    case whose customer asked about the same measure with another value loses half a point.
    """
    scores = [0.0] * len(held)
    for asked in query.numbers:
        near = [max((closeness(asked, given) for given in numbers.all), default=0.0) for numbers in held]
        holders = sum(each >= _HELD for each in near)
        rarity = math.log((len(held) + 1) / (holders + 0.5)) / math.log(2 * (len(held) + 1))
        for case, numbers in enumerate(held):
            scores[case] += rarity * near[case]
            if not near[case] and any(_is_alike(given, asked) for given in numbers.asked):
                scores[case] -= _CONTRADICTED
    return scores


def _industry(wanted: frozenset[str], values: Sequence[str]) -> float:
    if not wanted or not values:
        return 0.0
    return 1.0 if any(name in value for name in wanted for value in values) else -1.0


def _member(wanted: frozenset[str], values: Sequence[str]) -> float:
    if not wanted or not values:
        return 0.0
    return 1.0 if not wanted.isdisjoint(values) else -1.0


def _is_alike(given: Amount, asked: Amount) -> bool:
    """Whether two amounts are of one measure and one kind of thing, so that another value contradicts."""
    return (given.measure, given.kind) == (asked.measure, asked.kind) and bool(asked.kind or asked.measure != COUNT)


def _sizes(plain: str, numbers: frozenset[Amount], table: _Table) -> frozenset[str]:
    """What a query calls a customer, or else the classes of a customer with so many people."""
    said = {size for size, cue in table.sizes.items() if cue.search(plain)}
    if said or not table.staff.search(plain):
        return frozenset(said)
    staff = [math.sqrt(amount.low * amount.high) for amount in numbers if amount.kind == "people"]
    return frozenset(size for size, (low, high) in _STAFF.items() for count in staff if low <= count <= high)


def _outcomes(plain: str, table: _Table) -> frozenset[str]:
    """How the deal ended; 没签下来 is no 签下来, so what was read as lost or open is not read again as won."""
    rest, found = table.no_outcome.sub(" ", plain), set()
    for outcome in ("pending", "lost", "won"):
        if table.outcomes[outcome].search(rest):
            found.add(outcome)
            rest = table.outcomes[outcome].sub(" ", rest)
    return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Concept:
    names: tuple[str, ...]
    cues: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    industries: tuple[_Concept, ...]
    sizes: Mapping[str, re.Pattern[str]]
    outcomes: Mapping[str, re.Pattern[str]]
    no_outcome: re.Pattern[str]
    staff: re.Pattern[str]


@cache
def _table() -> _Table:
    table = tomllib.loads((files("retrieval") / "facts.toml").read_text(encoding="utf-8"))
    return _Table(
        industries=tuple(
            _Concept(names=tuple(row["facets"]), cues=tuple(cue.lower() for cue in row["cues"]))
            for row in table["industry"]
        ),
        sizes={size: _either(cues, table["size_patterns"][size]) for size, cues in table["customer_size"].items()},
        outcomes={name: _either(cues, table["outcome_patterns"][name]) for name, cues in table["outcome"].items()},
        no_outcome=_either((), table["outcome_patterns"]["none"]),
        staff=_either((), table["size_patterns"]["staff"]),
    )


def _either(words: Sequence[str], patterns: Sequence[str]) -> re.Pattern[str]:
    """Match any of the words or patterns, the longest words first."""
    spelled = [re.escape(word.lower()) for word in sorted(words, key=len, reverse=True)]
    return re.compile("|".join([*patterns, *spelled]))
