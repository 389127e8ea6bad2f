"""How each Chinese way to name a day or a period is resolved. One function a way; its docstring is the rule.

A rule gives a `Period`. One day is a point: 周五前 still allows Friday. Longer periods are read by their last
day (八月份 → 31 August), and 八月份前 is the day before they begin.
"""

from __future__ import annotations

import re
import tomllib
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from language.numerals import numeral_value

NUMERAL = r"(?:\d{1,3}|[一二两三四五六七八九十]{1,3})"
_WEEKDAYS = {
    "一": 0,
    "二": 1,
    "三": 2,
    "四": 3,
    "五": 4,
    "六": 5,
    "日": 6,
    "天": 6,
    "1": 0,
    "2": 1,
    "3": 2,
    "4": 3,
    "5": 4,
}
_DAYS_AWAY = {"大前": -3, "前": -2, "昨": -1, "今": 0, "当": 0, "明": 1, "后": 2, "大后": 3}
_STEPS = {
    "上上": -2,
    "上": -1,
    "去": -1,
    "前": -2,
    "": 0,
    "本": 0,
    "这": 0,
    "今": 0,
    "当": 0,
    "下": 1,
    "明": 1,
    "下下": 2,
    "后": 2,
}
_PART_ENDS = {"初": 5, "上旬": 10, "中": 15, "中旬": 20}
_QUARTERS = {"一": 1, "二": 2, "三": 3, "四": 4, "1": 1, "2": 2, "3": 3, "4": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days from `first` to `last`, both included; a point when they are one day or the end of something."""

    first: date
    last: date
    is_point: bool

    def shifted(self, days: int) -> Period:
        """The same period some days later."""
        step = timedelta(days=days)
        return Period(first=self.first + step, last=self.last + step, is_point=self.is_point)


Rule = Callable[[Mapping[str, str], date], Period | None]


def number(numeral: str) -> int | None:
    """Return a small whole number written either way."""
    value = numeral_value(numeral)
    return None if value is None else int(value)


def _point(day: date) -> Period:
    return Period(first=day, last=day, is_point=True)


def _month(year: int, month: int) -> Period:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return Period(first=date(year, month, 1), last=date(year, month, monthrange(year, month)[1]), is_point=False)


def _part(period: Period, part: str) -> Period:
    """初 = the 5th, 上旬 the 10th, 中 the 15th, 中旬 the 20th, 底, 末 and 下旬 the last day."""
    if not part or part in ("份", "内", "里"):
        return period
    if part in ("底", "末"):
        return _point(period.last)
    if part == "下旬":
        return Period(first=period.first.replace(day=21), last=period.last, is_point=False)
    start = {"中": 15, "中旬": 11}.get(part, 1)
    return Period(
        first=period.first.replace(day=start), last=period.first.replace(day=_PART_ENDS[part]), is_point=part == "中"
    )


def relative_day(part: Mapping[str, str], today: date) -> Period:
    """今天, 明早, 后天, 大后天, 昨晚: so many days from the conversation."""
    return _point(today + timedelta(days=_DAYS_AWAY[part["away"]]))


def weekday(part: Mapping[str, str], today: date) -> Period:
    """本周五 and 下周五 count weeks from Monday; 周五 alone is the first after today. 周末 is Saturday and Sunday."""
    which, name = part["which"], part["weekday"]
    monday = today - timedelta(days=today.weekday())
    if name == "末":
        weekend = Period(first=monday + timedelta(days=5), last=monday + timedelta(days=6), is_point=False)
        return weekend.shifted(7 * _STEPS[which])
    day = monday + timedelta(days=_WEEKDAYS[name] + 7 * _STEPS[which])
    if not which and day <= today:
        day += timedelta(days=7)
    return _point(day)


def week(part: Mapping[str, str], today: date) -> Period:
    """本周, 下周, 本周内: Monday to Sunday. 下周初 is its Tuesday, 下周中 its Wednesday."""
    monday = today - timedelta(days=today.weekday()) + timedelta(days=7 * _STEPS[part["which"] or ""])
    length = {"初": 1, "中": 2}.get(part["part"], 6)
    return Period(first=monday, last=monday + timedelta(days=length), is_point=False)


def calendar_day(part: Mapping[str, str], today: date) -> Period | None:
    """3月15号, 2026年3月15日, 明年3月1号, 3-15; without a year the next such day, today included."""
    month, day = number(part["month"]), number(part["day"])
    if month is None or day is None:
        return None
    year = _year(part["year"], today)
    found = _date(year or today.year, month, day)
    if found and year is None and found < today:
        found = _date(today.year + 1, month, day)
    return _point(found) if found else None


def day_of_month(part: Mapping[str, str], today: date) -> Period | None:
    """15号 is the next 15th, today included; 下个月5号 and 本月20号 say which month."""
    day = number(part["day"])
    if day is None:
        return None
    month = _month(today.year, today.month + (_STEPS[part["which"]] if part["which"] else 0))
    found = _date(month.first.year, month.first.month, day)
    if not part["which"] and (found is None or found < today):
        following = _month(today.year, today.month + 1).first
        found = _date(following.year, following.month, day)
    return _point(found) if found else None


def named_month(part: Mapping[str, str], today: date) -> Period | None:
    """八月, 8月底, 明年三月, 四月中旬: without a year the next such month, the current one included."""
    month = number(part["month"])
    if month is None or not 1 <= month <= 12:
        return None
    year = _year(part["year"], today)
    if year is None:
        year = today.year + (1 if month < today.month else 0)
    return _part(_month(year, month), part["part"])


def relative_month(part: Mapping[str, str], today: date) -> Period:
    """这个月, 下个月, 月底, 本月底, 下月初, 月内."""
    return _part(_month(today.year, today.month + _STEPS[part["which"] or ""]), part["part"])


def quarter(part: Mapping[str, str], today: date) -> Period | None:
    """Q3, 三季度, 下个季度, 季度末: the calendar quarter; without a year the next such one, the current included."""
    if part["nth"]:
        nth, year = _QUARTERS[part["nth"]], _year(part["year"], today)
        if year is None:
            year = today.year + (1 if nth * 3 < today.month else 0)
        first_month = nth * 3 - 2
    else:
        year, first_month = today.year, (today.month - 1) // 3 * 3 + 1 + 3 * _STEPS[part["which"] or ""]
    first, last = _month(year, first_month), _month(year, first_month + 2)
    whole = Period(first=first.first, last=last.last, is_point=False)
    if part["part"] in ("底", "末"):
        return _point(whole.last)
    return _part(first, "上旬") if part["part"] == "初" else whole


def year(part: Mapping[str, str], today: date) -> Period:
    """今年, 明年, 年底, 明年底, 年内: the calendar year; 年初 is its January, 年中 its 30 June."""
    which = today.year + _STEPS[part["which"] or ""]
    whole = Period(first=date(which, 1, 1), last=date(which, 12, 31), is_point=False)
    ends = {"初": date(which, 1, 31), "中": date(which, 6, 30), "底": whole.last, "末": whole.last}
    if part["part"] in ends:
        return Period(first=whole.first, last=ends[part["part"]], is_point=part["part"] != "初")
    return whole


def half_year(part: Mapping[str, str], today: date) -> Period:
    """上半年 ends 30 June, 下半年 31 December; the year is this one unless said."""
    which = _year(part["year"], today) or today.year
    if part["half"] == "上":
        return Period(first=date(which, 1, 1), last=date(which, 6, 30), is_point=False)
    return Period(first=date(which, 7, 1), last=date(which, 12, 31), is_point=False)


def holiday(part: Mapping[str, str], today: date) -> Period | None:
    """国庆, 春节, 双11: the next one that is not over; it is a period of its days off."""
    for first, length in sorted(_holiday_starts(part["holiday"])):
        last = first + timedelta(days=length - 1)
        if last >= today:
            return Period(first=first, last=last, is_point=False)
    return None


def new_year(part: Mapping[str, str], today: date) -> Period | None:
    """年前 and 年后 are said of the Spring Festival."""
    return holiday({"holiday": "春节"}, today)


def same_day(part: Mapping[str, str], today: date) -> Period:
    """马上, 稍后, 会后, and a clock time without a day: the day of the conversation."""
    return _point(today)


def in_some_time(part: Mapping[str, str], today: date) -> Period | None:
    """三天内, 两周后, 三到五个工作日内: so long after the conversation; the larger number of a range counts."""
    amount = 0.5 if part["amount"] == "半" else number(part["amount"])
    if amount is None:
        return None
    unit = part["unit"].lstrip("个")
    if unit == "工作日":
        return _point(_after_workdays(today, int(amount)))
    if unit in ("月", "年", "季度"):
        months = amount * {"月": 1, "季度": 3, "年": 12}[unit]
        return _point(today + timedelta(days=15)) if months == 0.5 else _point(_after_months(today, int(months)))
    hours = amount * {"天": 24, "日": 24, "自然日": 24, "周": 168, "星期": 168, "礼拜": 168, "小时": 1, "钟头": 1}.get(
        unit, 0
    )
    return _point(today + timedelta(days=int(hours // 24)))


def _after_workdays(today: date, days: int) -> date:
    day = today
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day


def _after_months(today: date, months: int) -> date:
    month = _month(today.year, today.month + months)
    return month.first.replace(day=min(today.day, month.last.day))


def _date(year_: int, month: int, day: int) -> date | None:
    try:
        return date(year_, month, day)
    except ValueError:
        return None


def _year(word: str, today: date) -> int | None:
    if not word:
        return None
    name = word.rstrip("年")
    if name in _STEPS:
        return today.year + _STEPS[name]
    value = number(name) if not name.isdigit() else int(name)
    if value is None:
        return None
    return value + 2000 if value < 100 else value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    fragments: dict[str, str]
    patterns: list[dict[str, str]]
    word_lists: dict[str, tuple[str, ...]]
    holidays: dict[str, tuple[tuple[str, ...], int]]


@cache
def _table() -> _Table:
    document = tomllib.loads((files("language") / "dates.toml").read_text(encoding="utf-8"))
    holidays = {}
    for entry in document["holiday"]:
        days = entry.get("dates") or [f"{year_}-{entry['day']}" for year_ in range(2020, 2041)]
        for word in entry["words"]:
            holidays[word] = (tuple(days), int(entry["length"]))
    return _Table(
        fragments=document["fragments"],
        patterns=document["pattern"],
        word_lists={name: tuple(document["words"][name]) for name in document["words"]},
        holidays=holidays,
    )


def words(table: str) -> tuple[str, ...]:
    """Return the words of a list of dates.toml (`immediate`, `vague`), longest first."""
    return tuple(sorted(_table().word_lists[table], key=len, reverse=True))


def holiday_words() -> tuple[str, ...]:
    """Return the names of holidays, longest first."""
    return tuple(sorted(_table().holidays, key=len, reverse=True))


def _holiday_starts(word: str) -> list[tuple[date, int]]:
    days, length = _table().holidays["国庆" if word == "十一" else word]
    return [(date.fromisoformat(day), length) for day in days]


@cache
def rules() -> tuple[tuple[str, re.Pattern[str], Rule], ...]:
    """Return needed characters, patterns and rules in the order they claim text (`[[pattern]]` of dates.toml).

    Groups are the parts a rule reads; alternatives of one group are numbered (`which`, `which2`).
    """
    table = _table()
    fragments = {**table.fragments, "holiday": _any(holiday_words()), "immediate": _any(words("immediate"))}
    found = []
    for entry in table.patterns:
        regex = entry["regex"]
        for name, fragment in fragments.items():
            regex = regex.replace(f"<{name.upper()}>", fragment)
        found.append((entry["needs"], re.compile(regex), _RULES[entry["rule"]]))
    return tuple(found)


def _any(options: tuple[str, ...]) -> str:
    return "|".join(re.escape(option) for option in options)


_RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        in_some_time, calendar_day, day_of_month, weekday, week, named_month, relative_month,
        quarter, half_year, holiday, new_year, year, relative_day, same_day,
    )
}  # fmt: skip
