"""What a line in a chat asks of the bot itself; everything else is for the coach."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class CommandKind(StrEnum):
    """What is to be done."""

    BIND = "bind"
    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"
    CHALLENGE = "challenge"
    TODO = "todo"
    DRILL = "drill"
    FORGET = "forget"
    QUIET = "quiet"
    CASES = "cases"
    THANKS = "thanks"
    REWRITE = "rewrite"
    HELP = "help"


_CHINESE = {"一": "1", "二": "2", "三": "3"}
FEEDBACK = (CommandKind.ACCEPT, CommandKind.EDIT, CommandKind.REJECT, CommandKind.CHALLENGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command with its words.

    Attributes:
        number: Which suggestion of the last answer, from 1; None where it names none.
        hours: From and to, for quiet hours.
    """

    kind: CommandKind
    number: int | None = None
    words: str = field(default="", repr=False)
    hours: tuple[int, int] | None = None


def read_command(text: str) -> Command | None:
    """Return the command that a line is, or None."""
    line = text.strip()
    for kind, pattern in _patterns():
        match = pattern.match(line)
        if match is not None:
            command = _command(kind, match.groupdict())
            if command is not None:
                return command
    return None


def in_chinese(text: str) -> str:
    """Return an English request in the words that the coach reads; anything else as it is."""
    for pattern, says in _aliases():
        match = pattern.match(text.strip())
        if match is not None:
            found = {name: _CHINESE.get(said or "", said or "") for name, said in match.groupdict().items()}
            return says.format(**found).strip()
    return text


@cache
def _aliases() -> list[tuple[re.Pattern[str], str]]:
    rows = _table()["alias"]
    return [(re.compile(row["pattern"], re.IGNORECASE | re.DOTALL), row["says"]) for row in rows]


def _command(kind: CommandKind, found: dict[str, str | None]) -> Command | None:
    number = _CHINESE.get(found.get("number") or "", found.get("number"))
    words = (found.get("words") or "").strip()
    if kind is CommandKind.QUIET:
        hours = (int(found["from"] or 0), int(found["to"] or 0))
        return Command(kind=kind, hours=hours) if max(hours) < 24 else None
    return Command(kind=kind, number=int(number) if number else None, words=words)


@cache
def _patterns() -> list[tuple[CommandKind, re.Pattern[str]]]:
    return [
        (CommandKind(row["kind"]), re.compile(pattern, re.IGNORECASE | re.DOTALL))
        for row in _table()["command"]
        for pattern in row["patterns"]
    ]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("bots") / "commands.toml").read_text(encoding="utf-8"))
