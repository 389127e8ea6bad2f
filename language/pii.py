"""Personal data in Chinese text, written or spoken, as spans; precision matters as much as recall.

An amount, an order number or a company hotline is not personal. Digits may be written (138 0013 8000),
spoken (一三八零零一三八零零零, 幺三八…) or as a recogniser breaks them up (138、0013、8000).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

MASK = "＊"


class PiiKind(StrEnum):
    """What a span gives away."""

    ID_CARD = "id_card"
    BANK_CARD = "bank_card"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    PLATE = "plate"
    WECHAT = "wechat"


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiSpan:
    """A half-open code point range that gives a person away: `text[start:end]`."""

    kind: PiiKind
    start: int
    end: int


def find_pii(text: str) -> tuple[PiiSpan, ...]:
    """Return the personal data of a text, in order and without overlaps.

    Where two kinds claim the same characters, the stricter test wins (ID card, bank card, phone, …).
    """
    found: list[PiiSpan] = []
    for finder in _FINDERS:
        for span in finder(text):
            if all(span.end <= other.start or other.end <= span.start for other in found):
                found.append(span)
    return tuple(sorted(found, key=lambda span: span.start))


def mask(text: str, spans: Iterable[PiiSpan] | None = None) -> str:
    """Replace each character of personal data by ＊; offsets and length stay as they are.

    Args:
        text: Any text.
        spans: What to hide; found in the text unless given.
    """
    characters = list(text)
    for span in find_pii(text) if spans is None else spans:
        characters[span.start : span.end] = MASK * (span.end - span.start)
    return "".join(characters)


@dataclass(frozen=True, slots=True)
class _DigitRun:
    """Digits that are read as one number, with where they stand."""

    digits: str
    start: int
    end: int


_SPOKEN = dict(zip("零〇○洞一幺么二两三四五六七八九拐勾", "000011122345678979", strict=True))
_DIGIT = "[0-9０-９零〇○洞一幺二两三四五六七八九拐勾]"
_BREAK = r"[\s\-－—,，、.。·()（）]"
_RUN = re.compile(
    rf"(?<![A-Za-z0-9_.@])[+＋]?\s?{_DIGIT}(?:{_BREAK}{{0,2}}{_DIGIT})*"
    r"(?:[xXＸ叉](?![A-Za-z]))?"
)
_NO_DIGIT = re.compile(rf"{_BREAK}|[+＋]")
_THOUSANDS = re.compile(r"\d{1,3}(?:[,，]\d{3})+(?:\.\d+)?")
_MOBILE = re.compile(r"(?:0086|86)?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}")
_EMAIL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}\s?[@＠]\s?[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
    r"|[A-Za-z0-9][A-Za-z0-9._\-]{1,40}\s?(?:@|＠|艾特|圈[aA])\s?[A-Za-z0-9\-]+"
    r"\s?(?:点|\.)\s?(?:com|cn|net|org)(?:\s?(?:点|\.)\s?cn)?"
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领]"
    r"[A-HJ-NP-Z][·•\s]?(?=[A-HJ-NP-Z0-9]*\d)"
    r"(?:[A-HJ-NP-Z0-9]{6}|[A-HJ-NP-Z0-9]{4}[A-HJ-NP-Z0-9挂学警港澳])(?![A-Za-z0-9])"
)
_HAN = r"[\u4e00-\u9fff]"
_NUMERAL = r"[0-9０-９零〇一二三四五六七八九十百两]"
_HOUSE = rf"{_NUMERAL}{{1,6}}(?:[\-－]{_NUMERAL}{{1,4}})?(?:号院?|弄|弄{_NUMERAL}{{1,4}}号)"
_INDOORS = (
    rf"(?:{_HAN}{{0,10}}?{_NUMERAL}{{1,5}}(?:号楼|栋|幢|座|单元|层|楼|室|房))*"
    rf"(?:{_NUMERAL}{{3,4}}(?![0-9年月元]))?"
)
_PLACE = (
    rf"(?:{_HAN}{{2,8}}?(?:省|自治区))?(?:{_HAN}{{2,7}}?(?:市|自治州|盟))?"
    rf"(?:{_HAN}{{1,7}}?(?:区|县|旗|镇|乡|街道))?"
)
_ROAD = (
    rf"{_PLACE}{_HAN}{{1,8}}?(?:路|街|大道|道|巷|弄|胡同)"
    rf"(?:[东南西北中]段?)?{_HOUSE}{_INDOORS}"
)
_ESTATE = (
    rf"{_PLACE}{_HAN}{{2,10}}?(?:小区|花园|公寓|苑|家园|新村|大厦|广场|城)"
    rf"{_NUMERAL}{{1,3}}(?:号楼|栋|幢|座|期){_INDOORS}"
)
_ADDRESS = re.compile(rf"{_ROAD}|{_ESTATE}")
_LEAD = re.compile(
    r".*?(?:地址是|地址在|地址为|地址|住在|家住|住址是|住址|寄到|送到|送至|位于|就在|是在|搬到|发到"
    r"|[是在到往从给])(?=.)"
)
_WECHAT_ID = re.compile(r"wxid_[A-Za-z0-9]{6,30}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def has_id_checksum(number: str) -> bool:
    """Whether 18 characters are a resident identity number: region, birth date and check digit (GB 11643)."""
    if not re.fullmatch(r"\d{17}[\dX]", number) or number[:2] not in _lists("regions", "codes"):
        return False
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number, _ID_WEIGHTS, strict=False))
    return born.year >= 1900 and "10X98765432"[total % 11] == number[17]


def passes_luhn(number: str) -> bool:
    """Whether a digit string passes the Luhn check of ISO/IEC 7812-1."""
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _digit_runs(text: str) -> Iterator[_DigitRun]:
    for match in _RUN.finditer(text):
        if _THOUSANDS.fullmatch(match.group()):
            continue
        start, end = match.span()
        while text[start].isspace():
            start += 1
        digits = "".join(_plain_digit(character) for character in match.group() if not _NO_DIGIT.match(character))
        yield _DigitRun(digits, start, end)


def _plain_digit(character: str) -> str:
    if character in "xXＸ叉":
        return "X"
    return _SPOKEN.get(character) or str(int(character))


def _ids(text: str) -> Iterator[PiiSpan]:
    for run in _digit_runs(text):
        named = _near(text, run, "id_card", before=10)
        if has_id_checksum(run.digits) or (named and len(run.digits) in (15, 17, 18)):
            yield PiiSpan(kind=PiiKind.ID_CARD, start=run.start, end=run.end)


def _cards(text: str) -> Iterator[PiiSpan]:
    for run in _digit_runs(text):
        if not 12 <= len(run.digits) <= 21 or "X" in run.digits:
            continue
        if _near(text, run, "bank_card", before=12) or (_is_card_number(run.digits) and not _is_business(text, run)):
            yield PiiSpan(kind=PiiKind.BANK_CARD, start=run.start, end=run.end)


def _is_card_number(digits: str) -> bool:
    issued = 16 <= len(digits) <= 19 and digits.startswith(tuple(_lists("bank_card", "prefixes")))
    return issued and passes_luhn(digits)


def _phones(text: str) -> Iterator[PiiSpan]:
    for run in _digit_runs(text):
        if _is_business(text, run):
            continue
        shaped = _MOBILE.fullmatch(run.digits) or _LANDLINE.fullmatch(run.digits)
        loose = 7 <= len(run.digits) <= 13 and not run.digits.startswith(("400", "800"))
        if shaped or (loose and _near(text, run, "phone", before=12)):
            yield PiiSpan(kind=PiiKind.PHONE, start=run.start, end=run.end)


def _emails(text: str) -> Iterator[PiiSpan]:
    return _matches(text, _EMAIL, PiiKind.EMAIL)


def _plates(text: str) -> Iterator[PiiSpan]:
    return _matches(text, _PLATE, PiiKind.PLATE)


def _addresses(text: str) -> Iterator[PiiSpan]:
    for match in _ADDRESS.finditer(text):
        start, end = match.span()
        lead = _LEAD.match(match.group())
        if lead and lead.end() < end - start - 3:
            start += lead.end()
        if not any(word in text[start:end] for word in _lists("address", "stop")):
            yield PiiSpan(kind=PiiKind.ADDRESS, start=start, end=end)


def _wechat_ids(text: str) -> Iterator[PiiSpan]:
    yield from _matches(text, _WECHAT_ID, PiiKind.WECHAT)
    for match in _wechat_pattern().finditer(text):
        if match.group("id").lower() not in _lists("wechat", "stop"):
            yield PiiSpan(kind=PiiKind.WECHAT, start=match.start("id"), end=match.end("id"))


@cache
def _wechat_pattern() -> re.Pattern[str]:
    words = "|".join(sorted(map(re.escape, _lists("wechat", "context")), key=len, reverse=True))
    link = r"(?:账号|帐号|号码|号|id|ID)?\s?(?:就是|是|为|叫|[:：])?\s?"
    return re.compile(rf"(?:{words}){link}(?P<id>[A-Za-z][A-Za-z0-9_\-]{{5,19}})(?![A-Za-z0-9_.@])")


def _matches(text: str, pattern: re.Pattern[str], kind: PiiKind) -> Iterator[PiiSpan]:
    for match in pattern.finditer(text):
        yield PiiSpan(kind=kind, start=match.start(), end=match.end())


def _near(text: str, run: _DigitRun, kind: str, *, before: int) -> bool:
    """Whether a word of the kind stands in the same sentence, at most `before` characters ahead.

    A mark right before the run does not end the sentence: recognisers put a full stop before any number.
    """
    ahead = re.split(r"[。！？!?；;\n]", text[max(0, run.start - before) : run.start].rstrip("。，,：: "))[-1]
    return any(word in ahead for word in _lists(kind, "context"))


def _is_business(text: str, run: _DigitRun) -> bool:
    """Whether the words around say that the run counts, prices or files something."""
    ahead = re.split(r"[。！？!?；;，,\n]", text[max(0, run.start - 8) : run.start])[-1]
    behind = text[run.end : run.end + 3].lstrip()
    named = any(word in ahead for word in _lists("not_personal", "before"))
    return named or behind.startswith(tuple(_lists("not_personal", "after")))


@cache
def _rules() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((files("language") / "pii.toml").read_text(encoding="utf-8"))


def _lists(table: str, name: str) -> list[str]:
    return _rules()[table][name]


_FINDERS: tuple[Callable[[str], Iterator[PiiSpan]], ...] = (
    _ids,
    _cards,
    _emails,
    _phones,
    _plates,
    _wechat_ids,
    _addresses,
)
