"""An answer as a stream: verified sentences while the next ones are drafted, then the whole envelope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from agent.graph import Graph, State
from agent.tasks import Request
from domain.suggestions import Envelope, StartedOver, StreamEvent, VerifiedSentence


async def stream(graph: Graph, request: Request) -> AsyncIterator[StreamEvent]:
    """Run the graph and yield what it tells, then the sentences it did not, then the envelope.

    A sentence that was told and is not in the envelope is taken back by a `StartedOver`.
    """
    told: list[tuple[str, str]] = []
    envelope: Envelope | None = None
    state: State = {"request": request, "is_heard": True}
    async for part in graph.astream(state, stream_mode=["custom", "values"]):
        mode, event = cast("tuple[str, Any]", part)
        if mode == "values":
            envelope = event.get("envelope")
        elif isinstance(event, VerifiedSentence):
            told.append(_key(event))
            yield event
        elif told:
            told.clear()
            yield event
    if envelope is None:
        raise RuntimeError("the graph ended without an envelope")
    for event in _rest(envelope, told):
        yield event


def sentences_of(envelope: Envelope) -> list[VerifiedSentence]:
    """Return an envelope's sentences in order."""
    return [
        VerifiedSentence(suggestion_id=one.id, tactic=one.tactic, claim=claim)
        for one in envelope.suggestions
        for claim in one.claims
    ]


def _rest(envelope: Envelope, told: list[tuple[str, str]]) -> list[StreamEvent]:
    whole = sentences_of(envelope)
    if told and not set(told) <= {_key(one) for one in whole}:
        return [StartedOver(), *whole, envelope]
    return [*(one for one in whole if _key(one) not in told), envelope]


def _key(sentence: VerifiedSentence) -> tuple[str, str]:
    return sentence.suggestion_id, sentence.claim.text
