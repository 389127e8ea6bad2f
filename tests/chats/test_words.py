"""Chinese and English say the same things with the same values."""

from __future__ import annotations

import re
import string
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", ["bots/lines.toml", "zhanqing/chats/words.toml"])
def test_both_languages_have_every_line_with_the_same_values(path: str) -> None:
    table = tomllib.loads((ROOT / path).read_text(encoding="utf-8"))
    assert set(table["zh"]) == set(table["en"])
    for name in table["zh"]:
        assert _values(table["zh"][name]) == _values(table["en"][name]), name


def test_every_line_is_said_somewhere() -> None:
    said = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "zhanqing" / "chats").glob("*.py"))
    table = tomllib.loads((ROOT / "zhanqing" / "chats" / "words.toml").read_text(encoding="utf-8"))
    assert [name for name in table["zh"] if not re.search(rf"[\"']{name}[\"']", said)] == []


def _values(line: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(line) if name}
