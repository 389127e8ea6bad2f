"""Cases that tell of nearly the same question: a warning for whoever submits, never a refusal."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from domain.cases import CaseStatus, WarCase
from retrieval.results import Search
from retrieval.tokens import lexical_tokens
from store.work import Store

ALIKE = 0.7
"""Shared pairs of characters over all pairs of both (Jaccard) from which two cases count as told twice."""

_ROWS, _BANDS = 4, 16
"""Hashes a band and bands: cases that share 0.7 of their pairs meet in one 99 times of 100, at 0.3 they do 12 times."""

_MOST_IN_BAND = 256
_COMPARED = 50
_DRAW = np.random.default_rng(20_261_122)
_FACTORS = _DRAW.integers(1, 2**63, _ROWS * _BANDS, dtype=np.uint64) | np.uint64(1)
_OFFSETS = _DRAW.integers(0, 2**63, _ROWS * _BANDS, dtype=np.uint64)
_NEAREST = 20
_WAITING = (CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW)
_MOST_WAITING = 1_000


class Duplicates:
    """Finds cases that are told alike among those it has seen; the work for each is bounded, however many they are.

    References:
        Broder, On the resemblance and containment of documents, 1997 (smallest hashes); Leskovec, Rajaraman and
        Ullman, Mining of Massive Datasets, 3.4 (bands).
    """

    def __init__(self, cases: Iterable[WarCase] = ()) -> None:
        self._tokens: dict[str, frozenset[str]] = {}
        self._holders: defaultdict[tuple[int, bytes], set[str]] = defaultdict(set)
        for case in cases:
            self.add(case)

    def add(self, case: WarCase) -> None:
        """Remember a case."""
        tokens = _tokens(case)
        self._tokens[case.id] = tokens
        for band in _bands(tokens):
            if len(self._holders[band]) < _MOST_IN_BAND:
                self._holders[band].add(case.id)

    def of(self, case: WarCase) -> tuple[str, ...]:
        """Return the ids of other cases that are told alike, the most alike first."""
        tokens = _tokens(case)
        shared = Counter(other for band in _bands(tokens) for other in self._holders.get(band, ()))
        shared.pop(case.id, None)
        nearest = sorted(shared, key=lambda other: (-shared[other], other))[:_COMPARED]
        alike = {other: _jaccard(tokens, self._tokens[other]) for other in nearest}
        found = [other for other, score in alike.items() if score >= ALIKE]
        return tuple(sorted(found, key=lambda other: (-alike[other], other)))


async def told_alike(search: Search, store: Store, tenant: str, case: WarCase) -> tuple[str, ...]:
    """Return the published and waiting cases that are told like this one, the most alike first.

    Published ones are looked for by the search, so that one submission does not read a whole case base.

    Raises:
        ZhanqingError: The search cannot run.
    """
    result = await search.search(tenant, f"{case.customer_question}\n{case.blocker}", top_k=_NEAREST)
    async with store.read(tenant) as work:
        records = list((await work.cases.get_many([hit.case_id for hit in result.hits])).values())
        for status in _WAITING:
            records += await work.cases.page(limit=_MOST_WAITING, status=status)
    return Duplicates(record.case for record in records).of(case)


def _tokens(case: WarCase) -> frozenset[str]:
    return frozenset(lexical_tokens(f"{case.customer_question}\n{case.blocker}\n{case.talk_track}"))


def _bands(tokens: frozenset[str]) -> list[tuple[int, bytes]]:
    """Return the smallest hashes of the tokens under several hash functions, cut into bands."""
    if not tokens:
        return []
    codes = np.fromiter((zlib.crc32(token.encode("utf-8")) for token in tokens), np.uint64, len(tokens))
    mixed = codes[:, None] * _FACTORS + _OFFSETS  # (tokens, hash functions), modulo 2**64
    smallest = (mixed >> np.uint64(32)).min(axis=0)  # (hash functions,)
    return [(band, row.tobytes()) for band, row in enumerate(smallest.reshape(_BANDS, _ROWS))]


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
