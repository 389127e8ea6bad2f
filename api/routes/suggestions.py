"""Briefs, replies and answers: as JSON, or as events, one for each verified sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import TypedDict

from fastapi import APIRouter, Request, Response

from api.callers import SECURED, Caller, Rep
from api.documents import AskBody, BriefBody, PreparationBody, answer
from api.errors import documented, language_of, status_of
from api.events import Event, stream, wants_events, with_heartbeats
from api.fields import refuse_foreign
from api.idempotency import IdempotentRoute
from api.parts import coach_of, parts_of
from api.rights import refuse_unseen, sees
from domain.accounts import Account, Deal
from domain.conversation import Transcript
from domain.errors import InputError, NotFoundError, ZhanqingError
from domain.lexicon import Lexicon
from domain.suggestions import Envelope, StartedOver, StreamEvent, SuggestionKind, VerifiedSentence
from store.webhooks import WebhookEvent
from store.work import Work
from wire.documents import dump

router = APIRouter(prefix="/v1", tags=["suggestions"], dependencies=SECURED, route_class=IdempotentRoute)

_ANSWERS = {**documented(400, 404, 409), 200: {"model": Envelope, "content": {"text/event-stream": {}}}}


class Surroundings(TypedDict):
    """What is known around a question."""

    conversation: Transcript | None
    deal: Deal | None
    account: Account | None
    lexicon: Lexicon
    rep_id: str | None


class Material(TypedDict):
    """What something is drafted from."""

    conversations: list[Transcript]
    account: Account | None
    lexicon: Lexicon
    rep_id: str | None


@router.post("/ask", responses=_ANSWERS)
async def ask(request: Request, caller: Rep, body: AskBody) -> Response:
    """Answer a question about a deal, a customer, the case base or a document, or say what is missing."""
    around = await _surroundings(request, caller, body)
    coach = await coach_of(request)
    if wants_events(request):
        return stream(_events(request, caller, coach.stream_ask(caller.tenant, body.text, **around)))
    return await _told(request, caller, await coach.ask(caller.tenant, body.text, **around))


@router.post("/replies", responses=_ANSWERS)
async def reply(request: Request, caller: Rep, body: AskBody) -> Response:
    """Recommend up to three replies to the customer's words."""
    if wants_events(request):
        around = await _surroundings(request, caller, body)
        coach = await coach_of(request)
        return stream(_events(request, caller, coach.stream_reply(caller.tenant, body.text, **around)))
    return answer(dump(await said_reply(request, caller, body)))


@router.post("/briefs", responses=_ANSWERS)
async def brief(request: Request, caller: Rep, body: BriefBody) -> Response:
    """Draft the 战情简报 of a customer."""
    about = await _material(request, caller, body)
    if about["account"] is None and not about["conversations"]:
        raise InputError("api.nothing_to_say")
    coach = await coach_of(request)
    return await _drafted(request, caller, coach.brief(caller.tenant, **about))


@router.post("/preparations", responses=_ANSWERS)
async def prepare(request: Request, caller: Rep, body: PreparationBody) -> Response:
    """Draft talk lines for practice, a first-call outline, a follow-up plan, or a summary for the CRM."""
    about = await _material(request, caller, body)
    if about["account"] is None and not about["conversations"] and not body.text.strip():
        raise InputError("api.nothing_to_say")
    coach = await coach_of(request)
    kind = SuggestionKind(body.kind)
    return await _drafted(request, caller, coach.prepare(caller.tenant, kind, text=body.text, **about))


async def said_reply(request: Request, caller: Caller, body: AskBody) -> Envelope:
    """Return recommended replies, with subscribers told; for every door that leads to the coach."""
    around = await _surroundings(request, caller, body)
    coach = await coach_of(request)
    envelope = await coach.reply(caller.tenant, body.text, **around)
    await _tell(request, caller, envelope)
    return envelope


async def said_brief(request: Request, caller: Caller, body: BriefBody) -> Envelope:
    """Return the brief of a customer, with subscribers told."""
    about = await _material(request, caller, body)
    coach = await coach_of(request)
    envelope = await coach.brief(caller.tenant, **about)
    await _tell(request, caller, envelope)
    return envelope


async def _drafted(request: Request, caller: Caller, drafted: Awaitable[Envelope]) -> Response:
    if wants_events(request):
        return stream(_events(request, caller, _by_sentence(drafted)))
    return await _told(request, caller, await drafted)


async def _told(request: Request, caller: Caller, envelope: Envelope) -> Response:
    await _tell(request, caller, envelope)
    return answer(dump(envelope))


