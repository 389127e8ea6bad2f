"""What a search gives back, and the Protocol that its callers hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.cases import CaseHit, Outcome, PassageHit

FacetFilter = Mapping[str, str | Sequence[str]]
"""Column → the value or values that pass; columns AND, values OR, matched exactly."""


USES: Mapping[Outcome, str] = {Outcome.WON: "advice", Outcome.LOST: "lesson", Outcome.PENDING: "open"}
"""What a case is good for: a lost one is a lesson, never advice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Cases best first, each once, and what the caller should know about the question.

    Attributes:
        warnings: Lines for people, in the language that was asked for.
        corpus_version: What the search saw: every change up to this version and none after.
    """

    hits: tuple[CaseHit, ...]
    warnings: tuple[str, ...] = ()
    corpus_version: int = 0


class Search(Protocol):
    """Finds published war cases for a text."""

    async def search(
        self, tenant: str, text: str, *, top_k: int = 5, facets: FacetFilter | None = None
    ) -> SearchResult:
        """Return at most `top_k` distinct cases, best first."""
        ...


class LibrarySearch(Search, Protocol):
    """Finds passages of documents and cards as well."""

    async def search_documents(self, tenant: str, text: str, *, top_k: int = 5) -> tuple[PassageHit, ...]:
        """Return the best passages of live documents, best first."""
        ...


def passage_document(hit: PassageHit) -> dict[str, Any]:
    """Return a passage hit in the contract's JSON: where its words stand, the words, and its scores."""
    passage = hit.passage
    return {
        "source_id": passage.source_id,
        "version": passage.version,
        "start": passage.start,
        "end": passage.end,
        "quote": passage.text,
        "score": hit.score,
        "dense": hit.dense,
        "lexical": hit.lexical,
    }


def normalised(facets: FacetFilter | None) -> dict[str, tuple[str, ...]]:
    """Return a filter with a tuple of values for each column."""
    return {
        column: (values,) if isinstance(values, str) else tuple(str(value) for value in values)
        for column, values in (facets or {}).items()
    }


def passes(facets: Mapping[str, Sequence[str]], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether a case with these facet values satisfies every column of the filter."""
    return all(not set(values).isdisjoint(facets.get(column, ())) for column, values in wanted.items())
