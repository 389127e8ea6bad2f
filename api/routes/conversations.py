"""Chats, notes, e-mails, minutes and transcripts made elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from api.callers import SECURED, Caller, Reader, Writer
from api.documents import (
    ConversationSummaryDocument,
    Identifier,
    Page,
    Stored,
    TranscriptBody,
    TurnsBody,
    TurnsStored,
    answer,
    location,
)
from api.errors import documented
from api.idempotency import IdempotentRoute
from api.pages import Cursors, CursorToken, Limit, moment_and_id
from api.parts import parts_of
from api.rights import SEES_ALL, refuse_unseen, sees, visible_reps, whose
from api.sharing import shown_transcript
from domain.conversation import Transcript, Turn
from domain.errors import InputError, NotFoundError
from store.additions import Addition
from store.conversations import ConversationFilter, ConversationSummary
from store.turn_intake import TurnIntake, look_again
from wire.documents import dump_transcript, read

router = APIRouter(
    prefix="/v1/conversations", tags=["conversations"], dependencies=SECURED, route_class=IdempotentRoute
)

MAX_ID = 200


@router.post("", response_model=Stored, responses={**documented(400, 409), 201: {"model": Stored}})
async def put_conversation(request: Request, caller: Writer, body: TranscriptBody) -> JSONResponse:
    """Store a conversation under its id; the same again changes nothing, other words are a new version."""
    if not 0 < len(body.id) <= MAX_ID:
        raise InputError("api.bad_id")
    transcript = replace(body, rep_id=whose(caller, body.rep_id))
    await _refuse_foreign(request, caller, transcript.id)
    async with parts_of(request).store.begin(caller.tenant) as work:
        before = await work.conversations.revision(transcript.id)
        await work.conversations.put(transcript)
        after = await work.conversations.revision(transcript.id)
        number = after.number if after else 0
        jobs = await look_again(work, [transcript.id] if before != after else [])
    stored = Stored(id=transcript.id, revision=number, job_id=jobs.get(transcript.id))
    headers = {"location": location("conversations", transcript.id)}
    return answer(stored.model_dump(), status=200 if before else 201, headers=headers)


@router.post("/{conversation_id}/turns", response_model=TurnsStored, responses=documented(400, 404, 409))
async def add_turns(request: Request, caller: Writer, conversation_id: str, body: TurnsBody) -> JSONResponse:
    """Add turns at the end; a turn of a known id is the same turn again, or an edit of it."""
    turns: tuple[Turn, ...] = read(tuple[Turn, ...], body.turns, what="turns")
    await _refuse_foreign(request, caller, conversation_id)
    addition = Addition(conversation_id=conversation_id, turns=turns, recalled=body.recalled)
    intake: TurnIntake = request.app.state.turn_intake
    added = await intake.add(caller.tenant, addition)
    return answer(TurnsStored(id=conversation_id, changed=added.changed, revision=added.revision).model_dump())


@router.get("", response_model=Page, responses=documented(400))
async def list_conversations(
    request: Request,
    caller: Reader,
    account_id: Identifier | None = None,
    deal_id: Identifier | None = None,
    limit: Limit = 50,
    cursor: CursorToken = None,
) -> JSONResponse:
    """List conversations, newest first."""
    cursors = Cursors(request, caller)
    before = moment_and_id(cursors.read(cursor))
    async with parts_of(request).store.read(caller.tenant) as work:
        reps = await visible_reps(work, caller)
        wanted = ConversationFilter(account_id=account_id, deal_id=deal_id, rep_ids=reps)
        found = await work.conversations.page(wanted, limit=limit + 1, before=before)
    place = lambda each: (each.created_at.isoformat(), each.conversation_id)  # noqa: E731  # named where it is used
    return answer(cursors.page(found, limit, place=place, show=summary_document))


@router.get("/{conversation_id}", responses={**documented(404), 200: {"model": Transcript}})
async def get_conversation(request: Request, caller: Reader, conversation_id: str) -> JSONResponse:
    """Return a conversation as a Transcript."""
    await _refuse_foreign(request, caller, conversation_id)
    async with parts_of(request).store.read(caller.tenant) as work:
        transcript = await work.conversations.get(conversation_id)
        if transcript is None:
            raise NotFoundError("store.no_conversation")
        transcript = await shown_transcript(work, caller, transcript)
    return answer(dump_transcript(transcript))


def summary_document(summary: ConversationSummary) -> dict[str, Any]:
    """Return a conversation as lists show it."""
    return ConversationSummaryDocument(
        id=summary.conversation_id,
        kind=summary.kind,
        started_at=summary.started_at,
        account_id=summary.account_id,
        deal_id=summary.deal_id,
        rep_id=summary.rep_id,
        created_at=summary.created_at,
    ).model_dump(mode="json")


async def _refuse_foreign(request: Request, caller: Caller, conversation_id: str) -> None:
    """Refuse a conversation that is there and is not the caller's to see."""
    if caller.role in SEES_ALL:
        return
    async with parts_of(request).store.read(caller.tenant) as work:
        transcript = await work.conversations.summary(conversation_id)
        seen = transcript is None or await sees(
            work, caller, rep_id=transcript.rep_id, object_kind="conversation", object_id=conversation_id
        )
    missing = NotFoundError("store.no_conversation")
    await refuse_unseen(
        request, caller, seen=seen, missing=missing, object_kind="conversation", object_id=conversation_id
    )
