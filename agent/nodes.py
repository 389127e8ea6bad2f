"""The first steps of an answer as plain functions: understand what is asked, gather what may answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.concerns import Concerns, in_other_words
from agent.engines import Engine
from agent.moments import LostMoment, lost_moments
from agent.screening import refusal, without_orders
from agent.shelf import Shelf, Shelves
from agent.support import SupportScorer
from agent.tasks import Request, Talk, Task, asked_intents, asked_turn, trace_of
from domain.accounts import Account, Deal
from domain.cases import CaseHit
from domain.conversation import CUSTOMER, Transcript, Turn
from domain.signals import Signal
from domain.sources import Source, SourceStatus, account_source_id, deal_source_id, turn_source_id
from domain.suggestions import AbstentionReason, Retrieved, SuggestionKind
from retrieval.results import Search
from signals.pipeline import SignalDetector
from store.work import Store, Work

_FUSION_K = 60
TOP_K = 12
"""Cases looked at per request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the steps work with.

    Attributes:
        detector: Finds intents, emotions, competitors; without one a task has no signals.
        concerns: Reads what the customers of cases wanted.
        engine: Drafts.
        fallback: Drafts where nothing that the engine wrote passes the gate; None where the engine is the composer.
    """

    store: Store
    search: Search
    shelves: Shelves
    scorer: SupportScorer
    engine: Engine
    fallback: Engine | None = None
    detector: SignalDetector | None = None
    concerns: Concerns = field(default_factory=lambda: Concerns(None))


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
    async with parts.store.begin(request.tenant) as work:
        request, stored, revisions = await _stored(request, work)
    transcripts = _with_words_as_turn(request)
    shelf = await parts.shelves.of(request.tenant)
    query = _query(request)
    signals = await asyncio.to_thread(_signals, request, transcripts, parts.detector)
    hits, trace = await _found(request, parts, query, _other_words(request, transcripts, signals))
    concerns = await asyncio.to_thread(_concerns, request, hits, shelf, parts.concerns)
    talks = [
        Talk(transcript=transcript, signals=found, sources=_turns(transcript, stored))
        for transcript, found in zip(transcripts, signals, strict=True)
    ]
    moments = _moments(talks) if request.kind is SuggestionKind.TIPS else ()
    found_for = {one.turn.id: await parts.search.search(request.tenant, one.query, top_k=TOP_K) for one in moments}
    moment_traces = (line for one in moments for line in trace_of(one.query, found_for[one.turn.id].hits))
    return Task(
        request=request,
        shelf=shelf,
        hits=hits,
        trace=(*trace, *moment_traces),
        concerns=concerns,
        moments=moments,
        moment_hits={turn_id: result.hits for turn_id, result in found_for.items()},
        talks=tuple(talks),
        fields=tuple(source for source in stored if source.source_id.startswith("crm:")),
        account=request.account,
        deal=request.deal,
        revisions=revisions,
    )


def _moments(talks: Sequence[Talk]) -> tuple[LostMoment, ...]:
    return tuple(moment for talk in talks[:1] for moment in lost_moments(talk.transcript, talk.signals))


async def _found(
    request: Request, parts: Parts, query: str, other_words: str
) -> tuple[tuple[CaseHit, ...], tuple[Retrieved, ...]]:
    """Search for the words, with a deal's industry and product, and for a reply in other words; fused by rank."""
    deal = request.deal or request.account
    context = f"{deal.industry} {deal.product}".strip() if deal and request.kind is not SuggestionKind.ASK else ""
    queries = [one for one in (query, f"{query} {context}" if context and query else "", other_words) if one]
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


