"""What a turn is about, by words: enough to tell an answer from a change of subject."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from language.tagging import dictionary_words
from signals.rulebook import section

_HAN = re.compile(r"[一-鿿A-Za-z]+")


@lru_cache(maxsize=8192)
def topics_of(text: str) -> frozenset[str]:
    """Return the names of the topics a text touches."""
    return frozenset(name for name, words in _topics() if words.search(text))


@lru_cache(maxsize=8192)
def terms_of(text: str) -> frozenset[str]:
    """Return the content words of a text: dictionary words of two characters and more, Latin words in lower case."""
    found = set()
    for run in _HAN.finditer(text):
        for left, right in dictionary_words(run.group()):
            word = run.group()[left:right].lower()
            if len(word) > 1 and word not in _empty():
                found.add(word)
    return frozenset(found)


def announces_change(text: str) -> bool:
    """Whether the text opens by leaving the subject (对了, 我接着说)."""
    return _markers().search(text) is not None


@cache
def _empty() -> frozenset[str]:
    return frozenset(section("topics", "terms.empty").split())


@cache
def _topics() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(words)) for name, words in section("topics", "topic").items())


@cache
def _markers() -> re.Pattern[str]:
    return re.compile(section("topics", "shift.markers"))
