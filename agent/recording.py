"""The last step: envelope and decision in one transaction, unless what they rest on changed meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import structlog

from agent.engines import Drafted
from agent.envelopes import build_decision, build_envelope
from agent.finishing import Finished
from agent.nodes import Parts
from agent.tasks import Request, Task
from domain.conversation import CUSTOMER, Transcript
from domain.errors import ConflictError, IntegrityError
from domain.sources import SourceStatus, resolves
from domain.suggestions import Decision, Envelope, SuggestionKind
from store.ids import new_id
from store.work import Work

log = structlog.get_logger(__name__)

Change = Literal["moved_on", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outdated:
    """What was drafted no longer fits; `request` is what to answer instead."""

    request: Request
    change: Change


async def recorded(request: Request, parts: Parts) -> Envelope | None:
    """Return the answer that a request of the same key got before, as long as all its sources still stand."""
    if not request.key:
        return None
    async with parts.store.read(request.tenant) as work:
        decision = await work.decisions.get(decision_id_of(request))
        return decision.envelope if isinstance(decision, Decision) and await _stands(decision, work) else None


def decision_id_of(request: Request) -> str:
    """Return the id that a request of this key always has in its tenant."""
    name = f"{request.tenant}\n{request.kind.value}\n{request.key}"
    return f"d-{hashlib.sha256(name.encode()).hexdigest()[:24]}"


async def record(
    task: Task, drafted: Drafted, finished: Finished, parts: Parts, *, redone: Change | None = None
) -> Envelope | Outdated:
    """Write envelope and decision, or say that the answer is out of date, once.

    A second time a conversation that moved on is noted, and a source that is gone is an error.

    Raises:
        IntegrityError: A cited source was withdrawn while this was drafted for the second time.
    """
    try:
        async with parts.store.begin(task.request.tenant) as work:
            moved = await _moved_on(task, work)
            if moved and redone is None:
                return Outdated(request=await _renewed(task, work), change="moved_on")
            notes = [*drafted.notes, *([redone] if redone else []), *(["still_moving"] if moved else [])]
            return await _write(task, drafted, finished, notes, work, parts.store.clock())
    except IntegrityError as error:
        if redone is not None or error.code != "store.citation_unresolved":
            raise
    except ConflictError as error:
        known = await recorded(task.request, parts)
        if known is None:
            raise
        log.info("suggestion.known", decision_id=known.decision_id, why=error.code)
        return known
    async with parts.store.read(task.request.tenant) as work:
        return Outdated(request=await _renewed(task, work), change="withdrawn")


async def _write(
    task: Task, drafted: Drafted, finished: Finished, notes: Sequence[str], work: Work, at: datetime
) -> Envelope:
    decision_id = await _free_id(task.request, work, at)
    envelope = build_envelope(task, drafted, finished, decision_id=decision_id, created_at=at, notes=notes)
    await work.decisions.append(build_decision(task, drafted, finished, envelope))
    log.info("suggestion.recorded", decision_id=envelope.decision_id, kind=envelope.kind, abstained=envelope.abstained)
    return envelope


async def _free_id(request: Request, work: Work, at: datetime) -> str:
    """Return the id of the request's key; where an erased or outdated answer holds it, and without a key, a new one."""
    if request.key and await work.decisions.get(decision_id_of(request)) is None:
        return decision_id_of(request)
    return new_id("d", at)


async def _moved_on(task: Task, work: Work) -> bool:
    """Whether any conversation changed since it was read."""
    for conversation_id, number in task.revisions.items():
        now = await work.conversations.revision(conversation_id)
        if now is None or now.number != number:
            return True
    return False


async def _renewed(task: Task, work: Work) -> Request:
    """Return the request over the conversations as they are now; a newer word of the customer is what is answered."""
    request = task.request
    talks = [await work.conversations.get(talk.id) for talk in request.conversations]
    kept = tuple(talk for talk in talks if talk is not None)
    text = request.text
    if request.kind is SuggestionKind.REPLY and kept and request.conversations:
        text = _newer_words(request.conversations[-1], kept[-1]) or text
    return replace(request, conversations=kept, text=text)


def _newer_words(before: Transcript, after: Transcript) -> str:
    """Return what the customer said last, if it was said since; empty otherwise."""
    known = {turn.id for turn in before.turns}
    said = [turn.text for turn in after.turns if turn.id not in known and turn.speaker == CUSTOMER]
    return said[-1] if said else ""


async def _stands(decision: Decision, work: Work) -> bool:
    """Whether every citation of a decision still points at a live source."""
    cited = [one for said in decision.envelope.suggestions for claim in said.claims for one in claim.citations]
    sources = await work.sources.cited(cited)
    found = [(one, sources.get((one.source_id, one.version))) for one in cited]
    return all(
        source is not None and source.status is SourceStatus.LIVE and resolves(one, source) for one, source in found
    )
