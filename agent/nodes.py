"""The steps of an answer as plain functions: understand, gather, draft, ground, explain or abstain, record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from agent.drafts import nothing
from agent.engines import Drafted, Engine, rules_in_use
from agent.envelopes import build_decision, build_envelope
from agent.finishing import Finished, finish
from agent.grounding import Gate
from agent.moments import LostMoment, lost_moments
from agent.screening import refusal, without_orders
from agent.shelf import Shelves
from agent.support import SupportScorer
from agent.tasks import Request, Talk, Task, trace_of
from domain.accounts import Account, Deal
from domain.cases import CaseHit
from domain.conversation import CUSTOMER, Transcript, Turn
from domain.signals import Signal
from domain.sources import Citation, Source, SourceStatus, account_source_id, deal_source_id, turn_source_id
from domain.suggestions import AbstentionReason, Envelope, Retrieved, SuggestionKind
from retrieval.results import Search
from signals.pipeline import SignalDetector
from store.ids import new_id
from store.work import Store, Work

log = structlog.get_logger(__name__)

_FUSION_K = 60
TOP_K = 12
"""Cases looked at per request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the steps work with.

    Attributes:
        detector: Finds intents, emotions, competitors; without one a task has no signals.
        engine: Drafts; `fallback` is asked when it fails in time or form.
    """

    store: Store
    search: Search
    shelves: Shelves
    scorer: SupportScorer
    engine: Engine
    detector: SignalDetector | None = None


def understand(request: Request) -> tuple[Request, AbstentionReason | None]:
    """Refuse what is refused, and take out of the request what only tries to steer the machine."""
    if request.kind is SuggestionKind.ASK:
        refused = refusal(request.text)
        if refused is not None:
            return request, refused
        asked = without_orders(request.text)
        if not any(char.isalnum() for char in asked):
            unsafe = asked != request.text
            return request, AbstentionReason.UNSAFE_REQUEST if unsafe else AbstentionReason.AMBIGUOUS
        return replace(request, text=asked), None
    return request, None


async def gather(request: Request, parts: Parts) -> Task:
    """Store what came with the request as sources, search, and bring everything together."""
    request = _with_words_as_turn(request)
    async with parts.store.begin(request.tenant) as work:
        request, stored = await _stored(request, work)
    shelf = await parts.shelves.of(request.tenant)
    query = _query(request)
    hits, trace = await _found(request, parts, query)
    signals = await asyncio.to_thread(_signals, request, parts.detector)
    talks = [
        Talk(transcript=transcript, signals=found, sources=_turns(transcript, stored))
        for transcript, found in zip(request.conversations, signals, strict=True)
    ]
    moments = _moments(talks) if request.kind is SuggestionKind.TIPS else ()
    found_for = {one.turn.id: await parts.search.search(request.tenant, one.query, top_k=TOP_K) for one in moments}
    moment_traces = (line for one in moments for line in trace_of(one.query, found_for[one.turn.id].hits))
    return Task(
        request=request,
        shelf=shelf,
        hits=hits,
        trace=(*trace, *moment_traces),
        moments=moments,
        moment_hits={turn_id: result.hits for turn_id, result in found_for.items()},
        talks=tuple(talks),
        fields=tuple(source for source in stored if source.source_id.startswith("crm:")),
        account=request.account,
        deal=request.deal,
    )


def _moments(talks: Sequence[Talk]) -> tuple[LostMoment, ...]:
    return tuple(moment for talk in talks[:1] for moment in lost_moments(talk.transcript, talk.signals))


async def _found(request: Request, parts: Parts, query: str) -> tuple[tuple[CaseHit, ...], tuple[Retrieved, ...]]:
    """Search for the words; for a deal also with its industry and product, the two rankings fused by rank."""
    deal = request.deal or request.account
    context = f"{deal.industry} {deal.product}".strip() if deal and request.kind is not SuggestionKind.ASK else ""
    queries = [one for one in (query, f"{query} {context}" if context and query else "") if one]
    results = [await parts.search.search(request.tenant, one, top_k=TOP_K) for one in queries]
    trace = tuple(line for one, result in zip(queries, results, strict=True) for line in trace_of(one, result.hits))
    return _fused([result.hits for result in results]), trace


def _fused(rankings: Sequence[Sequence[CaseHit]]) -> tuple[CaseHit, ...]:
    scores: dict[str, float] = {}
    hits: dict[str, CaseHit] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            scores[hit.case_id] = scores.get(hit.case_id, 0.0) + 1.0 / (_FUSION_K + rank)
            hits.setdefault(hit.case_id, hit)
    return tuple(hits[case_id] for case_id in sorted(scores, key=lambda one: -scores[one]))


async def draft(task: Task, engine: Engine, refused: AbstentionReason | None) -> Drafted:
    """Have the engine draft; a refused request is not drafted at all."""
    if refused is not None:
        return Drafted(draft=nothing(refused), engine="extractive", prompt=rules_in_use(task.request.kind))
    return await engine.draft(task)


async def ground(task: Task, drafted: Drafted, parts: Parts) -> Finished:
    """Hold every sentence against its sources as the store has them now."""
    citations = [
        one for draft in drafted.draft.suggestions for sentence in draft.sentences for one in sentence.citations
    ]
    async with parts.store.read(task.request.tenant) as work:
        sources = await work.sources.cited(citations)
    gate = Gate(parts.scorer, lexicon=(*task.request.lexicon, *task.shelf.lexicon))
    intents = [intent.value for intent in task.intents]
    return await asyncio.to_thread(
        finish, drafted.draft.suggestions, sources, gate, kind=task.request.kind, intents=intents
    )


async def record(task: Task, drafted: Drafted, finished: Finished, parts: Parts) -> Envelope:
    """Write envelope and decision in one transaction; what was retired meanwhile makes the write fail."""
    created_at: datetime = parts.store.clock()
    decision_id = new_id("d", created_at)
    envelope = build_envelope(
        task, drafted, finished, decision_id=decision_id, created_at=created_at, notes=drafted.notes
    )
    async with parts.store.begin(task.request.tenant) as work:
        await work.decisions.append(build_decision(task, drafted, finished, envelope))
    log.info("suggestion.recorded", decision_id=envelope.decision_id, kind=envelope.kind, abstained=envelope.abstained)
    return envelope


async def _stored(request: Request, work: Work) -> tuple[Request, list[Source]]:
    """Put conversations, account and deal into the store; return them with their ids, and their sources."""
    prefixes = []
    account: Account | None = None
    deal: Deal | None = None
    if request.account is not None:
        account = await work.accounts.put(request.account)
        prefixes.append(account_source_id(account.account_id, "_").removesuffix("_"))
    if request.deal is not None:
        deal = await work.deals.put(request.deal)
        prefixes.append(deal_source_id(deal.deal_id, "_").removesuffix("_"))
    for transcript in request.conversations:
        await work.conversations.put(transcript)
        prefixes.append(turn_source_id(transcript.id, "_").removesuffix("_"))
    sources = [source for prefix in prefixes for source in await work.sources.under(prefix)]
    live = [source for source in sources if source.status is SourceStatus.LIVE]
    return replace(request, account=account, deal=deal), live


def _with_words_as_turn(request: Request) -> Request:
    """For a reply, the customer's words are the last turn of the conversation, so that they are read in context."""
    if request.kind is not SuggestionKind.REPLY or not request.text.strip():
        return request
    talk = request.conversations[-1] if request.conversations else None
    if talk is None or (talk.turns and talk.turns[-1].text.strip() == request.text.strip()):
        return request
    added = Turn(id=f"t{len(talk.turns) + 1:03d}_asked", speaker=CUSTOMER, text=request.text)
    return replace(request, conversations=(*request.conversations[:-1], replace(talk, turns=(*talk.turns, added))))


def _turns(transcript: Transcript, sources: Sequence[Source]) -> tuple[Source, ...]:
    by_id = {source.source_id: source for source in sources}
    ids = [turn_source_id(transcript.id, turn.id) for turn in transcript.turns]
    return tuple(by_id[one] for one in ids if one in by_id)


def _signals(request: Request, detector: SignalDetector | None) -> list[tuple[Signal, ...]]:
    if request.signals:
        return [request.signals, *(() for _ in request.conversations[1:])]
    if detector is None:
        return [() for _ in request.conversations]
    return [detector.detect(transcript, lexicon=request.lexicon) for transcript in request.conversations]


def _query(request: Request) -> str:
    """Return what to search for: the words asked, or the customer's own words of the talks."""
    if request.text.strip():
        return request.text
    said = [turn.text for talk in request.conversations for turn in talk.turns if turn.speaker == CUSTOMER]
    facts = [one for one in (request.account,) if one is not None]
    return " ".join([*(f"{one.industry} {one.product} {one.notes}" for one in facts), *said[-6:]]).strip()


def citations_of(envelope: Envelope) -> list[Citation]:
    """Return every citation of an envelope."""
    return [citation for one in envelope.suggestions for claim in one.claims for citation in claim.citations]
