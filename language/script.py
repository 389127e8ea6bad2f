"""How spoken Chinese is written down: characters, numbers and spaces, each by one rule.

Characters: simplified, unless a region's traditional form is asked for.
Numbers: as they are read aloud (四十八万, 百分之三十, 一三八零零…), the one form that says exactly what was
heard; digits that belong to a name (5G, B2B, V2.0) stay. `in_digits` gives the other form.
Spaces: none between Chinese and Latin or digits, one between Latin words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

from language.numerals import HAN_DIGITS, HAN_NUMERAL, numeral_value


class Script(StrEnum):
    """Which characters a reader expects; the values name OpenCC's conversion from simplified."""

    SIMPLIFIED = "s2s"
    TAIWAN = "s2tw"
    HONG_KONG = "s2hk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """`text[start:end]` is to become `text`."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Return the text with edits done; they must be in order and must not overlap."""
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def simplified(text: str) -> str:
    """Return the text in simplified characters, character for character: the length never changes."""
    return _same_length(text, "t2s")


def in_script(text: str, script: Script) -> str:
    """Return simplified text in the script a reader expects; the length never changes."""
    return text if script is Script.SIMPLIFIED else _same_length(text, script.value)


def _same_length(text: str, conversion: str) -> str:
    converter = _converter(conversion)
    whole: str = converter.convert(text)
    if len(whole) == len(text):
        return whole
    return "".join(single if len(single := converter.convert(char)) == 1 else char for char in text)


@cache
def _converter(conversion: str) -> Any:
    from opencc import OpenCC

    return OpenCC(conversion)


_HAN = r"[\u3400-\u9fff々〇，。！？；：、（）“”‘’《》]"  # fmt: skip
_LOOSE_SPACE = re.compile(rf"(?<={_HAN})[ \u3000]+(?=\S)|(?<=\S)[ \u3000]+(?={_HAN})")


def space_edits(text: str) -> list[Edit]:
    """Return the edits that write spaces by our rule."""
    return [Edit(start=match.start(), end=match.end(), text="") for match in _LOOSE_SPACE.finditer(text)]


_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_ALONE = r"(?<![A-Za-z0-9.\-_/#])"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("percent", re.compile(rf"{_ALONE}({_NUMBER})\s?[%％]")),
    ("clock", re.compile(rf"{_ALONE}([01]?\d|2[0-4])[:：]([0-5]\d)(?![\d:：])")),
    ("fraction", re.compile(rf"{_ALONE}(\d{{1,2}})/(\d{{1,3}})(?![\d/A-Za-z])")),
    ("range", re.compile(rf"{_ALONE}({_NUMBER})\s?[-~～—至到]\s?({_NUMBER})(?![-A-Za-z\d.])")),
    ("year", re.compile(rf"{_ALONE}(\d{{4}})(?=年)")),
    ("ordinal", re.compile(rf"(?<=第)({_NUMBER})")),
    ("number", re.compile(rf"{_ALONE}({_NUMBER})(?![A-Za-z\d]|[.\-_/][A-Za-z\d])")),
)
_TWO_BEFORE = "百千万亿个位名家台套件张份次天周年家条项层部种间款批场组轮期页座点块倍名辆只口户栋本页"
_HOURS = {0: "零点", 12: "十二点"}


def number_edits(text: str) -> list[Edit]:
    """Return the edits that write every digit number as it is read aloud.

    30% → 百分之三十, 48万 → 四十八万, 2台 → 两台, 2024年 → 二零二四年, 10:30 → 十点半,
    13800138000 → 一三八零零一三八零零零. A digit joined to Latin letters is part of a name and stays.
    """
    edits: list[Edit] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if all(end <= edit.start or edit.end <= start for edit in edits):
                edits.append(Edit(start=start, end=end, text=_read(kind, match, text[end : end + 1])))
    return sorted(edits, key=lambda edit: edit.start)


def as_read(text: str) -> str:
    """Return the text with its numbers as they are read aloud; see `number_edits`."""
    return apply_edits(text, number_edits(text))


def _read(kind: str, match: re.Match[str], following: str) -> str:
    first = match.group(1)
    match kind:
        case "percent":
            return "百分之" + read_number(first)
        case "clock":
            return _read_clock(int(first), match.group(2))
        case "fraction":
            return f"{read_number(match.group(2))}分之{read_number(first)}"
        case "range":
            return f"{read_number(first, following)}到{read_number(match.group(2), following)}"
        case "year":
            return _digit_by_digit(first)
        case "ordinal":
            return read_number(first)
    return read_number(first, following)


def _read_clock(hour: int, minutes: str) -> str:
    spoken = "两点" if hour == 2 else _HOURS.get(hour, read_number(str(hour)) + "点")
    if minutes == "00":
        return spoken
    return spoken + ("半" if minutes == "30" else _after_point(minutes))


