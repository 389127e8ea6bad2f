"""Where the numerals of a text are, and the range of values each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from language.numerals import HAN_DIGITS, HAN_NUMERAL, numeral_value

_ARABIC = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?"
_MAGNITUDE = r"(?:[百千]?[万亿]|[百千]|[wWkK](?![A-Za-z]))"
_HALF = r"半(?=个?(?:年|月|天|日|小时|星期|周|钟头))"
NUMERAL = rf"(?:(?:{_ARABIC}[万亿])*{_ARABIC}{_MAGNITUDE}?|[{HAN_NUMERAL}]+(?:点[{HAN_DIGITS}]+[万亿]*)?|{_HALF})"
_NUMERAL = re.compile(NUMERAL)
_SEPARATOR = re.compile(r"\s*(?:到|至|~|-|—|–|、)\s*(?:百分之)?")
_UNIT_BETWEEN = re.compile(r"个?(?:万元|元|块|年|月|周|天|日|小时|分钟|成|家|台|人|个|%)?")
_PAIR = re.compile(rf"([十百千万]?)([{HAN_DIGITS}])([{HAN_DIGITS}])([十百千万亿]*)")
_TAIL_OF_ONE = re.compile(r"[百千万亿]一$")
_COUNTED = re.compile(r"[个年天周次套台人家]")
_MAGNITUDE_END = re.compile(r"[百千]?[万亿]$|[百千]$")
_POWERS = {"百": 2, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8, "百亿": 10, "千亿": 11}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeral:
    """A numeral, or a range of two, at `[start, end)` of the text."""

    start: int
    end: int
    low: Decimal
    high: Decimal
    text: str


def numerals(text: str, taken: Iterable[tuple[int, int]]) -> list[Numeral]:
    """Find the numerals outside the taken stretches; neighbours such as 四到六 or 3-5 become one range."""
    blocked = list(taken)
    single = [
        numeral
        for numeral in _single(text)
        if not any(numeral.start < end and start < numeral.end for start, end in blocked)
    ]
    return list(_joined(text, single))


def _single(text: str) -> Iterator[Numeral]:
    at = 0
    while match := _NUMERAL.search(text, at):
        numeral = match.group()
        if _TAIL_OF_ONE.search(numeral) and _COUNTED.match(text, match.end()):
            numeral = numeral[:-1]  # 十二万一个月 is 十二万 for each 一个月
        at = match.start() + len(numeral)
        values = _values(numeral)
        if values is not None:
            yield Numeral(start=match.start(), end=at, low=values[0], high=values[1], text=numeral)


def _values(numeral: str) -> tuple[Decimal, Decimal] | None:
    if numeral == "半":
        return Decimal("0.5"), Decimal("0.5")
    pair = _PAIR.fullmatch(numeral)
    if pair and _neighbours(pair[2], pair[3]):
        ends = [numeral_value(f"{pair[1]}{digit}{pair[4]}") for digit in (pair[2], pair[3])]
        if ends[0] is not None and ends[1] is not None:
            return ends[0], ends[1]
    value = numeral_value(numeral)
    return None if value is None else (value, value)


def _neighbours(one: str, other: str) -> bool:
    low, high = numeral_value(one), numeral_value(other)
    if low is None or high is None or low == 0:
        return False
    return high - low == 1 or (low == 3 and high == 5)


def _joined(text: str, found: list[Numeral]) -> Iterator[Numeral]:
    position = 0
    while position < len(found):
        here = found[position]
        after = found[position + 1] if position + 1 < len(found) else None
        if after is not None and _is_range(text, here, after):
            yield _range(text, here, after)
            position += 2
        else:
            yield here
            position += 1


def _is_range(text: str, here: Numeral, after: Numeral) -> bool:
    between = text[here.end : after.start]
    separator = _SEPARATOR.search(between)
    if separator is None or separator.end() != len(between) or "、" in between:
        return False
    middle = _UNIT_BETWEEN.fullmatch(between[: separator.start()])
    return middle is not None and here.low < _scaled(here, after) * after.high


def _scaled(here: Numeral, after: Numeral) -> int:
    return 1 if here.low < after.high else 10**8


def _range(text: str, here: Numeral, after: Numeral) -> Numeral:
    magnitude = _MAGNITUDE_END.search(after.text)
    factor = 1
    if magnitude and not _MAGNITUDE_END.search(here.text) and here.high < after.low:
        factor = 10 ** _POWERS[magnitude.group()]
    low = here.low * factor if here.low * factor < after.high else here.low
    return Numeral(start=here.start, end=after.end, low=low, high=after.high, text=text[here.start : after.end])
