"""Which of several voices is the rep's: only by what they say, and only where the evidence is strong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from domain.conversation import CUSTOMER, REP

_LEAST_LEAD = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How much one voice's words speak for the rep (positive) or the customer (negative)."""

    score: float
    characters: int


def evidence(said: str) -> Evidence:
    """Weigh one voice's words, marks left out; self-introduction, offers, questions and forms of address."""
    rules = _rules()
    score = _weighed(said, rules["rep"], rules["most"]) - _weighed(said, rules["customer"], rules["most"])
    address = rules["address"]
    score += address["polite"] * min(address["most"], said.count("您"))
    score += address["plain"] * min(address["most"], said.count("你"))
    return Evidence(score=score, characters=len(said))


def named_speakers(said: Mapping[int, str], *, rep: int | None = None) -> dict[int, str]:
    """Return the roles that are certain, by voice; a voice that is missing stays unattributed.

    The rep is the voice that leads all others by a clear margin; with two voices the other one is the
    customer. With three and more, a colleague may sit on either side, so a customer needs evidence too.

    Args:
        said: Words by voice, marks left out.
        rep: The rep's voice where it is known by its sound; it may have said nothing.
    """
    scores = {voice: evidence(words).score for voice, words in said.items()}
    best = _leading(scores) if rep is None else rep
    if best is None:
        return {}
    roles = {best: REP}
    others = [voice for voice in scores if voice != best]
    for voice in others:
        if len(others) == 1 or scores[voice] <= -_LEAST_LEAD:
            roles[voice] = CUSTOMER
    return roles


def _leading(scores: Mapping[int, float]) -> int | None:
    """The voice that leads all others by a clear margin, if one does."""
    if len(scores) < 2:
        return None
    best, second, *_ = sorted(scores, key=lambda voice: -scores[voice])
    return best if scores[best] - scores[second] >= _LEAST_LEAD else None


def _weighed(said: str, patterns: Mapping[str, float], most: int) -> float:
    return sum(weight * min(most, len(_compiled(pattern).findall(said))) for pattern, weight in patterns.items())


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _rules() -> dict[str, Any]:
    return tomllib.loads((files("speech") / "rep_evidence.toml").read_text(encoding="utf-8"))
