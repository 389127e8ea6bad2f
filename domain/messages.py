"""Text for people lives in each room's `messages.toml`, one table per message with `zh` and `en`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files


@cache
def catalogue(room: str) -> dict[str, dict[str, str]]:
    """Return a room's messages: name → language → template."""
    return tomllib.loads((files(room) / "messages.toml").read_text(encoding="utf-8"))


def text(key: str, lang: str = "zh", **params: object) -> str:
    """Fill the message `<room>.<name>` in the language asked for (`zh` or `en`).

    Raises:
        KeyError: There is no such message; a test walks the code so that none is missing.
    """
    room, name = key.split(".", 1)
    return catalogue(room)[name][lang].format(**params)
