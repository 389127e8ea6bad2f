"""Cases that tell of nearly the same question: a warning for whoever submits, never a refusal."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable

from domain.cases import CaseStatus, WarCase
from retrieval.results import Search
from retrieval.tokens import lexical_tokens
from store.work import Store

ALIKE = 0.7
"""Shared pairs of characters over all pairs of both (Jaccard) from which two cases count as told twice."""

_SKETCH = 8
_NEAREST = 20
_WAITING = (CaseStatus.SUBMITTED, CaseStatus.IN_REVIEW)
_MOST_WAITING = 1_000


class Duplicates:
    """Finds cases that are told alike among those it has seen; a few hashes a case, so 20,000 are no burden.

    References:
        Broder, On the resemblance and containment of documents, 1997 (the smallest hashes as a sketch).
    """

    def __init__(self, cases: Iterable[WarCase] = ()) -> None:
        self._tokens: dict[str, frozenset[str]] = {}
        self._holders: defaultdict[int, set[str]] = defaultdict(set)
        for case in cases:
            self.add(case)

    def add(self, case: WarCase) -> None:
        """Remember a case."""
        tokens = _tokens(case)
        self._tokens[case.id] = tokens
        for code in _sketch(tokens):
            self._holders[code].add(case.id)

    def of(self, case: WarCase) -> tuple[str, ...]:
        """Return the ids of other cases that are told alike, the most alike first."""
        tokens = _tokens(case)
        near = {other for code in _sketch(tokens) for other in self._holders.get(code, ())} - {case.id}
        alike = {other: _jaccard(tokens, self._tokens[other]) for other in near}
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


def _sketch(tokens: frozenset[str]) -> list[int]:
    return sorted(zlib.crc32(token.encode("utf-8")) for token in tokens)[:_SKETCH]


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)
