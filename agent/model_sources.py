"""The numbered sentences that a language model may cite, and its citations as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.columns import column_of, column_words
from agent.screening import gives_orders
from agent.tasks import Task
from domain.cases import Outcome
from domain.conversation import REP
from domain.sources import Citation, Source, SourceKind, cite
from domain.suggestions import SuggestionKind
from language.pii import mask
from language.sentences import sentences

_CASES_SHOWN = 4
_WITH_WON_CASES = (SuggestionKind.REPLY, SuggestionKind.FOLLOW_UP)
"""Kinds that are shown no other cases: what is said to a customer is not learnt from a lost one."""
MOST_CHARACTERS = 6000
"""Of all sources together: about 4,000 tokens of Chinese."""


class Part(StrEnum):
    """What a source is for a section: whose words, or how its case ended."""

    CRM = "crm"
    REP = "rep"
    CUSTOMER = "customer"
    WON = "won"
    LOST = "lost"
    PENDING = "pending"
    PAPER = "paper"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedSources:
    """Sentences under the numbers S1, S2, … as the model sees them, the citations behind them, and their parts."""

    citations: Mapping[str, Citation]
    shown: Sequence[Mapping[str, str]]
    parts: Mapping[str, Part]


def numbered_sources(task: Task, *, most_characters: int = MOST_CHARACTERS) -> NumberedSources:
    """Number this customer's sentences first, then those of the nearest cases, as far as the budget goes.

    Personal data is masked, and sentences that give orders are not shown at all.
    """
    citations: dict[str, Citation] = {}
    parts: dict[str, Part] = {}
    shown: list[Mapping[str, str]] = []
    used = 0
    for source, start, end in _spans(task):
        text = source.text[start:end]
        used += len(text)
        if used > most_characters:
            break
        number = f"S{len(shown) + 1}"
        citations[number] = cite(source, start, end)
        parts[number] = _part(source, task)
        shown.append({"id": number, "from": _origin(source), "text": mask(text)})
    return NumberedSources(citations=citations, shown=shown, parts=parts)


def _spans(task: Task) -> Iterator[tuple[Source, int, int]]:
    beyond = () if task.request.kind is SuggestionKind.SUMMARY else (*_case_sources(task), *task.shelf.documents)
    for source in (*task.here, *beyond):
        for span in sentences(source.text):
            if not gives_orders(span.text):
                yield source, span.start, span.end


def _case_sources(task: Task) -> Iterator[Source]:
    only_won = task.request.kind in _WITH_WON_CASES
    hits = [hit for hit in task.hits if not only_won or hit.outcome is Outcome.WON]
    for hit in hits[:_CASES_SHOWN]:
        case = task.shelf.cases.get(hit.case_id)
        yield from case.columns.values() if case else ()


def _part(source: Source, task: Task) -> Part:
    match source.kind:
        case SourceKind.CRM:
            return Part.CRM
        case SourceKind.TURN:
            return Part.REP if source.speaker == REP else Part.CUSTOMER
        case SourceKind.CASE:
            case = task.shelf.cases.get(source.case_id or "")
            return Part(case.outcome.value) if case else Part.PENDING
        case _:
            return Part.PAPER


def _origin(source: Source) -> str:
    if source.kind is SourceKind.CASE:
        column = column_words()["case"].get(column_of(source.source_id), ("",))[0]
        return f"战例 {source.case_id} · {column}"
    return source.title or source.source_id