async def _events(request: Request, caller: Caller, said: AsyncIterator[StreamEvent]) -> AsyncIterator[Event | None]:
    """Yield each verified sentence with its citations, then the whole envelope; `restart` takes sentences back."""
    try:
        async for event in with_heartbeats(said):
            match event:
                case None:
                    yield None
                case VerifiedSentence():
                    yield Event(
                        event="sentence", data={"suggestion_id": event.suggestion_id, "claim": dump(event.claim)}
                    )
                case StartedOver():
                    yield Event(event="restart", data={})
                case Envelope():
                    await _tell(request, caller, event)
                    yield Event(event="result", data=dump(event))
    except ZhanqingError as error:
        data = {"code": error.code, "status": status_of(error), "detail": error.line(language_of(request))}
        yield Event(event="error", data=data)


async def _by_sentence(drafted: Awaitable[Envelope]) -> AsyncIterator[StreamEvent]:
    envelope = await drafted
    for one in envelope.suggestions:
        for claim in one.claims:
            yield VerifiedSentence(suggestion_id=one.id, tactic=one.tactic, claim=claim)
    yield envelope


async def _tell(request: Request, caller: Caller, envelope: Envelope) -> None:
    """Let subscribers know that there is a suggestion, not what it says."""
    data = {"decision_id": envelope.decision_id, "kind": envelope.kind.value, "abstained": envelope.abstained}
    async with parts_of(request).store.begin(caller.tenant) as work:
        await work.webhooks.emit(WebhookEvent.SUGGESTION_CREATED, data)


async def _material(request: Request, caller: Caller, body: BriefBody) -> Material:
    """Bring together the conversations and the account that a request sends or names."""
    async with parts_of(request).store.read(caller.tenant) as work:
        stored = [await _conversation(request, work, caller, each) for each in body.conversation_ids]
        given = [await _given(request, work, caller, each) for each in body.conversations]
        account = body.account or (await _account(work, body.account_id) if body.account_id else None)
        await _refuse_foreign(request, work, caller, account, None)
        lexicon = await work.lexicons.all()
    return Material(conversations=[*given, *stored], account=account, lexicon=lexicon, rep_id=caller.rep_id)


async def _surroundings(request: Request, caller: Caller, body: AskBody) -> Surroundings:
    """Bring together what came with a request and what it names."""
    async with parts_of(request).store.read(caller.tenant) as work:
        conversation = await _given(request, work, caller, body.conversation) if body.conversation else None
        if conversation is None and body.conversation_id:
            conversation = await _conversation(request, work, caller, body.conversation_id)
        deal = body.deal or (await _deal(work, body.deal_id) if body.deal_id else None)
        account = body.account or (await _account(work, body.account_id) if body.account_id else None)
        await _refuse_foreign(request, work, caller, account, deal)
        lexicon = await work.lexicons.all()
    return Surroundings(conversation=conversation, deal=deal, account=account, lexicon=lexicon, rep_id=caller.rep_id)


async def _conversation(request: Request, work: Work, caller: Caller, conversation_id: str) -> Transcript:
    missing = NotFoundError("store.no_conversation")
    transcript = await work.conversations.get(conversation_id)
    if transcript is None:
        raise missing
    kind = "conversation"
    seen = await sees(work, caller, rep_id=transcript.rep_id, object_kind=kind, object_id=conversation_id)
    await refuse_unseen(request, caller, seen=seen, missing=missing, object_kind=kind, object_id=conversation_id)
    return transcript


async def _given(request: Request, work: Work, caller: Caller, transcript: Transcript) -> Transcript:
    """Return a conversation that came with a request, unless one of that id is there and not the caller's."""
    kept = await work.conversations.summary(transcript.id)
    if kept is not None:
        await _conversation(request, work, caller, transcript.id)
    return transcript


async def _refuse_foreign(
    request: Request, work: Work, caller: Caller, account: Account | None, deal: Deal | None
) -> None:
    """Refuse to coach on, or to overwrite, what is kept as somebody else's record."""
    if account is not None:
        await refuse_foreign(request, work, caller, await work.accounts.get(account.account_id))
    if deal is not None:
        await refuse_foreign(request, work, caller, await work.deals.get(deal.deal_id))


async def _account(work: Work, account_id: str) -> Account:
    account = await work.accounts.get(account_id)
    if account is None:
        raise NotFoundError("api.no_account")
    return account


async def _deal(work: Work, deal_id: str) -> Deal:
    deal = await work.deals.get(deal_id)
    if deal is None:
        raise NotFoundError("api.no_deal")
    return deal
