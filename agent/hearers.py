"""Who a case's words would be said to, and what our own documents say: what `agent.applicability` reads against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from agent.applicability import Setting
from agent.polarity import Context, find_flip
from agent.shelf import CaseFile, content_words
from agent.tasks import Task
from domain.conversation import REP
from domain.sources import Citation, Source, cite
from language.quantities import quantities, supported_by
from language.sentences import Span, sentences

_LEAST_SHARED = 0.7
_LEAST_WORDS = 2
_NOT_THE_CUSTOMER = ("talk_track", "outcome", "rep", "closed_at", "industry", "product", "customer_size", "stage")


def setting_for(task: Task, case: CaseFile) -> Setting:
    """Return what decides whether a case's sentence may be said to the customer of a task."""
    return Setting(
        ours=_said_here(task),
        theirs="\n".join(source.text for name, source in case.columns.items() if name not in _NOT_THE_CUSTOMER),
        is_near=_is_near(task, case),
        is_backed=lambda clause: backing_of(clause, task.shelf.documents) is not None,
    )


def backing_of(clause: str, documents: Sequence[Source]) -> Citation | None:
    """Return the sentence of a live document that states a clause too, or None.

    It has all the clause's numbers, most of its words, and turns nothing round.
    """
    words = content_words(clause)
    if len(words) < _LEAST_WORDS or not documents:
        return None
    numbers = [one for one in quantities(clause) if not one.is_article]
    for source in documents:
        for span in _sentences(source.text):
            shared = sum(word in span.text for word in words) / len(words)
            if shared < _LEAST_SHARED or not all(supported_by(one, quantities(span.text)) for one in numbers):
                continue
            if find_flip(clause, [Context(text=span.text, by_customer=False)]) is None:
                return cite(source, span.start, span.end)
    return None


@lru_cache(maxsize=512)
def _sentences(text: str) -> tuple[Span, ...]:
    return tuple(sentences(text))


def _said_here(task: Task) -> str:
    """Return this customer's own words and fields; what our side said binds nobody to another deal's terms."""
    own = [source.text for source in task.here if source.speaker != REP]
    return "\n".join([task.request.text, *own])


def _is_near(task: Task, case: CaseFile) -> bool:
    industry = task.industry.strip()
    return bool(industry) and industry == case.text("industry").strip()
