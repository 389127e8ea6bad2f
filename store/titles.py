"""What a source is called beside its quote: 通话 2026-11-20 · 客户 03:15, 客户档案 · 行业."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from domain.conversation import Transcript, Turn


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("store") / "titles.toml").read_text(encoding="utf-8"))


def turn_title(transcript: Transcript, turn: Turn) -> str:
    """Name a turn by its conversation's kind and date, who speaks, and when in the recording."""
    kind = _words()["conversation"][transcript.kind]
    day = f" {transcript.started_at:%Y-%m-%d}" if transcript.started_at else ""
    speakers = _words()["speaker"]
    clock = f" {_clock(turn.start_ms)}" if turn.start_ms is not None else ""
    return f"{kind}{day} · {speakers.get(turn.speaker, speakers['other'])}{clock}"


def field_title(record: str, field: str) -> str:
    """Name a CRM field: `record` is account or deal; a field without a Chinese name keeps its own."""
    return f"{_words()['record'][record]} · {_words()['field'].get(field, field)}"


def truth(value: bool) -> str:
    """是 or 否."""
    return _words()["truth"]["true" if value else "false"]


def _clock(milliseconds: int) -> str:
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"
