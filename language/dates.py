"""Dates and deadlines in Chinese text, with the words said and the day they mean.

How each way of naming a day is resolved stands in `language.date_rules`. What follows it decides the day:

- nothing, 内, 之内: the last day that still satisfies the words (本周内 → Sunday, 八月份 → 31 August);
- 前, 之前: a single day or an end is allowed still (周五前 → Friday, 月底前 → the last day), a period is not
  (国庆前 → 30 September, 八月份前 → 31 July);
- 后, 以后: the first day that satisfies them (国庆后 → 8 October); after a length of time exactly that day.

Vague words (尽快, 过几天) are found and never resolved.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cache, lru_cache

from language.date_rules import NUMERAL, Period, in_some_time, rules, same_day, words

_HALF_DAY = "上午|下午|中午|晚上|早上|凌晨|傍晚|一早|一大早|早|晚"
_CLOCK = rf"(?:\d{{1,2}}[:：]\d\d|{NUMERAL}点(?:钟|半|整|一刻|{NUMERAL}分?)?)"
_EDGE = r"(?:(?:之|以|正式)?(?:前(?![台端期])|内(?![部容])|后(?![续台期面勤]))|下班(?:之|以)?前|左右)"
_TAIL = re.compile(rf"(?:的?(?:{_HALF_DAY}))?(?:的?{_CLOCK})?(?:{_EDGE})?")
_CLOCK_ALONE = re.compile(
    rf"(?:{_HALF_DAY}){_CLOCK}(?:{_EDGE})?|(?<![\d.第])(?:\d{{1,2}}[:：]\d\d|{NUMERAL}点(?:钟|半|整))(?:{_EDGE})?|"
    rf"(?<![\d.第差降高低])(?:{NUMERAL})点(?:之|以)?前(?![台端期])|"
    rf"(?<![一整每半大])(?:上午|下午|晚上|中午|傍晚)(?![好茶班餐饭])(?:{_EDGE})?"
)
_SATURDAY = 5
_BETWEEN = re.compile(r"的|[（(]")
_RANGE = re.compile(r"到|至|~|-|—")
_SOME_DAY, _SOME_OTHER_DAY = date(2023, 3, 6), date(2025, 8, 21)
_FIRST_DAY = re.compile(
    r"(?P<after>(?:(?:之|以)?后|回来|回头|过完|上班|开工|开门)*)的?(?:上班)?(?:第一个?|头一个?)(?P<unit>工作日|天)"
)
_DURING = re.compile(r"(?:的)?(?:例会|会议|晨会|会)上")


class Edge(StrEnum):
    """On which side of the day said the act lies."""

    ON = "on"
    BEFORE = "before"
    WITHIN = "within"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class DateMention:
    """A date in a text: `text[start:end]` is the words said.

    Attributes:
        on: The day meant; None where the words are vague or no day is known to count from.
        is_past: The day meant lies before the day counted from.
    """

    start: int
    end: int
    text: str
    edge: Edge
    on: date | None
    is_vague: bool = False
    is_past: bool = False


def find_dates(text: str, *, today: date | None) -> list[DateMention]:
    """Find dates in order of place, without overlap.

    Args:
        text: Any Chinese text, with or without punctuation.
        today: The day that relative dates count from; without it every `on` of a relative date is None.

    Returns:
        Mentions whose words include the time of day and the edge: 明天上午十点前, 三天内, 国庆后.
    """
    if today is not None:
        return list(_find(text, today))
    # Words that mean the same day on any two days are absolute; the others stay unresolved.
    pairs = zip(_find(text, _SOME_DAY), _find(text, _SOME_OTHER_DAY), strict=False)
    return [
        replace(one, on=one.on if one.on == other.on else None, is_past=one.is_past and other.is_past)
        for one, other in pairs
    ]


@lru_cache(maxsize=4096)
def _find(text: str, today: date) -> tuple[DateMention, ...]:
    found = sorted([*_vague(text), *_dated(text, today)], key=lambda mention: mention.start)
    return tuple(_joined(text, _without_overlap(found)))


def _dated(text: str, today: date) -> Iterator[DateMention]:
    taken: list[tuple[int, int]] = []
    present = set(text)
    for needs, pattern, rule in rules():
        if present.isdisjoint(needs):
            continue
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            period = rule(_groups(match), today)
            if period is None:
                continue
            tail = _TAIL.match(text, end)
            stop = tail.end() if tail else end
            back = None if period.is_point else _FIRST_DAY.match(text, end)
            if back is not None:
                taken.append((start, back.end()))
                yield _first_day(text, start, back, period, today)
                continue
            taken.append((start, stop))
            yield _mention(text, start, stop, period, today, is_length=rule is in_some_time)
    for match in _CLOCK_ALONE.finditer(text):
        if not any(match.start() < end and start < match.end() for start, end in taken):
            yield _mention(text, *match.span(), same_day({}, today), today, is_length=False)


def _groups(match: re.Match[str]) -> dict[str, str]:
    """Return the rule's groups; alternatives of one group are numbered (which, which2)."""
    parts: dict[str, str] = {}
    for name, value in match.groupdict().items():
        plain = name.rstrip("0123456789")
        parts[plain] = value or parts.get(plain) or ""
    return {"which": "", "part": "", "year": "", "nth": "", **parts}