def _after_point(minutes: str) -> str:
    return f"零{read_number(minutes[1])}分" if minutes[0] == "0" else f"{read_number(minutes)}分"


_LONGEST_COUNT = 7


def read_number(number: str, following: str = "") -> str:
    """Read one number aloud: 65 → 六十五, 1.5 → 一点五, 2 before a measure word → 两.

    Eight digits and more, or a leading zero, are read digit by digit (a telephone number, a code).

    Args:
        number: Digits, with thousands commas or a decimal point if need be.
        following: The character after it, which decides between 二 and 两.
    """
    grouped = "," in number
    whole, _, decimals = number.replace(",", "").partition(".")
    if decimals:
        return f"{read_number(whole)}点{_digit_by_digit(decimals)}"
    if (whole[0] == "0" and len(whole) > 1) or (len(whole) > _LONGEST_COUNT and not grouped and whole.rstrip("0")[3:]):
        return _digit_by_digit(whole)
    if whole == "2" and following and following in _TWO_BEFORE:
        return "两"
    return _count(int(whole))


def _digit_by_digit(digits: str) -> str:
    return "".join("零一二三四五六七八九"[int(digit)] for digit in digits)


def _count(value: int) -> str:
    """Read a whole number as a count: 2305 → 两千三百零五, 12 → 十二."""
    if value == 0:
        return "零"
    parts: list[str] = []
    for unit, size in (("亿", 10**8), ("万", 10**4), ("", 1)):
        group, value = divmod(value, size)
        if group:
            gap = "零" if parts and group < 1000 else ""
            parts.append(gap + (_count(group) if size == 10**8 and group > 9999 else _thousands(group)) + unit)
    spoken = "".join(parts)
    spoken = re.sub("^二(?=[百千万亿])", "两", spoken)
    return re.sub("^一十", "十", spoken)


def _thousands(group: int) -> str:
    spoken, gap = "", False
    for unit, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit, group = divmod(group, size)
        if digit:
            two = digit == 2 and unit in ("千", "百")
            spoken += ("零" if gap and spoken else "") + ("两" if two else _digit_by_digit(str(digit))) + unit
            gap = False
        else:
            gap = True
    return spoken


_SPOKEN_PERCENT = re.compile(rf"百分之([{HAN_NUMERAL}]+(?:点[{HAN_DIGITS}]+)?)")
_SPOKEN_NUMBER = re.compile(rf"[{HAN_NUMERAL}]*[{HAN_DIGITS}十][{HAN_NUMERAL}]*(?:点[{HAN_DIGITS}]+[万亿]?)?")
_SPOKEN_YEAR = re.compile(rf"[{HAN_DIGITS}]{{4}}(?=年)")
_MAGNITUDE = re.compile(r"(?<=[^万亿])([万亿])$")
_TAIL_OF_ONE = re.compile(r"[百千万亿]一$")
_COUNTED = frozenset("个年天周次套台人家")
_APPROXIMATE = re.compile(r"[几多数来余]")


def in_digits(text: str) -> str:
    """Return the text with spoken numbers of ten and more, percentages and digit strings in digits.

    四十八万 → 48万, 百分之三十 → 30%, 一三八零零… → 138…. Counts below ten stay (三周, 一起), and so do
    approximations (十几台, 三四天) and words that only look like numbers (十分, 千万别, 万一).
    """
    percents = _SPOKEN_PERCENT.sub(_percent_digits, text)
    return _SPOKEN_NUMBER.sub(lambda match: _number_digits(match, percents), percents)


def _percent_digits(match: re.Match[str]) -> str:
    value = numeral_value(match.group(1))
    return match.group() if value is None else f"{_plain(value)}%"


def _number_digits(match: re.Match[str], text: str) -> str:
    following = text[match.end() : match.end() + 1]
    numeral, tail = match.group(), ""
    if following in _COUNTED and _TAIL_OF_ONE.search(numeral):
        numeral, tail = numeral[:-1], numeral[-1]  # 十二万一个月 is 十二万 for each 一个月
    around = text[max(0, match.start() - 1) : match.start()] + following
    if _APPROXIMATE.search(around) or text.startswith(("十分", "千万"), match.start()):
        return match.group()
    if all(char in HAN_DIGITS for char in numeral):
        return _string_digits(numeral) + tail
    return _quantity_digits(numeral) + tail


def _quantity_digits(numeral: str) -> str:
    """A count with its last 万 or 亿 left as the unit; below ten it stays as it is."""
    unit = _MAGNITUDE.search(numeral)
    value = numeral_value(numeral[: unit.start()] if unit else numeral)
    if value is None or (value < 10 and not unit and "点" not in numeral):
        return numeral
    return _plain(value) + (unit.group() if unit else "")


def _string_digits(numeral: str) -> str:
    """A run of bare digits is a code or a year from three on; two of them (三四天) are an approximation."""
    if len(numeral) < 3:
        return numeral
    return "".join(str(numeral_value(char) or 0) for char in numeral)


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
