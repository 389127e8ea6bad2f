"""Decisive facts: what a query says of industry, size, outcome and numbers, held against a case.

Two cases may tell the same story and differ in one fact; the words around it drown it, so it is read by itself.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files

from language.numerals import numeral_value
from language.quantities import Dimension, quantities
from retrieval.tokens import fold

_NUMERAL = re.compile(r"\d+(?:\.\d+)?|[零〇一二两三四五六七八九十百千点半]+")
# What a numeral may be multiplied by until it is the value of a fact: 万, 亿, 成, %, and seconds of a time.
_FACTORS = tuple(map(Decimal, ("1", "1e3", "1e4", "1e6", "1e8", "0.1", "0.01", "60", "3600", "86400", "604800")))
_MONTH_FACTORS = tuple(Decimal(months * 30 * 86_400) for months in (1, 3, 12))
_COUNTED = frozenset({Dimension.NUMBER, Dimension.COUNT, Dimension.MONEY})
_SHARES = frozenset({Dimension.PERCENT, Dimension.POINTS, Dimension.DISCOUNT})
_MONTH_S = 30 * 86_400
_CONTRADICTED = 0.5


@dataclass(frozen=True, slots=True, order=True)
class NumberFact:
    """A number that can be compared: what it measures, how much, and of what (`台`, empty when not said)."""

    measure: str
    value: Decimal
    unit: str = ""


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
    numbers: frozenset[NumberFact]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetMatch:
    """How a case's facets stand to a query's: 1 the same, -1 another, 0 where either side says nothing."""

    industry: float = 0.0
    size: float = 0.0
    outcome: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldNumbers:
    """The numbers of a case: all of them, and those of what the customer asked."""

    all: frozenset[NumberFact]
    asked: frozenset[NumberFact]


def query_facts(text: str) -> QueryFacts:
    """Read the facts of a query, Chinese or English (with the Chinese words of `retrieval.english` appended)."""
    plain = fold(text)
    table = _table()
    cued = [concept for concept in table.industries if any(cue in plain for cue in concept.cues)]
    return QueryFacts(
        text=plain,
        industries=frozenset(name for concept in cued for name in concept.names),
        sizes=_cued(plain, table.sizes),
        outcomes=_cued(plain, table.outcomes),
        numbers=number_facts(text),
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

    A number that few of the cases hold counts up to 1, one that all hold nothing; a case whose customer asked
    about the same measure with another value loses half a point.
    """
    scores = [0.0] * len(held)
    for fact in query.numbers:
        holders = [case for case, numbers in enumerate(held) if _holds(numbers.all, fact)]
        rarity = math.log((len(held) + 1) / (len(holders) + 0.5)) / math.log(2 * (len(held) + 1))
        for case in holders:
            scores[case] += rarity
        for case, numbers in enumerate(held):
            if case not in holders and _contradicts(numbers.asked, fact):
                scores[case] -= _CONTRADICTED
    return scores


@lru_cache(maxsize=100_000)
def number_facts(text: str) -> frozenset[NumberFact]:
    """Return the comparable numbers of a text; 三周, 3周 and 21天 are the same, 一个 is none."""
    if not _NUMERAL.search(text):
        return frozenset()
    facts = set()
    for quantity in quantities(text):
        if quantity.low is None or quantity.is_article:
            continue
        for value in {quantity.low, quantity.high or quantity.low}:
            if quantity.dimension in _COUNTED:
                if value == 1 and not quantity.unit:
                    continue  # 一 alone counts nothing
                facts.add(NumberFact("count", value.normalize(), quantity.unit))
            elif quantity.dimension in _SHARES:
                facts.add(NumberFact("share", value.normalize()))
            elif quantity.dimension is Dimension.DURATION:
                factor = _MONTH_S if quantity.unit == "month" else 1
                facts.add(NumberFact("time", (value * factor).normalize()))
    return frozenset(facts)


def numerals_of(facts: Collection[NumberFact]) -> frozenset[Decimal]:
    """Return every bare numeral that a unit could turn into one of the facts (21 or 3 for 21 days)."""
    return frozenset(fact.value / factor for fact in facts for factor in (*_FACTORS, *_MONTH_FACTORS))


def may_hold(text: str, numerals: frozenset[Decimal]) -> bool:
    """Tell quickly that a text need not be read for its numbers: it has none of these numerals, and no 半."""
    return any("半" in said or _numeral(said) in numerals for said in set(_NUMERAL.findall(text)))


_numeral = lru_cache(maxsize=10_000)(numeral_value)


def _industry(wanted: frozenset[str], values: Sequence[str]) -> float:
    if not wanted or not values:
        return 0.0
    return 1.0 if any(name in value for name in wanted for value in values) else -1.0


def _member(wanted: frozenset[str], values: Sequence[str]) -> float:
    if not wanted or not values:
        return 0.0
    return 1.0 if not wanted.isdisjoint(values) else -1.0


def _holds(held: frozenset[NumberFact], fact: NumberFact) -> bool:
    return any((one.measure, one.value) == (fact.measure, fact.value) for one in held)


def _contradicts(held: frozenset[NumberFact], fact: NumberFact) -> bool:
    return any(
        (one.measure, one.unit) == (fact.measure, fact.unit) for one in held if fact.unit or fact.measure != "count"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Concept:
    names: tuple[str, ...]
    cues: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    industries: tuple[_Concept, ...]
    sizes: Mapping[str, tuple[str, ...]]
    outcomes: Mapping[str, tuple[str, ...]]


def _cued(plain: str, table: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(value for value, cues in table.items() if any(cue in plain for cue in cues))


@cache
def _table() -> _Table:
    table = tomllib.loads((files("retrieval") / "facts.toml").read_text(encoding="utf-8"))
    return _Table(
        industries=tuple(
            _Concept(names=tuple(row["facets"]), cues=tuple(cue.lower() for cue in row["cues"]))
            for row in table["industry"]
        ),
        sizes={size: tuple(cue.lower() for cue in cues) for size, cues in table["customer_size"].items()},
        outcomes={outcome: tuple(cue.lower() for cue in cues) for outcome, cues in table["outcome"].items()},
    )
