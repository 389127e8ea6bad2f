"""How common a stretch of Chinese is as everyday words, from jieba's frequency dictionary."""

from __future__ import annotations

from functools import cache, lru_cache
from math import inf, log
from typing import Any

_LONGEST_WORD = 6


@cache
def _dictionary() -> tuple[Any, float]:
    import jieba

    jieba.setLogLevel("ERROR")
    jieba.initialize()
    return jieba.dt.FREQ, log(jieba.dt.total)


@lru_cache(maxsize=65536)
def log_probability(text: str) -> float:
    """Log-probability of the likeliest split of a text into dictionary words (unigram model)."""
    frequencies, total = _dictionary()
    best = [0.0] + [-inf] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - _LONGEST_WORD), end):
            count = frequencies.get(text[start:end], 0) or (0.5 if end - start == 1 else 0)
            if count:
                best[end] = max(best[end], best[start] + log(count) - total)
    return best[-1]


def is_word(text: str) -> bool:
    """Whether the dictionary has the text as one word."""
    return bool(_dictionary()[0].get(text, 0))
