"""One form for the ways of writing the same: 之后 is 后, 降至 is 降到, 不包含 is 不含."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from language.quantity_units import any_of


@lru_cache(maxsize=16384)
def same_form(text: str) -> str:
    """Return the text with variants brought to one form; what it states stays as it is."""
    for pattern, form in _rules().same:
        text = pattern.sub(form, text)
    return text


@lru_cache(maxsize=16384)
def without_ties(text: str) -> str:
    """Return the text without words that only tie clauses together."""
    return _rules().ties.sub("", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    same: Sequence[tuple[re.Pattern[str], str]]
    ties: re.Pattern[str]


@cache
def _rules() -> _Rules:
    table = tomllib.loads((files("agent") / "wording.toml").read_text(encoding="utf-8"))
    return _Rules(
        same=tuple((re.compile(pattern), form) for pattern, form in table["same"]),
        ties=re.compile(any_of(table["ties"])),
    )
