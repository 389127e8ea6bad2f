"""Courtesy and attribution: words of a sentence that state nothing and need no source."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_EDGE = " ，,、：:；;。.！!？?“”\"'‘’（）()"


@cache
def phrases() -> Mapping[str, Any]:
    """Load the phrase lists once."""
    return tomllib.loads((files("agent") / "phrases.toml").read_text(encoding="utf-8"))


def stated(sentence: str) -> str:
    """Return what a sentence states, courtesy and attribution taken off at its edges and between its clauses."""
    kept = [
        piece for piece in re.split(r"(?<=[，,；;：:。！!？?])", sentence) if not _empty().fullmatch(piece.strip(_EDGE))
    ]
    text = "".join(kept).strip(_EDGE)
    shorter = _lead().sub("", text).strip(_EDGE)
    return shorter or text or sentence.strip(_EDGE)


@cache
def closing_questions() -> Mapping[str, str]:
    """Return open questions by tactic and by the customer's wish; the one for any other under ``""``."""
    table = tomllib.loads((files("agent") / "closing_questions.toml").read_text(encoding="utf-8"))
    return {"": table["any"]["first"], **table["by_intent"], **table["by_tactic"]}


def states_nothing(sentence: str) -> bool:
    """Whether a sentence is courtesy only."""
    return all(
        _empty().fullmatch(piece.strip(_EDGE))
        for piece in re.split(r"[，,；;：:。！!？?]", sentence)
        if piece.strip(_EDGE)
    )


@cache
def _empty() -> re.Pattern[str]:
    asked = [re.escape(question.strip(_EDGE)) for question in closing_questions().values()]
    return re.compile("|".join([*phrases()["courtesy"], *phrases()["attribution"], *asked, ""]))


@cache
def _lead() -> re.Pattern[str]:
    return re.compile(rf"^(?:(?:{'|'.join([*phrases()['courtesy'], *phrases()['attribution']])})[，,：:]?\s*)+")
