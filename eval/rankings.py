"""Figures of a ranking: where the right answer came."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence


def recall_at(ranking: Sequence[Hashable], right: Hashable, k: int) -> float:
    """1 if the right answer is among the first k, else 0."""
    return float(right in ranking[:k])


def ndcg_at(ranking: Sequence[Hashable], right: Hashable, k: int) -> float:
    """Normalised discounted cumulative gain with one right answer: 1 / log2(rank + 1), 0 beyond k."""
    place = _place(ranking[:k], right)
    return 0.0 if place is None else 1 / math.log2(place + 2)


def reciprocal_rank(ranking: Sequence[Hashable], right: frozenset[Hashable]) -> float:
    """1 / rank of the first right answer, 0 if there is none."""
    return next((1 / rank for rank, item in enumerate(ranking, start=1) if item in right), 0.0)


def is_above(ranking: Sequence[Hashable], one: Hashable, other: Hashable) -> bool:
    """Whether `one` is ranked before `other`; an absent item comes last."""
    first, second = _place(ranking, one), _place(ranking, other)
    return first is not None and (second is None or first < second)


def _place(ranking: Sequence[Hashable], item: Hashable) -> int | None:
    return ranking.index(item) if item in ranking else None
