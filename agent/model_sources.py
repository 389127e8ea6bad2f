"""The numbered sentences that a language model may cite, and its citations as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.columns import column_of, column_words
from agent.screening import gives_orders
from agent.tasks import Task
from domain.cases import Outcome
from domain.sources import Citation, Source, SourceKind, cite
from domain.suggestions import SuggestionKind
from language.pii import mask
from language.sentences import sentences

_CASES_SHOWN = 4
MOST_CHARACTERS = 6000
"""Of all sources together: about 4,000 tokens of Chinese."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedSources:
    """Sentences under the numbers S1, S2, … as the model sees them, and the citations behind them."""

    citations: Mapping[str, Citation]
    shown: Sequence[Mapping[str, str]]


def numbered_sources(task: Task, *, most_characters: int = MOST_CHARACTERS) -> NumberedSources:
    """Number this customer's sentences first, then those of the nearest cases, as far as the budget goes.

    Personal data is masked, and sentences that give orders are not shown at all.
    """
    citations: dict[str, Citation] = {}
    shown: list[Mapping[str, str]] = []
    used = 0
    for source, start, end in _spans(task):
        text = source.text[start:end]
        used += len(text)
        if used > most_characters:
            break
        number = f"S{len(shown) + 1}"
        citations[number] = cite(source, start, end)
        shown.append({"id": number, "from": _origin(source), "text": mask(text)})
    return NumberedSources(citations=citations, shown=shown)


def _spans(task: Task) -> Iterator[tuple[Source, int, int]]:
    for source in (*task.here, *_case_sources(task), *task.shelf.documents):
        for span in sentences(source.text):
            if not gives_orders(span.text):
                yield source, span.start, span.end


def _case_sources(task: Task) -> Iterator[Source]:
    only_won = task.request.kind is SuggestionKind.REPLY
    hits = [hit for hit in task.hits if not only_won or hit.outcome is Outcome.WON]
    for hit in hits[:_CASES_SHOWN]:
        case = task.shelf.cases.get(hit.case_id)
        yield from case.columns.values() if case else ()


def _origin(source: Source) -> str:
    if source.kind is SourceKind.CASE:
        column = column_words()["case"].get(column_of(source.source_id), ("",))[0]
        return f"战例 {source.case_id} · {column}"
    return source.title or source.source_id
