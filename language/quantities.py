"""Quantities in Chinese text: numbers, amounts, percents, durations and dates with spans and comparable values.

三周 = 3周 = 21天, 百分之十五 = 15% = 一成五, 500万 = 五百万元 = 5,000,000 are rules here, so that a claim
can be held against its quote whatever way each of them writes a number.

Dates and codes are found first; then every numeral left is read by the first rule that knows its surroundings.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from language.quantity_amounts import doublings, read_numeral
from language.quantity_dates import codes_and_dates
from language.quantity_numerals import numerals
from language.quantity_units import Units, units
from language.quantity_values import Bound, Dimension, Quantity, agrees, supported_by

__all__ = ["Bound", "Dimension", "Quantity", "agrees", "quantities", "supported_by"]

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_BOUND_NAMES = (("over", Bound.OVER), ("under", Bound.UNDER), ("about", Bound.ABOUT))


def quantities(text: str) -> list[Quantity]:
    """Find all quantities, in order of place, without overlap.

    Words that only look like numbers (一起, 第三方, 十分) are none. `text[q.start:q.end] == q.text` holds for each.
    """
    return list(_quantities(text))


@lru_cache(maxsize=8192)
def _quantities(text: str) -> tuple[Quantity, ...]:
    plain = text.translate(_FULL_WIDTH)
    table = units()
    taken = [match.span() for match in table.not_numbers.finditer(plain)]
    found = [*codes_and_dates(plain, taken), *doublings(plain)]
    taken += [(quantity.start, quantity.end) for quantity in found]
    for numeral in numerals(plain, taken):
        quantity = read_numeral(numeral, plain)
        if quantity is not None and not any(quantity.start < end and start < quantity.end for start, end in taken):
            taken.append((quantity.start, quantity.end))
            found.append(quantity)
    exact = [replace(one, text=text[one.start : one.end], bound=_bound(one, plain, table)) for one in found]
    return tuple(sorted(exact, key=lambda quantity: quantity.start))


def _bound(quantity: Quantity, text: str, table: Units) -> Bound:
    if quantity.bound is not Bound.EXACT or quantity.dimension in (Dimension.CODE, Dimension.ORDINAL):
        return quantity.bound
    before, after = text[: quantity.start].rstrip(), text[quantity.end :]
    under_first = sorted(_BOUND_NAMES, key=lambda named: named[0] != "under")
    for name, bound in under_first:  # 不超过 ends in 超过: the longer, negated words are tried first
        if _ends_with_bound(before, table.bounds[f"{name}_before"]) or _starts_with_bound(
            after, table.bounds[f"{name}_after"]
        ):
            return bound
    return Bound.EXACT


def _ends_with_bound(before: str, words: tuple[str, ...]) -> bool:
    """Whether a bound stands right before a quantity, or one verb away (最多扣20%, 上限为30%)."""
    return before.endswith(words) or before[:-1].endswith(words)


def _starts_with_bound(after: str, words: tuple[str, ...]) -> bool:
    return any(after.startswith(word) and not re.match(r"内[部容网存]|起[来因到步点诉]|前后", after) for word in words)
