"""What a numeral measures, read from the words around it: percent, money, duration, count and the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from language.numerals import HAN_DIGITS, numeral_value
from language.quantity_numerals import Numeral
from language.quantity_units import units
from language.quantity_values import Bound, Dimension, Quantity

_MORE = re.compile(r"[多余来几]")
_TENTH_WORDS = "本功交立为员果熟型就效套形都分品人语"
_FOLD = re.compile(r"折(?![腾叠旧射返])")
_REDUCTION = re.compile(r"(?:优惠|让利|下浮|便宜|降价|减免|折让|让价|(?<!下)降)了?(?:大约|约|不超过|最多)?$")
_DOUBLING = re.compile(r"翻了?[番倍]")
_HALF_MONTHS = re.compile(r"个半(月|星期|小时|钟头)|(年|周|天|个月|个小时|小时|个星期|倍)半")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A numeral with the text before and after it; `after` starts behind 多, 余 or 来."""

    numeral: Numeral
    before: str
    after: str
    skipped: int
    bound: Bound


def read_numeral(numeral: Numeral, text: str) -> Quantity | None:
    """Read a numeral by the first rule that knows its surroundings; None if it is part of a word."""
    more = _MORE.match(text, numeral.end)
    skipped = 1 if more and numeral.text[-1] in "十百千万亿个" else 0
    counted = more is not None and not skipped and more.group() in "多余"
    skipped = 1 if counted else skipped
    place = Place(
        numeral=numeral,
        before=text[: numeral.start],
        after=text[numeral.end + skipped :],
        skipped=skipped,
        bound=Bound.OVER if skipped and more and more.group() in "多余" else Bound.ABOUT if skipped else Bound.EXACT,
    )
    for rule in _RULES:
        quantity = rule(place)
        if quantity is not None:
            return quantity
    return None


def _made(
    place: Place,
    dimension: Dimension,
    *,
    length: int = 0,
    lead: int = 0,
    factor: Decimal | int = 1,
    plus: Decimal | int = 0,
    unit: str = "",
    is_article: bool = False,
    is_reduction: bool = False,
) -> Quantity:
    numeral = place.numeral
    return Quantity(
        start=numeral.start - lead,
        end=numeral.end + place.skipped + length,
        text="",
        dimension=dimension,
        low=(numeral.low + plus) * factor,
        high=(numeral.high + plus) * factor,
        unit=unit,
        bound=place.bound,
        is_article=is_article,
        is_reduction=is_reduction,
    )


def _percent(place: Place) -> Quantity | None:
    reduction = _REDUCTION.search(place.before.removesuffix("百分之")) is not None
    if place.before.endswith("百分之"):
        return _made(place, Dimension.PERCENT, lead=3, factor=Decimal("0.01"), is_reduction=reduction)
    if place.before.endswith("千分之"):
        return _made(place, Dimension.PERCENT, lead=3, factor=Decimal("0.001"))
    for sign, dimension in (("%", Dimension.PERCENT), ("个百分点", Dimension.POINTS), ("个点", Dimension.PERCENT)):
        if place.after.lstrip().startswith(sign):
            blank = len(place.after) - len(place.after.lstrip())
            share = Decimal("0.01")
            return _made(place, dimension, length=blank + len(sign), factor=share, is_reduction=reduction)
    return None


def _tenths(place: Place) -> Quantity | None:
    match = re.match(rf"成(?:([{HAN_DIGITS}])(?![{HAN_DIGITS}十百千万个周天年月台家]))?", place.after)
    if match is None or place.numeral.high > 10 or place.after[match.end() :][:1] in tuple(_TENTH_WORDS):
        return None
    extra = (numeral_value(match[1]) or Decimal(0)) / 10 if match[1] else Decimal(0)
    reduction = _REDUCTION.search(place.before) is not None
    tenth = Decimal("0.1")
    return _made(place, Dimension.PERCENT, length=match.end(), factor=tenth, plus=extra, is_reduction=reduction)


