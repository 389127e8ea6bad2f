"""Hashed character n-grams: the half of a head's eyes that sees exact wording.

A sentence encoder knows that 多少钱 and 什么价位 are close; it does not reliably see the difference
between 不急 and 很急. Character n-grams do, and they need no tokenizer and no vocabulary file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 17
"""Two to this many buckets; at 3,000 rows fewer than 2 % of the kept n-grams share one."""
LONGEST = 4
_START, _END = "\x02", "\x03"
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PAUSES = str.maketrans(dict.fromkeys("，。、；：,.;:…~～ \t\n“”\"'‘’（）()《》【】—-·", " "))


@dataclass(frozen=True, slots=True)
class Grams:
    """Distinct n-grams of many texts, in compressed rows.

    Attributes:
        buckets: int64 (m,), the hash bucket of each n-gram, ascending within a row.
        starts: int64 (n,), where each text's n-grams begin in `buckets`; no text is without any.
    """

    buckets: NDArray[np.int64]
    starts: NDArray[np.int64]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The text that each n-gram is in, int64 (m,)."""
        lengths = np.diff(np.append(self.starts, len(self.buckets)))
        return np.repeat(np.arange(len(self.starts)), lengths)


def fold(text: str) -> str:
    """Fold what wording does not depend on: width, case, digits (all 0) and pause marks (one space).

    Question and exclamation marks stay. The result has no fixed relation to offsets in `text`.
    """
    narrow = unicodedata.normalize("NFKC", text).lower().translate(_PAUSES)
    digits = "".join("0" if character.isdigit() else character for character in narrow)
    return " ".join(digits.split())


def grams(texts: Sequence[str], *, salt: int = 0) -> Grams:
    """Hash the distinct 1- to 4-grams of each text, with marks for its start and end.

    Args:
        texts: Anything; each is folded first.
        salt: Puts the n-grams of another field into other buckets.
    """
    padded = [f"{_START}{fold(text)}{_END}" for text in texts]
    points = np.frombuffer("".join(padded).encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    rows = np.repeat(np.arange(len(padded)), [len(text) for text in padded])
    keys = []
    hashed = np.full(len(points), salt, dtype=np.uint64)
    for size in range(1, min(LONGEST, len(points)) + 1):
        hashed = _mix(hashed[: len(points) - size + 1], points[size - 1 :])
        inside = rows[: len(hashed)] == rows[size - 1 :]
        buckets = (hashed[inside] >> np.uint64(64 - BITS)).astype(np.int64)
        keys.append((rows[: len(hashed)][inside] << BITS) | buckets)
    distinct = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.int64)
    starts = np.searchsorted(distinct >> BITS, np.arange(len(padded)))
    return Grams(distinct & ((1 << BITS) - 1), starts)


def _mix(hashed: NDArray[np.uint64], points: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One step of a rolling hash; the multiplication spreads a code point over the high bits."""
    with np.errstate(over="ignore"):
        spread = (hashed + points + np.uint64(1)) * _MULTIPLIER
    return spread ^ (spread >> np.uint64(29))
