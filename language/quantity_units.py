"""The unit words quantities are read with, from `quantities.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """All unit words, and the patterns made of them (longest alternative first)."""

    durations: Mapping[str, tuple[str, Decimal]]
    money: Mapping[str, tuple[str, Decimal]]
    signs: Mapping[str, str]
    classifiers: frozenset[str]
    synonyms: Mapping[str, str]
    bounds: Mapping[str, tuple[str, ...]]
    relative_dates: tuple[str, ...]
    date_synonyms: Mapping[str, str]
    not_numbers: re.Pattern[str]
    articles: frozenset[str]
    unit: re.Pattern[str]
    relative_date: re.Pattern[str]


@cache
def units() -> Units:
    """Load the table once."""
    table = tomllib.loads((files("language") / "quantities.toml").read_text(encoding="utf-8"))
    durations = {
        word: (unit, Decimal(factor))
        for unit in ("second", "workday", "month")
        for word, factor in table[f"durations_in_{unit}s"].items()
    }
    money = {word: (currency, Decimal(factor)) for word, (currency, factor) in table["money"].items()}
    classifiers = frozenset(table["classifiers"]["words"])
    synonyms = {word: group[0] for group in table["classifiers"]["same"] for word in group}
    dates = table["relative_dates"]
    return Units(
        durations=durations,
        money=money,
        signs=table["signs"],
        classifiers=classifiers,
        synonyms=synonyms,
        bounds={name: tuple(sorted(words, key=len, reverse=True)) for name, words in table["bounds"].items()},
        relative_dates=tuple(dates["words"]),
        date_synonyms=dates["same"],
        not_numbers=re.compile("|".join(table["words_not_numbers"]["patterns"])),
        articles=frozenset(table["articles"]["words"]),
        unit=re.compile(any_of([*durations, *money, *classifiers]), re.IGNORECASE),
        relative_date=re.compile(any_of(dates["words"])),
    )


def any_of(words: Iterable[str]) -> str:
    """Return a pattern that matches any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def same_things(one: str, other: str) -> bool:
    """Whether two classifiers count the same things; 个 and no classifier go with any."""
    vague = {"", "个"}
    if one == other or one in vague or other in vague:
        return True
    synonyms = units().synonyms
    return synonyms.get(one, one) == synonyms.get(other, other)
