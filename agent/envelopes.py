"""Envelopes and their decisions: what leaves, and the record of how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from agent.engines import Drafted
from agent.finishing import Finished
from agent.tasks import Task
from agent.templates import templates
from domain.suggestions import (
    AbstentionReason,
    Aigc,
    Decision,
    Dropped,
    Envelope,
    Retrieved,
    Suggestion,
)

CONTENT_PRODUCER = "zhanqing"


def build_envelope(
    task: Task,
    drafted: Drafted,
    finished: Finished,
    *,
    decision_id: str,
    created_at: datetime,
    notes: Sequence[str] = (),
) -> Envelope:
    """Return what leaves: the grounded suggestions, or an abstention when none is left."""
    draft = drafted.draft
    if not finished.suggestions:
        why = draft.abstention or AbstentionReason.NO_EVIDENCE
        return abstain(
            task,
            why,
            drafted.engine,
            decision_id,
            created_at,
            dropped=finished.dropped,
            missing=draft.missing,
            notes=notes,
        )
    lines = [*draft.notes, *notes, *(["dropped"] if finished.dropped else [])]
    return Envelope(
        decision_id=decision_id,
        kind=task.request.kind,
        engine=drafted.engine,
        suggestions=finished.suggestions,
        aigc=Aigc(ContentProducer=CONTENT_PRODUCER, ProduceID=decision_id),
        created_at=created_at,
        dropped=finished.dropped,
        notes=tuple(templates()["note"][name] for name in dict.fromkeys(lines)),
        missing=tuple(templates()["missing"][name] for name in draft.missing),
        audience=task.request.audience,
    )


def abstain(
    task: Task,
    why: AbstentionReason,
    engine: str,
    decision_id: str,
    created_at: datetime,
    *,
    dropped: Sequence[Dropped] = (),
    missing: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Envelope:
    """Return an abstention: what was looked for and what would help, in fixed words."""
    return Envelope(
        decision_id=decision_id,
        kind=task.request.kind,
        engine=engine,
        suggestions=(),
        aigc=Aigc(ContentProducer=CONTENT_PRODUCER, ProduceID=decision_id),
        created_at=created_at,
        abstained=True,
        reason=templates()["abstain"][why.value],
        reason_code=why,
        dropped=tuple(dropped),
        notes=tuple(templates()["note"][name] for name in dict.fromkeys(notes)),
        missing=tuple(templates()["missing"][name] for name in missing),
        audience=task.request.audience,
    )


def build_decision(task: Task, drafted: Drafted, finished: Finished, envelope: Envelope) -> Decision:
    """Return the audit record of an envelope, from what was at hand while it was made."""
    return Decision(
        decision_id=envelope.decision_id,
        envelope=envelope,
        inputs=_inputs(task, envelope.suggestions),
        retrieval=_used(task.trace, envelope.suggestions),
        engine=drafted.engine,
        prompt=drafted.prompt,
        checks=finished.checks,
        request=task.request.text,
        context=_context(task) | ({"usage": dict(drafted.usage)} if drafted.usage else {}),
    )


def _inputs(task: Task, suggestions: Sequence[Suggestion]) -> tuple[str, ...]:
    read = [f"{source.source_id}@{source.version}" for source in task.here]
    read += [
        f"{citation.source_id}@{citation.version}"
        for one in suggestions
        for claim in one.claims
        for citation in claim.citations
    ]
    return tuple(dict.fromkeys(read))


def _used(trace: Sequence[Retrieved], suggestions: Sequence[Suggestion]) -> tuple[Retrieved, ...]:
    cases = {
        citation.source_id.split(":")[1]
        for one in suggestions
        for claim in one.claims
        for citation in claim.citations
        if citation.source_id.startswith("case:")
    }
    return tuple(replace(line, used=line.source_id.split(":")[1] in cases) for line in trace)


def _context(task: Task) -> dict[str, object]:
    talks = [talk.transcript for talk in task.talks]
    return {
        "stage": task.stage,
        "intents": [intent.value for intent in task.intents],
        "emotions": list(dict.fromkeys(task.emotions)),
        "competitors": list(task.competitors),
        "account_id": task.account.account_id if task.account else None,
        "deal_id": task.deal.deal_id if task.deal else next((talk.deal_id for talk in talks if talk.deal_id), None),
        "conversation_id": talks[-1].id if talks else None,
        "conversation_ids": [talk.id for talk in talks],
        "rep_id": task.request.rep_id or next((talk.rep_id for talk in reversed(talks) if talk.rep_id), None),
    }
