"""A search for tests: real passages of cases held in memory, ranked by shared character pairs."""

from __future__ import annotations

from collections.abc import Iterable

from domain.cases import CASE_COLUMNS, CaseHit, PassageHit, WarCase
from domain.sources import Source, SourceKind, case_source_id, content_hash
from retrieval.passages import case_facets, case_passages
from retrieval.results import FacetFilter, SearchResult, normalised, passes
from retrieval.tokens import lexical_tokens


def case_sources(case: WarCase, *, version: int = 1) -> dict[str, Source]:
    """Return the sources that a store would keep for a case: column → its text as version `version`."""
    texts = {column: case.column_text(column) for column in CASE_COLUMNS}
    return {
        column: Source(
            source_id=case_source_id(case.id, column),
            version=version,
            kind=SourceKind.CASE,
            title=case.title,
            text=text,
            content_hash=content_hash(text),
        )
        for column, text in texts.items()
        if text
    }


class SearchInMemory:
    """`retrieval.results.Search` over given cases, all of them published; deterministic, needs no model.

    A passage scores the share of the query's character pairs that it holds; cases with none are no hits.
    """

    def __init__(self, cases: Iterable[WarCase]) -> None:
        self._cases = tuple(cases)

    async def search(
        self, tenant: str, text: str, *, top_k: int = 5, facets: FacetFilter | None = None
    ) -> SearchResult:
        """Rank the cases that pass the facets; the tenant does not matter here."""
        wanted = normalised(facets)
        asked = set(lexical_tokens(text))
        hits = [_hit(case, asked) for case in self._cases if passes(case_facets(case), wanted)]
        found = sorted((hit for hit in hits if hit.score > 0), key=lambda hit: -hit.score)
        return SearchResult(hits=tuple(found[:top_k]))


def _hit(case: WarCase, asked: set[str]) -> CaseHit:
    passages = []
    for passage in case_passages(case, case_sources(case)):
        score = len(asked & set(lexical_tokens(passage.text))) / max(len(asked), 1)
        passages.append(PassageHit(passage=passage, score=score, dense=None, lexical=score))
    passages.sort(key=lambda hit: -hit.score)
    best = passages[0]
    return CaseHit(
        case_id=case.id,
        score=best.score,
        dense=best.dense,
        lexical=best.lexical,
        outcome=case.outcome,
        passages=tuple(passages),
    )