def _discount(place: Place) -> Quantity | None:
    if not _FOLD.match(place.after):
        return None
    value = place.numeral.high
    factor = Decimal("0.1") if value < 10 else Decimal("0.01")
    return _made(place, Dimension.DISCOUNT, length=1, factor=factor) if value < 100 else None


def _multiple(place: Place) -> Quantity | None:
    if place.after.startswith("倍"):
        half = place.after.startswith("倍半")
        return _made(place, Dimension.MULTIPLE, length=1 + half, plus=Decimal("0.5") if half else 0)
    if place.after.startswith("番") and place.before.endswith(("翻", "翻了")):
        return _made(place, Dimension.MULTIPLE, length=1)
    return None


def _money(place: Place) -> Quantity | None:
    table = units()
    for sign, currency in table.signs.items():
        if place.before.rstrip().endswith(sign):
            unit = table.unit.match(place.after)
            length = unit.end() if unit and unit.group() in ("元", "块") else 0
            return _made(place, Dimension.MONEY, length=length, lead=len(sign), unit=currency)
    word = table.unit.match(place.after.lstrip().lower())
    if word and word.group() in table.money:
        currency, factor = table.money[word.group()]
        length = len(place.after) - len(place.after.lstrip()) + word.end()
        return _made(place, Dimension.MONEY, length=length, factor=Decimal(factor), unit=currency)
    if place.before.endswith(("人民币", "RMB")):
        return _made(place, Dimension.MONEY, unit="CNY")
    return None


def _half_more(place: Place) -> Quantity | None:
    match = _HALF_MONTHS.match(place.after)
    if match is None or match[2] == "倍":
        return None
    word = match[1] or match[2]
    unit, factor = units().durations[{"月": "个月"}.get(word, word)]
    return _made(place, Dimension.DURATION, length=match.end(), plus=Decimal("0.5"), factor=factor, unit=unit)


def _duration(place: Place) -> Quantity | None:
    table = units()
    rest = place.after.lstrip()
    word = table.unit.match(rest.lower())
    if word is None or word.group() not in table.durations:
        return None
    if word.group() in ("月", "s", "h") and place.numeral.text != "半":
        return None
    if re.match(r"年级|周岁|年代|日游|小时代", rest):
        return None
    unit, factor = table.durations[word.group()]
    blank = len(place.after) - len(rest)
    return _made(place, Dimension.DURATION, length=blank + word.end(), factor=factor, unit=unit)


def _ordinal(place: Place) -> Quantity | None:
    if not place.before.endswith("第"):
        return None
    word = units().unit.match(place.after)
    return _made(place, Dimension.ORDINAL, lead=1, length=word.end() if word else 0)


def _count(place: Place) -> Quantity | None:
    table = units()
    rest = place.after.lstrip()
    word = table.unit.match(rest.lower())
    if word is None or word.group() not in table.classifiers:
        return None
    unit = word.group()
    is_article = place.numeral.text == "一" and unit in table.articles
    return _made(
        place, Dimension.COUNT, length=len(place.after) - len(rest) + word.end(), unit=unit, is_article=is_article
    )


def _bare(place: Place) -> Quantity | None:
    text = place.numeral.text
    if text == "半" or not (re.search(r"\d", text) or (len(text) > 1 and re.search(r"[十百千万亿点]", text))):
        return None
    return _made(place, Dimension.NUMBER)


def doublings(text: str) -> list[Quantity]:
    """Find 翻番 and 翻倍, which say once more without a numeral."""
    one = Decimal(1)
    return [
        Quantity(start=match.start(), end=match.end(), text="", dimension=Dimension.MULTIPLE, low=one, high=one)
        for match in _DOUBLING.finditer(text)
    ]


_RULES: tuple[Callable[[Place], Quantity | None], ...] = (
    _percent,
    _tenths,
    _discount,
    _multiple,
    _money,
    _half_more,
    _duration,
    _ordinal,
    _count,
    _bare,
)
