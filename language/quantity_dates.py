"""Dates, clock times and codes: quantities that are compared part by part, not by value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from language.numerals import HAN_DIGITS, numeral_value
from language.quantity_units import units
from language.quantity_values import Dimension, Quantity

_SMALL = r"(?:\d{1,2}|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])"
_YEAR = rf"(?:(?:19|20)\d\d|[12二一][{HAN_DIGITS}]{{3}}|(?<!\d)2\d(?=年\d{{1,2}}月))"
_HALF_DAY = "上午|下午|晚上|中午|早上|凌晨|傍晚|今晚|明早|明晚"
_AFTERNOON = ("下午", "晚上", "傍晚", "今晚", "明晚")

_UNIT_LETTERS = "[wWkKhs]|ms|MS|[KMGTkmgt][Bb]|[kK][gGmMwW]|[cm]m|qps|QPS|tps|TPS|rmb|RMB|mw|MW"
_PART_OF_MONTH = "初|中旬|底|上旬|下旬|末"
_DAY_OF_MONTH = r"[12]?\d|3[01]|[一二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九]"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("code", r"(?<![A-Za-z0-9])(?!Q[1-4](?!\d))[A-Za-z]+[-_/.]?\d[A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*"),
    ("code", rf"(?<![\d.])\d+(?!(?:{_UNIT_LETTERS})(?![A-Za-z]))[A-Za-z][A-Za-z0-9]*"),
    ("code", r"(?<!\d)\d{11,}[Xx]?(?!\d)|(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"),
    (
        "date",
        rf"(?P<y>{_YEAR})年(?:(?P<m>{_SMALL})月(?:(?P<d>{_SMALL})[日号])?)?"
        rf"(?P<p>{_PART_OF_MONTH})?(?:第?(?P<q>[一二三四1-4])季度)?",
    ),
    ("date", r"(?<!\d)(?P<y>(?:19|20)\d\d)[-/.](?P<m>\d{1,2})(?:[-/.](?P<d>\d{1,2}))?(?![\d%])"),
    ("date", rf"(?<![\d个])(?P<m>{_SMALL})月(?:(?P<d>{_SMALL})[日号]|(?P<p>{_PART_OF_MONTH}|份))"),
    ("date", r"(?<![\d个上下本半])(?P<m>1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])月(?![租费薪供均度])"),
    ("date", r"第(?P<q>[一二三四1-4])季度|(?<![个\d])(?P<q2>[一二三四])季度"),
    ("date", r"(?<![A-Za-z])[Qq](?P<q>[1-4])(?![A-Za-z0-9])"),
    ("clock", rf"(?P<half>{_HALF_DAY})?(?<!\d)(?P<h>\d{{1,2}}):(?P<min>\d\d)(?!\d)"),
    ("clock", rf"(?P<half>{_HALF_DAY})(?P<h>{_SMALL})点(?:(?P<min>{_SMALL})分?|(?P<frac>半|一刻))?整?"),
    ("clock", rf"(?<![第\d])(?P<h>{_SMALL})点(?:钟|(?P<frac>半)|整)(?=[之以左到开前后，。、]|$)"),
    ("weekday", r"(?P<week>本|这|下下|下|上)?个?(?:周|星期|礼拜)(?P<w>[一二三四五六日天])(?!期)"),
    ("date", rf"(?<![\d第])(?P<d>{_DAY_OF_MONTH})号(?![线楼院店厂机])"),
    ("words", ""),
)
_QUARTERS = {"一": "1", "二": "2", "三": "3", "四": "4"}


def codes_and_dates(text: str, taken: Iterable[tuple[int, int]]) -> list[Quantity]:
    """Find codes (C-0042, ISO27001, phone numbers), dates and times outside the taken stretches."""
    found: list[Quantity] = []
    blocked = list(taken)
    for kind, pattern in _PATTERNS:
        compiled = re.compile(pattern) if pattern else units().relative_date
        for match in compiled.finditer(text):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in blocked):
                continue
            words = _PARTS[kind](match)
            if words:
                blocked.append((start, end))
                dimension = Dimension.CODE if kind == "code" else Dimension.DATE
                found.append(Quantity(start=start, end=end, text="", dimension=dimension, words=frozenset(words)))
    return found


def _code(match: re.Match[str]) -> list[str]:
    return [re.sub(r"[-_/. ]", "", match.group()).upper()]


def _date(match: re.Match[str]) -> list[str]:
    groups = match.groupdict()
    if groups.get("y") and len(groups["y"]) == 2:
        groups["y"] = f"20{groups['y']}"
    words = [
        f"{_digits(groups[name])}{sign}" for name, sign in (("y", "年"), ("m", "月"), ("d", "日")) if groups.get(name)
    ]
    quarter = groups.get("q") or groups.get("q2")
    if quarter:
        words.append(f"Q{_QUARTERS.get(quarter, quarter)}")
    part = groups.get("p")
    return [*words, part] if part and part != "份" else words


def _clock(match: re.Match[str]) -> list[str]:
    groups = match.groupdict()
    hour = int(_digits(groups["h"]))
    if groups.get("half") in _AFTERNOON and hour < 12:
        hour += 12
    minute = {"半": 30, "一刻": 15}.get(groups.get("frac") or "", int(_digits(groups.get("min") or "0")))
    return [f"{hour:02d}:{minute:02d}"] if hour < 25 and minute < 60 else []


def _weekday(match: re.Match[str]) -> list[str]:
    day = "日" if match["w"] == "天" else match["w"]
    week = {"这": "本"}.get(match["week"] or "", match["week"] or "")
    return [f"周{day}", f"{week}周"] if week else [f"周{day}"]


def _relative(match: re.Match[str]) -> list[str]:
    word = match.group()
    return [units().date_synonyms.get(word, word)]


def _digits(numeral: str) -> str:
    value = numeral_value(numeral)
    return numeral if value is None else str(int(value))


_PARTS: dict[str, Callable[[re.Match[str]], list[str]]] = {
    "code": _code,
    "date": _date,
    "clock": _clock,
    "weekday": _weekday,
    "words": _relative,
}
