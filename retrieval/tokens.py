"""What the lexical channel matches: character pairs and Latin words, and syllable pairs for homophones."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUN = re.compile(rf"[{_HAN}]+|[a-z]+(?:[-_.+#/][a-z0-9]+)*|\d+(?:\.\d+)?%?")
_HAN_RUN = re.compile(rf"[{_HAN}]+")
_LATIN = re.compile(r"[A-Za-z]{2,}")
# Pairs that Mandarin speakers and recognisers confuse; both sides of an index are folded the same way.
_FOLDED_INITIALS = {"zh": "z", "ch": "c", "sh": "s"}
_NASAL = re.compile(r"(?<=[aei])ng$")


def fold(text: str) -> str:
    """Return the text as it is compared: NFKC, lower case. Offsets are not kept."""
    return unicodedata.normalize("NFKC", text).lower()


def lexical_tokens(text: str) -> list[str]:
    """Return the tokens of a text, repeats kept: pairs of Chinese characters, Latin words, numbers.

    Dictionary words beside the pairs were measured and left out: with jieba's search mode BM25 found 0.957 of
    600 CMRC2018 paragraphs first, without it 0.960, and the index took eight times as long to build.
    """
    tokens: list[str] = []
    for run in _RUN.findall(fold(text)):
        tokens += bigrams(run) if _HAN_RUN.match(run) else [run]
    return tokens


def phonetic_tokens(text: str) -> list[str]:
    """Return bigrams of toneless, folded syllables (四周 and 四轴 are alike, 数擎 and 输情 too)."""
    tokens: list[str] = []
    for run in _HAN_RUN.findall(fold(text)):
        syllables = [_syllable(char) for char in run]
        tokens += [f"{one} {other}" for one, other in pairwise(syllables)]
    return tokens


def bigrams(run: str) -> list[str]:
    """Return the overlapping pairs of a run of characters, or the run itself if it is shorter than two."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def latin_share(text: str) -> float:
    """Return the share of Latin letters among letters and Han characters, in [0, 1]."""
    latin = sum(len(word) for word in _LATIN.findall(text))
    han = sum(len(run) for run in _HAN_RUN.findall(text))
    # One Han character carries about as much as two or three letters.
    return latin / (latin + 2.5 * han) if latin else 0.0


@cache
def _syllable(char: str) -> str:
    from pypinyin import Style, lazy_pinyin

    syllable = lazy_pinyin(char, style=Style.NORMAL, errors="default")[0]
    for initial, folded in _FOLDED_INITIALS.items():
        if syllable.startswith(initial):
            syllable = folded + syllable[len(initial) :]
    return _NASAL.sub("n", syllable)
