"""A query as the channels of the index see it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from language.encoder import Encoder
from retrieval.english import chinese_words
from retrieval.facts import QueryFacts, query_facts
from retrieval.tokens import lexical_tokens, phonetic_tokens, romanised_tokens

# 六十天 is no 十天: the last figure of a numeral makes no pair with what is counted.
_NUMERAL_END = re.compile(r"(?<=[一二两三四五六七八九十百千万][十百千万])(?![零一二两三四五六七八九十百千万亿])")

MAX_CHARS = 2_000
"""More of a query than this is not read; a whole transcript is no question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One question, read once.

    Attributes:
        vector: Its embedding, float32 (dimension,), of length 1.
        words: Lexical tokens, each once; an English question brings the Chinese words for its own.
        sounds: Syllable pairs, each once.
        facts: What it says of the deal it means.
    """

    text: str
    vector: NDArray[np.float32]
    words: tuple[str, ...]
    sounds: tuple[str, ...]
    facts: QueryFacts


def read_query(text: str, encoder: Encoder) -> Query:
    """Encode and take apart a query, Chinese or English."""
    text = text[:MAX_CHARS]
    chinese = chinese_words(text)
    both = f"{text} {chinese}"
    return Query(
        text=text,
        vector=encoder.encode([text], prefix="query")[0],
        words=tuple(dict.fromkeys(lexical_tokens(_NUMERAL_END.sub(" ", both)))),
        sounds=tuple(dict.fromkeys(phonetic_tokens(_NUMERAL_END.sub(" ", text)) + romanised_tokens(text))),
        facts=query_facts(text, chinese),
    )
