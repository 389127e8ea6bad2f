"""Amounts as people say them: 两百来号人, 不到一个月, 三十来万, 打八折 become ranges that are held against a case's.

`language.quantities` reads what was said exactly, since claims must keep it; here a vague number must still find the
case whose number lies within it. An amount is a range of a measure: `time` in days, `share` of 1, `count` of anything
else, money included, since who types 48w names no unit.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from language.numerals import numeral_value
from language.quantity_units import any_of, units
from retrieval.tokens import fold

TIME, SHARE, COUNT = "time", "share", "count"

# How far apart two amounts may lie, as a ratio, before they have nothing to do with each other; set by hand.
_FAR = math.log(1.6)
_SAME = math.log(1.03)
_NEAR_AT_MOST = 0.5
_ABOUT, _UNDER, _OVER = (0.85, 1.2), (0.5, 0.999), (1.0, 2.0)
_MOST = 1e18
"""What is more is no amount of anything."""
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_HAN = "零〇一二两俩仨三四五六七八九"
_NUMBER = re.compile(
    rf"(?P<number>\d{{1,3}}(?:,\d{{3}})+(?!\d)(?:\.\d+)?|\d{{1,15}}(?:\.\d+)?|[几数{_HAN}十百千万亿]+(?:点[{_HAN}]+)?|半)"
    r"(?P<vague>[多来把余几]?)(?P<magnitude>(?:个?[wk](?![a-z])|\s?[十百千万亿]){0,4})(?P<more>[多来余]?)"
)
_NAMED = re.compile(r"(?:第|周|星期|礼拜|月|[a-z][-_]?)$")
_NAMES_AFTER = ("号", "日", "级", "版", "楼", "分", "期")
_SHARE_OF = {"百": 0.01, "千": 0.001, "万": 0.0001}
_ONE_OR_OTHER = re.compile(rf"(?P<one>[{_HAN}])(?P<other>[{_HAN}])(?P<rest>[十百千万亿]*)$")
_SAID_SHORT = str.maketrans({"俩": "两", "仨": "三"})
_MAGNITUDES = {"十": 10, "百": 100, "千": 1000, "k": 1000, "万": 10**4, "w": 10**4, "亿": 10**8}

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, order=True)
class Amount:
    """What is measured, from how much to how much, and of which kind of thing (empty when not said)."""

    measure: str
    low: float
    high: float
    kind: str = ""


def closeness(asked: Amount, given: Amount) -> float:
    """Say how well a given amount is the one asked for, in [0, 1].

    1 where the ranges meet, at most a half where they do not, 0 from a ratio of 1.6 on or for unlike things.
    """
    if asked.measure != given.measure or (asked.kind and given.kind and asked.kind != given.kind):
        return 0.0
    gap = max(0.0, math.log(given.low / asked.high), math.log(asked.low / given.high))
    return 1.0 if gap <= _SAME else max(0.0, _NEAR_AT_MOST * (1 - gap / _FAR))


@lru_cache(maxsize=100_000)
def amounts(text: str) -> frozenset[Amount]:
    """Return the amounts of a text; 三周, 3周 and 21天 are the same, 一个 is none."""
    plain = _without_phrases(fold(text).replace("个把", "一个多"))
    found, at = [], 0
    while match := _NUMBER.search(plain, at):
        amount, at = _amount(match, plain)
        found.append(amount)
    return frozenset(amount for amount in found if amount is not None)


def _without_phrases(plain: str) -> str:
    """Blank out what only looks like a number (一起, 第三方); 万分之 is one."""

    def blank(match: re.Match[str]) -> str:
        is_share = plain.startswith("分之", match.end() - 1)
        return match.group() if is_share else " " * len(match.group())

    return units().not_numbers.sub(blank, plain)


def _amount(match: re.Match[str], text: str) -> tuple[Amount | None, int]:
    """Read one numeral with what stands before and after it, and say where to read on.

    A date, an ordinal, a code and a lone 一 are no amounts.
    """
    before = text[max(0, match.start() - 4) : match.start()].rstrip()
    unit = _words().unit.match(text, match.end())
    said = None if unit is None else _said(match, before)
    if unit is None or said is None or _is_name(match, said, before, unit):
        return None, match.end()
    if unit["half"] or unit["rest"] == "半":
        said = said[0] + 0.5, said[1] + 0.5
    elif unit["vague"] or unit["rest"]:
        said = said[0], said[1] + _step(said[1])
    is_read_on = unit["half"] or unit["rest"] or (unit["unit"] == "成" and unit["tenth"])
    return _measured(said, unit, before), unit.end() if is_read_on else match.end()


def _measured(said: Range, unit: re.Match[str], before: str) -> Amount | None:
    words, name = _words(), unit["unit"] or ""
    if before.endswith("分之"):
        return _made(SHARE, _bounded(said, before[:-3], unit), _SHARE_OF[before[-3]])
    if name in words.days:
        return _made(TIME, _bounded(said, before, unit), words.days[name])
    if name in words.shares:
        return _share(said, unit, before)
    if said == (1.0, 1.0) and words.kinds.get(name) != "people":
        return None  # 一个, 一家, 一台: said without counting
    return _made(COUNT, _bounded(said, before, unit), 1.0, words.kinds.get(name, ""))


def _share(said: Range, unit: re.Match[str], before: str) -> Amount | None:
    """折 says what is left: 八折 and 八五折 take off 0.2 and 0.15; 一成五 is 0.15."""
    low, high = _bounded(said, before, unit)
    if unit["unit"] == "折":
        low, high = sorted(each / 10 if each > 10 else each for each in (low, high))
        return Amount(SHARE, 1 - high / 10, 1 - low / 10) if 0 < high < 10 else None
    tenth = (numeral_value(unit["tenth"]) or 0) if unit["unit"] == "成" and unit["tenth"] else 0
    return _made(SHARE, (low + float(tenth) / 10, high + float(tenth) / 10), _words().shares[unit["unit"]])


def _made(measure: str, said: Range, factor: float, kind: str = "") -> Amount | None:
    low, high = said[0] * factor, said[1] * factor
    return Amount(measure, low, high, kind) if low > 0 and high < _MOST else None


def _is_name(match: re.Match[str], said: Range, before: str, unit: re.Match[str]) -> bool:
    """Whether the numeral names something instead of counting it: 第三, C-0042, 2026年, 3月, 周五, 15号, 三级."""
    name, number = unit["unit"] or "", match["number"]
    if _NAMED.search(before) or (before.endswith("分之") and before[-3:-2] not in _SHARE_OF):
        return True
    if name == "月" and not (unit["filler"] or unit["half"] or number in "俩仨半"):
        return True
    if name == "点" and not unit["filler"]:
        return True
    is_year = _FIRST_YEAR <= said[0] <= _LAST_YEAR and len(number) == len("2026") and name in ("", "年")
    return is_year or (not name and unit.string.startswith(_NAMES_AFTER, unit.start()))


def _said(match: re.Match[str], before: str) -> Range | None:
    number, vague = match["number"].translate(_SAID_SHORT), match["vague"]
    said = _plain_range(number, before, is_vague=bool(vague))
    if said is None:
        return None
    factor = math.prod(_MAGNITUDES.get(char, 1) for char in match["magnitude"])
    low, high = _loosened(said, vague)
    return _loosened((low * factor, high * factor), match["more"])


def _plain_range(number: str, before: str, *, is_vague: bool) -> Range | None:
    """Read a numeral: 三四十 is a range, so are 几十 and 十几; 百 alone is a number in 上百 and 百来 only."""
    if number == "半":
        return 0.5, 0.5
    if few := re.search("[几数]", number):
        return _few(number[: few.start()], number[few.end() :])
    either = _ONE_OR_OTHER.search(number)
    if either and (not number[: either.start()] or number[either.start() - 1] in _MAGNITUDES):
        head = number[: either.start()]
        low, high = (numeral_value(head + either[name] + either["rest"]) for name in ("one", "other"))
        if low is not None and high is not None and low < high <= low * 2:
            return float(low), float(high)
    if all(char in "百千万亿" for char in number):
        whole = float(math.prod(_MAGNITUDES[char] for char in number))
        if before.endswith(("上", "成")):
            return whole, whole * 9.9
        return (whole, whole) if is_vague or before.endswith(("近", "快")) else None
    value = numeral_value(number)
    return None if value is None else (float(value), float(value))


def _few(head: str, tail: str) -> Range | None:
    factor = math.prod(_MAGNITUDES.get(char, 1) for char in tail)
    if not head:
        return (2.0 * factor, 9.9 * factor) if factor > 1 else None
    value = numeral_value(head)
    return None if value is None else ((float(value) + 1) * factor, (float(value) + 9) * factor)


def _loosened(said: Range, vague: str) -> Range:
    """多 and 余 reach up to the next step, 来 and 把 to both sides, 几 is one to nine more."""
    low, high = said
    if vague in ("多", "余"):
        return low, high + _step(high)
    if vague == "几":
        return low + 1, high + 9
    return (low * _ABOUT[0], high * _ABOUT[1]) if vague else said


def _step(value: float) -> float:
    """The place that 多 leaves open: 10 for 30, 100 for 200, 1 for 3."""
    step = 1.0
    while value >= 10 * step and value % (10 * step) == 0:
        step *= 10
    return step


def _bounded(said: Range, before: str, unit: re.Match[str]) -> Range:
    words, after = _words(), unit["after"] or ""
    low, high = said
    for name, (down, up) in (("under", _UNDER), ("over", _OVER), ("about", _ABOUT)):
        if before.endswith(words.before[name]) or after in words.after[name]:
            return low * down, high * up
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    unit: re.Pattern[str]
    days: Mapping[str, float]
    shares: Mapping[str, float]
    kinds: Mapping[str, str]
    before: Mapping[str, tuple[str, ...]]
    after: Mapping[str, tuple[str, ...]]


@cache
def _words() -> _Words:
    table = tomllib.loads((files("retrieval") / "amounts.toml").read_text(encoding="utf-8"))
    kinds = {word: kind for kind, words in table["kinds"].items() for word in words}
    names, after = any_of([*table["days"], *table["shares"], *kinds]), table["bounds_after"]
    return _Words(
        unit=re.compile(
            rf"\s*(?P<filler>个)?(?P<half>半)?(?P<vague>[多来])?\s*(?P<unit>(?!折扣)(?:{names}))?(?P<tenth>[{_HAN}])?"
            rf"(?P<rest>半|多)?(?P<after>{any_of(word for words in after.values() for word in words)})?"
        ),
        days=table["days"],
        shares=table["shares"],
        kinds=kinds,
        before={name: tuple(words) for name, words in table["bounds_before"].items()},
        after={name: tuple(words) for name, words in after.items()},
    )