def _mention(text: str, start: int, end: int, period: Period, today: date, *, is_length: bool) -> DateMention:
    said = text[start:end]
    edge = _edge(said)
    if edge is Edge.BEFORE:
        on = period.last if period.is_point else period.first - timedelta(days=1)
    elif edge is Edge.AFTER and not is_length:
        on = period.last + timedelta(days=1)
    else:
        on = period.last
    on = today if "下班" in said and on < today else on
    return DateMention(start=start, end=end, text=said, edge=edge, on=on, is_past=period.last < today)


def _first_day(text: str, start: int, back: re.Match[str], period: Period, today: date) -> DateMention:
    """国庆后第一个工作日 follows the period, 下周第一个工作日 opens it; holidays made up for are not considered."""
    is_after = bool(back["after"]) or _edge(text[start : back.start()]) is Edge.AFTER  # 过完年第一天
    on = period.last + timedelta(days=1) if is_after else period.first
    while back["unit"] == "工作日" and on.weekday() >= _SATURDAY:
        on += timedelta(days=1)
    stop = back.end()
    counted = period.last if is_after else on
    return DateMention(start=start, end=stop, text=text[start:stop], edge=Edge.ON, on=on, is_past=counted < today)


def _edge(said: str) -> Edge:
    if said.endswith("前"):
        return Edge.BEFORE
    if said.startswith(("过完", "过了")):
        return Edge.AFTER
    if said.endswith("内"):
        return Edge.WITHIN
    return Edge.AFTER if said.endswith("后") and said not in ("稍后", "随后", "会后", "散会后") else Edge.ON


@cache
def _vague_words() -> re.Pattern[str]:
    return re.compile("|".join(words("vague")))


def _vague(text: str) -> Iterator[DateMention]:
    for match in _vague_words().finditer(text):
        yield DateMention(
            start=match.start(), end=match.end(), text=match.group(), edge=Edge.ON, on=None, is_vague=True
        )


def _without_overlap(found: list[DateMention]) -> list[DateMention]:
    kept: list[DateMention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _joined(text: str, found: list[DateMention]) -> list[DateMention]:
    """Read 3月13号周五下午 and 15号到18号 as one date each; of a range the end counts."""
    joined: list[DateMention] = []
    for mention in found:
        last = joined[-1] if joined else None
        between = text[last.end : mention.start] if last else ""
        if last is None or last.is_vague or mention.is_vague:
            joined.append(mention)
        elif _RANGE.fullmatch(between):
            joined[-1] = _spanning(text, last, mention, mention.on)
        elif (not between or _BETWEEN.fullmatch(between)) and _same_day(last, mention):
            joined[-1] = _spanning(text, last, mention, last.on)
        else:
            joined.append(mention)
    return [_with_meeting(text, mention) for mention in joined]


def _same_day(one: DateMention, other: DateMention) -> bool:
    clock = _CLOCK_ALONE.fullmatch(other.text) is not None
    return (one.on == other.on or clock) and one.edge is Edge.ON


def _spanning(text: str, one: DateMention, other: DateMention, on: date | None) -> DateMention:
    return replace(
        other, start=one.start, text=text[one.start : other.end], on=on, is_past=one.is_past and other.is_past
    )


def _with_meeting(text: str, mention: DateMention) -> DateMention:
    meeting = _DURING.match(text, mention.end)
    if meeting is None or mention.is_vague:
        return mention
    return replace(mention, end=meeting.end(), text=text[mention.start : meeting.end()])
