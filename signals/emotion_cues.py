"""Signs of feeling that can be counted: words, emoji, exclamation and question marks, trailing dots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from signals.rulebook import section

_BOOK = "emotion_words"
_TRAILING = re.compile(r"…|\.\.|。。|~~|～～")
CUES = 8
"""How many numbers `cue_features` gives a text."""


@dataclass(frozen=True, slots=True)
class WordCount:
    """How many words, emoji and emoticons of each polarity stand in a text, negation considered."""

    positive: int
    negative: int


@dataclass(frozen=True, slots=True)
class _Lexicon:
    polarity: dict[str, int]
    words: frozenset[str]
    pattern: re.Pattern[str]
    negated: re.Pattern[str]


@cache
def _lexicon() -> _Lexicon:
    words = dict.fromkeys(section(_BOOK, "positive").split(), 1)
    words |= dict.fromkeys(section(_BOOK, "negative").split(), -1)
    marks = dict.fromkeys(section(_BOOK, "marks.positive").split(), 1)
    marks |= dict.fromkeys(section(_BOOK, "marks.negative").split(), -1)
    longest_first = sorted(words | marks, key=lambda item: (-len(item), item))
    negators = sorted(section(_BOOK, "negators").split(), key=lambda item: (-len(item), item))
    return _Lexicon(
        polarity=words | marks,
        words=frozenset(words),
        pattern=re.compile("|".join(map(re.escape, longest_first))),
        negated=re.compile(f"(?:{'|'.join(map(re.escape, negators))}).?$"),
    )


def count_words(text: str) -> WordCount:
    """Count, longest match first; a negator just before a word turns it round."""
    lexicon = _lexicon()
    reach = int(section(_BOOK, "reach"))
    positive = negative = 0
    for match in lexicon.pattern.finditer(text):
        sign = lexicon.polarity[match.group()]
        before = text[max(0, match.start() - reach) : match.start()]
        if match.group() in lexicon.words and lexicon.negated.search(before):
            sign = -sign
        positive += sign > 0
        negative += sign < 0
    return WordCount(positive, negative)


def cue_features(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 (n, CUES): words of each polarity (any, how many, balance), marks, trailing dots."""
    return np.array([_cues(text) for text in texts], dtype=np.float32).reshape(len(texts), CUES)


def _cues(text: str) -> list[float]:
    count = count_words(text)
    return [
        float(count.positive > 0),
        float(count.negative > 0),
        float(np.log1p(count.positive)),
        float(np.log1p(count.negative)),
        (count.positive - count.negative) / (count.positive + count.negative + 1),
        min(text.count("!") + text.count("！"), 4) / 2,
        min(text.count("?") + text.count("？"), 4) / 2,
        float(_TRAILING.search(text) is not None),
    ]
