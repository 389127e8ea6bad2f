"""English questions in the words of Chinese cases: a glossary for the lexical channel and for decisive facts.

The encoder reads English by itself; words and numbers do not, and three weeks must still find 三周.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files

from retrieval.tokens import fold, latin_share

_MOSTLY_ENGLISH = 0.6
_ARTICLES = frozenset({"a", "an"})
_ARTICLE = "one"
"""Alone these count nothing: one of them, one-page, a plant, thousands a day."""

_PLURAL = "(?:es|s)?"

_UNCHANGED = {"%": "%"}
_BOUNDS = {
    "不到": ("less than", "fewer than", "under", "below", "no more than", "not even", "at most", "up to", "within"),
    "超过": ("more than", "over", "at least", "above"),
    "约": ("about", "around", "roughly", "approximately", "nearly", "almost", "close to", "some", "circa"),
}
"""What is said before a number, and how Chinese says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glossary:
    numbers: Mapping[str, str]
    magnitudes: Mapping[str, str]
    units: Mapping[str, str]
    words: Mapping[str, str]
    phrase: re.Pattern[str]
    quantity: re.Pattern[str]


def chinese_words(text: str) -> str:
    """Return the Chinese words and quantities of an English text, or nothing for a text that is not mostly English.

    `three weeks before an accreditation` gives `3周 评审 认证 资质`. The order of the text is kept, its grammar is not.
    """
    if latin_share(text) < _MOSTLY_ENGLISH:
        return ""
    glossary, plain = _glossary(), fold(text)
    found = [
        (match.start(), _quantity(match, glossary)) for match in glossary.quantity.finditer(plain) if _counts(match)
    ]
    found += [(match.start(), glossary.words[match["word"]]) for match in glossary.phrase.finditer(plain)]
    return " ".join(chinese for _, chinese in sorted(found))


def _counts(match: re.Match[str]) -> bool:
    """Whether it is a quantity: one month is, so is less than a month, a month is not."""
    if match["number"] in _ARTICLES:
        return bool(match["bound"] and match["unit"])
    return match["number"] != _ARTICLE or bool(match["unit"])


def _quantity(match: re.Match[str], glossary: _Glossary) -> str:
    said = match["number"].replace(",", "")
    value = Decimal(glossary.numbers.get(said, said))
    for word in re.findall(r"[a-z]+", match["magnitude"] or ""):
        value *= Decimal(glossary.magnitudes[word])
    whole = int(value) if value == value.to_integral_value() else value.normalize()
    unit = match["unit"] or ""
    bound = next((chinese for chinese, words in _BOUNDS.items() if match["bound"] in words), "")
    return f"{bound}{whole}{_UNCHANGED.get(unit) or glossary.units.get(unit, '')}"


@cache
def _glossary() -> _Glossary:
    table = tomllib.loads((files("retrieval") / "english.toml").read_text(encoding="utf-8"))
    numbers = {word: str(value) for word, value in table["numbers"].items()}
    magnitudes = {word: str(value) for word, value in table["magnitudes"].items()}
    words: dict[str, str] = table["words"]
    bounds = {word: "" for said in _BOUNDS.values() for word in said}
    return _Glossary(
        numbers=numbers,
        magnitudes=magnitudes,
        units=table["units"],
        words=words,
        phrase=re.compile(rf"(?<![a-z])(?P<word>{_any(words)}){_PLURAL}(?![a-z])"),
        quantity=re.compile(
            rf"(?<![a-z\d.])(?:(?P<bound>{_any(bounds)})\s+)?(?P<number>\d[\d,]*(?:\.\d+)?|{_any(numbers)})"
            rf"(?P<magnitude>(?:[\s-]*(?:{_any(magnitudes)})(?![a-z]))*)"
            rf"(?:[\s-]*(?P<unit>{_any(table['units'])}|%){_PLURAL}(?![a-z]))?(?![a-z])"
        ),
    )


def _any(words: Mapping[str, object]) -> str:
    """The longest alternative first, so that a phrase wins over its first word."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
