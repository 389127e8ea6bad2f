"""Our own fixed Chinese words (labels, rubric, reasons) in the reader's language."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from functools import cache
from importlib.resources import files

from domain.messages import catalogue

Say = Callable[..., str]
"""Message name and its values → the line in the reader's language."""


def speaker_of(lang: str) -> Say:
    """Return what says this room's messages in a language."""

    def say(message: str, /, **params: object) -> str:
        return catalogue("coaching")[message][lang].format(**params)

    return say


def in_words(words: str, lang: str) -> str:
    """Return fixed words in the language; what is not ours stays as it is, a heading of ours before it not."""
    if lang == "zh":
        return words
    head, mark, rest = words.partition("：")
    return _english().get(words) or _english().get(head + mark, head + mark) + _english().get(rest, rest)


@cache
def _english() -> dict[str, str]:
    return tomllib.loads((files("coaching") / "words.toml").read_text(encoding="utf-8"))
