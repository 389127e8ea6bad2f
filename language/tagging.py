"""Words with their part of speech and place; the one adapter of jieba's tagger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Word:
    """One word at `text[start:end]`.

    Attributes:
        tag: jieba's part of speech (n, v, nr = person, ns = place, nt = organisation, …).
        is_known: Whether the dictionary has it; an unknown word was guessed and is often a name.
    """

    start: int
    end: int
    text: str
    tag: str
    is_known: bool


@lru_cache(maxsize=8192)
def tagged(text: str) -> tuple[Word, ...]:
    """Split a text into words; they cover it without gaps, so offsets hold."""
    words, at = [], 0
    for pair in _tagger().cut(text):
        end = at + len(pair.word)
        words.append(Word(at, end, pair.word, pair.flag, _is_known(pair.word)))
        at = end
    return tuple(words)


@lru_cache(maxsize=8192)
def dictionary_words(text: str) -> tuple[tuple[int, int], ...]:
    """Split by the dictionary alone; fast, and what it does not know stays in single characters.

    Returns:
        Half-open ranges that cover the text without gaps.
    """
    spans, at = [], 0
    for word in _dictionary().cut(text, HMM=False):
        spans.append((at, at + len(word)))
        at += len(word)
    return tuple(spans)


def frequency(word: str) -> int:
    """Return how often the dictionary's corpus had the word; 0 if it is not in it."""
    return int(_dictionary().FREQ.get(word) or 0)


def tag_of(word: str) -> str:
    """Return the dictionary's part of speech of a word out of context; empty if it is not in it."""
    return _tags().get(word, "")


@cache
def _tags() -> dict[str, str]:
    """Read the dictionary's tags alone: the tagger takes ten times as long to load."""
    with _dictionary().get_dict_file() as file:
        lines = (line.decode("utf-8").split() for line in file)
        return {parts[0]: parts[2] for parts in lines if len(parts) == 3}


def _is_known(word: str) -> bool:
    return frequency(word) > 0


@cache
def _dictionary() -> Any:
    import jieba

    jieba.setLogLevel("ERROR")
    dictionary = jieba.Tokenizer()
    dictionary.initialize()
    return dictionary


@cache
def _tagger() -> Any:
    from jieba.posseg import POSTokenizer

    return POSTokenizer(_dictionary())
