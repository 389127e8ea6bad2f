"""What a quantity is, and when the one in a source supports the one in a claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from language.quantity_units import same_things

DAY_S = 86400
MONTH_S = 30 * DAY_S
YEAR_S = 365 * DAY_S
_YEAR_MONTHS = 12
_TELLING = 10
"""A bare number from here on may stand for a count; a smaller one could be anything."""


class Dimension(StrEnum):
    """What a quantity measures; only like is compared with like."""

    NUMBER = "number"
    MONEY = "money"
    PERCENT = "percent"
    POINTS = "points"
    DISCOUNT = "discount"
    MULTIPLE = "multiple"
    DURATION = "duration"
    DATE = "date"
    COUNT = "count"
    ORDINAL = "ordinal"
    CODE = "code"


class Bound(StrEnum):
    """How firmly the value is meant: 约三周, 三周以上, 三周以内."""

    EXACT = "exact"
    ABOUT = "about"
    OVER = "over"
    UNDER = "under"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One quantity of a text.

    Attributes:
        start: Half-open code point range; `text[start:end]` is the quantity without its bound words.
        low: Smallest value, in the main unit; equal to `high` unless a range was said. None for dates and codes.
        unit: `CNY`, `second`, `workday`, `month`, a classifier, or empty. Percents are shares of 1.
        words: A date's parts (`2025年`, `3月`, `周五`, …) or a code in upper case.
        is_article: 一个, 一家: said without counting.
        is_reduction: A percent taken off a price (优惠20%), comparable with 八折.
    """

    start: int
    end: int
    text: str
    dimension: Dimension
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str = ""
    words: frozenset[str] = frozenset()
    bound: Bound = Bound.EXACT
    is_article: bool = False
    is_reduction: bool = False


def agrees(claimed: Quantity, given: Quantity) -> bool:
    """Whether `given` in a source supports `claimed` in a claim.

    Values must be equal after normalisation. A bound the source sets (至少, 不到) must not be lost or turned
    round; 约 may be added or dropped. One end of a range is supported only if the claim says which (最快四周).
    """
    if Dimension.DATE in (claimed.dimension, given.dimension) or Dimension.CODE in (claimed.dimension, given.dimension):
        return claimed.dimension == given.dimension and bool(claimed.words) and claimed.words <= given.words
    if not _comparable(claimed, given):
        return False
    if claimed.low is None or claimed.high is None or given.low is None or given.high is None:
        return False
    low, high = _in_unit_of(given, claimed)
    if (claimed.low, claimed.high) == (low, high):
        return _bound_kept(claimed, given)
    if given.low == given.high or claimed.low != claimed.high:
        return False
    return (claimed.bound in (Bound.UNDER, Bound.OVER)) and claimed.low in (low, high)


def supported_by(claimed: Quantity, given: Iterable[Quantity]) -> bool:
    """Whether any of the source's quantities supports the claimed one."""
    return any(agrees(claimed, one) for one in given)


def _bound_kept(claimed: Quantity, given: Quantity) -> bool:
    """A bound must be the same on both sides; only 90分钟内 follows from 90分钟."""
    firm = {Bound.OVER, Bound.UNDER}
    within = claimed.dimension is Dimension.DURATION and claimed.bound is Bound.UNDER and given.bound not in firm
    return claimed.bound == given.bound or within or not ({claimed.bound, given.bound} & firm)


def _comparable(one: Quantity, other: Quantity) -> bool:
    kinds = {one.dimension, other.dimension}
    if kinds == {Dimension.DISCOUNT, Dimension.PERCENT}:
        return one.is_reduction or other.is_reduction
    if Dimension.NUMBER in kinds:
        return kinds <= {Dimension.NUMBER, Dimension.MONEY} or (
            kinds == {Dimension.NUMBER, Dimension.COUNT} and one.low is not None and one.low >= _TELLING
        )
    if len(kinds) > 1:
        return False
    if one.dimension is Dimension.COUNT:
        return same_things(one.unit, other.unit)
    if one.dimension is Dimension.DURATION:
        return (one.unit == "workday") == (other.unit == "workday")
    return one.unit == other.unit


def _in_unit_of(given: Quantity, claimed: Quantity) -> tuple[Decimal | None, Decimal | None]:
    if given.low is None or given.high is None:
        return None, None
    if {given.dimension, claimed.dimension} == {Dimension.DISCOUNT, Dimension.PERCENT}:
        return 1 - given.high, 1 - given.low
    if given.unit == "month" and claimed.unit == "second":
        return _seconds(given.low), _seconds(given.high)
    if given.unit == "second" and claimed.unit == "month":
        return _months(given.low), _months(given.high)
    return given.low, given.high


def _seconds(months: Decimal) -> Decimal:
    years, rest = divmod(months, _YEAR_MONTHS)
    return years * YEAR_S if years and not rest else months * MONTH_S


def _months(seconds: Decimal) -> Decimal:
    years, rest = divmod(seconds, YEAR_S)
    return years * _YEAR_MONTHS if years and not rest else seconds / MONTH_S
