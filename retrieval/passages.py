"""Passages: the spans of a case or document that are indexed, found and cited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.cases import Passage, WarCase
from domain.sources import Source
from language.sentences import Span, sentences

FACET_COLUMNS: tuple[str, ...] = (
    "outcome",
    "industry",
    "product",
    "customer_size",
    "stage",
    "closed_at",
    "rep",
    "tags",
)
"""Short columns that mark a case rather than tell it; filters and facts read them, the encoder does not."""

SENTENCE_COLUMNS = frozenset({"talk_track"})
"""Columns whose sentences are used one by one."""

MAX_CHARS = 220
"""Longest passage; what e5 was trained on, and about what a reader takes in at a glance."""

_HARD_LIMIT = 2 * MAX_CHARS


def case_passages(case: WarCase, sources: Mapping[str, Source]) -> tuple[Passage, ...]:
    """Cut a case into passages, in the order of its columns.

    Args:
        case: The version that is published.
        sources: Column → the live source that holds the column's text.

    Returns:
        Passages whose `text` is `source.text[start:end]`. Facet columns give none.
    """
    return tuple(
        passage
        for column, source in sources.items()
        if column not in FACET_COLUMNS
        for passage in source_passages(source, column=column, case_id=case.id)
    )


def source_passages(source: Source, *, column: str, case_id: str | None = None) -> Iterator[Passage]:
    """Cut one source: sentence by sentence where they are used so, else as few pieces as fit `MAX_CHARS`."""
    spans = sentences(source.text) if column in SENTENCE_COLUMNS else _packed(source.text)
    for span in spans:
        yield Passage(
            id=passage_id(source, span.start, span.end),
            source_id=source.source_id,
            version=source.version,
            column=column,
            start=span.start,
            end=span.end,
            text=span.text,
            case_id=case_id,
        )


def passage_id(source: Source, start: int, end: int) -> str:
    """Stable name of a span: the same words of the same source version keep it."""
    return f"{source.source_id}@{source.version}:{start}-{end}"


def case_facets(case: WarCase) -> dict[str, list[str]]:
    """Return what a case is filtered by: every import column, as the values that match exactly.

    `outcome` answers to the contract's word and to its Chinese text.
    """
    facets = {column: [case.column_text(column)] for column in case.__dataclass_fields__ if column != "id"}
    facets["id"] = [case.id]
    facets["tags"] = list(case.tags)
    facets["outcome"] = [case.outcome.value, case.outcome.chinese]
    return {column: values for column, values in facets.items() if any(values)}


def _packed(text: str) -> list[Span]:
    """Join neighbouring sentences while they fit; cut what has no sentence end."""
    packed: list[Span] = []
    for span in _bounded(text):
        last = packed[-1] if packed else None
        if last is not None and span.end - last.start <= MAX_CHARS:
            packed[-1] = Span(start=last.start, end=span.end, text=text[last.start : span.end])
        else:
            packed.append(span)
    return packed


def _bounded(text: str) -> Iterator[Span]:
    for span in sentences(text):
        if span.end - span.start <= _HARD_LIMIT:
            yield span
            continue
        for start in range(span.start, span.end, MAX_CHARS):
            end = min(start + MAX_CHARS, span.end)
            yield Span(start=start, end=end, text=text[start:end])
