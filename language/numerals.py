"""Chinese and Arabic numerals as exact values: 四十八万, 三千五, 1亿2000万, 3.5万, 二零二五."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2, "幺": 1}
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟萬億貳參陸兩", "一二三四五六七八九十百千万亿二三六两")
_SMALL = {"十": 10, "百": 100, "千": 1000, "k": 1000, "K": 1000}
_LARGE = {"万": 10**4, "w": 10**4, "W": 10**4, "亿": 10**8}
_PART = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|.")

HAN_DIGITS = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
HAN_NUMERAL = f"{HAN_DIGITS}十百千万亿拾佰仟萬億"


def numeral_value(numeral: str) -> Decimal | None:
    """Return the value of a whole numeral, or None where it is none.

    Colloquial tails are read as they are said: 三千五 = 3500, 一万二 = 12000, but 三千零五 = 3005.
    A run of bare digits is a digit string: 二零二五 = 2025. 百 or 万 alone is no numeral.
    """
    plain = numeral.translate(_FORMAL)
    if "点" in plain:
        return _with_point(plain)
    if len(plain) > 1 and all(char in _DIGITS for char in plain):
        return Decimal("".join(str(_DIGITS[char]) for char in plain))
    return _sum_of_parts(_PART.findall(plain))


def _with_point(plain: str) -> Decimal | None:
    whole, _, rest = plain.partition("点")
    fraction = rest.rstrip("万亿")
    head = numeral_value(whole)
    if head is None or not fraction or any(char not in _DIGITS for char in fraction):
        return None
    value = head + Decimal("0." + "".join(str(_DIGITS[char]) for char in fraction))
    for char in rest[len(fraction) :]:
        value *= _LARGE[char]
    return value


def _sum_of_parts(parts: list[str]) -> Decimal | None:
    total, section, current = Decimal(0), Decimal(0), None
    last_unit, colloquial = 1, False
    for position, part in enumerate(parts):
        if part in _SMALL or part in _LARGE:
            if current is None and (part != "十" and not (section or total)):
                return None
            if part in _SMALL:
                section += (Decimal(1) if current is None else current) * _SMALL[part]
            else:
                total, section = _close_section(total, section + (current or 0), _LARGE[part])
            last_unit, current, colloquial = (_SMALL | _LARGE)[part], None, True
            continue
        digit = _digit(part)
        if digit is None or current is not None:
            return None
        if part in "零〇":
            colloquial = False
            if position != len(parts) - 1 and position > 0:
                continue
        current = digit
    return _close(total, section, current, last_unit if colloquial else 1)


def _digit(part: str) -> Decimal | None:
    if part[0].isascii() and part[0].isdigit():
        return Decimal(part.replace(",", ""))
    return Decimal(_DIGITS[part]) if part in _DIGITS else None


def _close_section(total: Decimal, section: Decimal, unit: int) -> tuple[Decimal, Decimal]:
    if total and unit > 10**4:
        return (total + section) * unit, Decimal(0)
    return total + section * unit, Decimal(0)


def _close(total: Decimal, section: Decimal, current: Decimal | None, last_unit: int) -> Decimal:
    if current is None:
        return total + section
    if last_unit >= 100 and current < 10:
        return total + section + current * last_unit / 10
    return total + section + current
