"""What the bot says of its own in a chat."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files


def chat_line(key: str, lang: str = "zh", /, **values: object) -> str:
    """Return one of the bot's own lines."""
    return _lines(lang)[key].format(**values)


@cache
def _lines(lang: str) -> dict[str, str]:
    table = tomllib.loads((files("zhanqing.chats") / "words.toml").read_text(encoding="utf-8"))
    lines: dict[str, str] = table[lang if lang in table else "zh"]
    return lines
