"""What a rep's line in a chat means: a command, a follow-up on the last question, or a question of its own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from agent.questions import read_question


class StepKind(StrEnum):
    """What is to be done."""

    HELP = "help"
    WHY = "why"
    BRIEF = "brief"
    REPLY = "reply"
    PRACTICE = "practice"
    FIRST_CALL = "first_call"
    FOLLOW_UP = "follow_up"
    SUMMARY = "summary"
    ASK = "ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do; `number` is the suggestion that 为什么 3 means, from 1, None for all."""

    kind: StepKind
    text: str = ""
    number: int | None = None


def read_step(text: str, *, last_subject: str = "") -> Step:
    """Read a line.

    Args:
        last_subject: What the last question was about; 那合同额呢 is asked of it.
    """
    line = _typed_out(text.strip())
    for row in _table()["command"]:
        for pattern in row["patterns"]:
            match = re.match(pattern, line, re.IGNORECASE)
            if match is not None:
                return _step(StepKind(row["kind"]), match)
    if last_subject:
        for pattern in _table()["follow_up"]["patterns"]:
            match = re.match(pattern, line)
            if match is not None and not read_question(line).subject:
                return Step(kind=StepKind.ASK, text=f"{last_subject}的{match['words']}是多少？")
    return Step(kind=StepKind.ASK, text=line)


def _typed_out(line: str) -> str:
    """Write question words in characters that were left in letters, as zenme."""
    for letters, word in _table()["typed"].items():
        line = re.sub(rf"(?<![a-z]){letters}(?![a-z])", word, line, flags=re.IGNORECASE)
    return line


def subject_of(text: str) -> str:
    """Return what a question was about, for the follow-up; empty where it names nothing."""
    return read_question(text).subject


def chat_words(name: str) -> str:
    """Return one of the chat's own lines."""
    line: str = _table()["words"][name]
    return line


def _step(kind: StepKind, match: re.Match[str]) -> Step:
    groups = match.groupdict()
    number = groups.get("number")
    return Step(kind=kind, text=(groups.get("words") or "").strip(), number=int(number) if number else None)


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads((files("agent") / "chat.toml").read_text(encoding="utf-8"))