async def _stored(request: Request, work: Work) -> tuple[Request, list[Source], dict[str, int]]:
    """Put conversations, account and deal into the store; return them with their ids, sources and revisions."""
    prefixes = []
    account: Account | None = None
    deal: Deal | None = None
    if request.account is not None:
        account = await work.accounts.put(request.account)
        prefixes.append(account_source_id(account.account_id, "_").removesuffix("_"))
    if request.deal is not None:
        deal = await work.deals.put(request.deal)
        prefixes.append(deal_source_id(deal.deal_id, "_").removesuffix("_"))
    revisions: dict[str, int] = {}
    talks = tuple([await _store_talk(transcript, work) for transcript in request.conversations])
    for transcript in talks:
        revision = await work.conversations.revision(transcript.id)
        revisions[transcript.id] = revision.number if revision else 0
        prefixes.append(turn_source_id(transcript.id, "_").removesuffix("_"))
    sources = [source for prefix in prefixes for source in await work.sources.under(prefix)]
    live = [source for source in sources if source.status is SourceStatus.LIVE]
    return replace(request, conversations=talks, account=account, deal=deal), live, revisions


async def _store_talk(transcript: Transcript, work: Work) -> Transcript:
    """Store a conversation and return it; one that has gone on since the caller read it is taken as it is now."""
    known = await work.conversations.get(transcript.id)
    length = len(transcript.turns)
    if known is not None and len(known.turns) > length and known.turns[:length] == transcript.turns:
        return known
    return await work.conversations.put(transcript)


def _with_words_as_turn(request: Request) -> tuple[Transcript, ...]:
    """Return the talks to be read: for a reply, words that nobody has noted yet stand at the end of the last one.

    They are read in context there, and are not stored: a record holds only what its channel brought.
    """
    talks = request.conversations
    if request.kind is not SuggestionKind.REPLY or not request.text.strip():
        return talks
    if not talks:
        return (Transcript(id="asked", turns=(Turn(id="t001", speaker=CUSTOMER, text=request.text),)),)
    meant = asked_turn(talks[-1], request.text)
    if meant is not None and meant.text.strip() == request.text.strip():
        return talks
    added = Turn(id=f"t{len(talks[-1].turns) + 1:03d}_asked", speaker=CUSTOMER, text=request.text)
    return (*talks[:-1], replace(talks[-1], turns=(*talks[-1].turns, added)))


def _other_words(request: Request, transcripts: Sequence[Transcript], signals: Sequence[Sequence[Signal]]) -> str:
    """What other customers say who want what these words want."""
    if request.kind is not SuggestionKind.REPLY or not transcripts:
        return ""
    return in_other_words(one.label for one in asked_intents(transcripts[-1], signals[-1], request.text))


def _turns(transcript: Transcript, sources: Sequence[Source]) -> tuple[Source, ...]:
    by_id = {source.source_id: source for source in sources}
    ids = [turn_source_id(transcript.id, turn.id) for turn in transcript.turns]
    return tuple(by_id[one] for one in ids if one in by_id)


def _signals(
    request: Request, transcripts: Sequence[Transcript], detector: SignalDetector | None
) -> list[tuple[Signal, ...]]:
    if request.signals:
        return [request.signals, *(() for _ in transcripts[1:])]
    if detector is None:
        return [() for _ in transcripts]
    return [detector.detect(transcript, lexicon=request.lexicon) for transcript in transcripts]


def _concerns(
    request: Request, hits: Sequence[CaseHit], shelf: Shelf, concerns: Concerns
) -> Mapping[str, frozenset[str]]:
    """What the customers of the cases that a reply may draw on wanted."""
    if request.kind is not SuggestionKind.REPLY:
        return {}
    return concerns.of(case for hit in hits if (case := shelf.cases.get(hit.case_id)) is not None)


def _query(request: Request) -> str:
    """Return what to search for: the words asked, or the customer's own words of the talks."""
    if request.text.strip():
        return request.text
    said = [turn.text for talk in request.conversations for turn in talk.turns if turn.speaker == CUSTOMER]
    facts = [one for one in (request.account,) if one is not None]
    return " ".join([*(f"{one.industry} {one.product} {one.notes}" for one in facts), *said[-6:]]).strip()
